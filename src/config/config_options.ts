/**
 * The options about the configuration file.
 *
 * @module
 */

import type { OptionSpec } from "./options.ts";

/** The options, in the order of the help text. */
export const CONFIG_OPTIONS: readonly OptionSpec[] = [
  {
    name: "config",
    value: "FILE",
    givenBy: "flag or variable",
    group: "Configuration",
    help: "Read apps and options from FILE, in the form of PasteDeploy; NAME=VALUE among the " +
      "arguments is then a value for %(NAME)s",
    apply: (settings, text) => settings.configFile = text,
  },
  {
    name: "server-name",
    value: "NAME",
    givenBy: "flag or variable",
    group: "Configuration",
    help: "Take the options of the file's section [server:NAME]",
    default: "main",
    apply: (settings, text) => settings.serverName = text,
  },
  {
    name: "app-name",
    value: "NAME",
    givenBy: "flag or variable",
    group: "Configuration",
    help: "Serve what the file's section [app:NAME], [composite:NAME] or [pipeline:NAME] names",
    default: "main",
    apply: (settings, text) => settings.appName = text,
  },
];
