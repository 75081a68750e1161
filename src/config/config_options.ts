/**
 * The options about the configuration file.
 *
 * @module
 */

import { parseSite } from "./fronts/site_address.ts";
import type { OptionSpec } from "./option_spec.ts";

/** The options, in the order of the help text. */
export const CONFIG_OPTIONS: readonly OptionSpec[] = [
  {
    name: "config",
    value: "FILE",
    givenBy: "flag or variable",
    group: "Configuration",
    brief: "Read apps and options from FILE",
    help: "Read apps and options from FILE, in PasteDeploy's format. Arguments of the form " +
      "NAME=VALUE then set %(NAME)s",
    apply: (settings, text) => settings.configFile = text,
  },
  {
    name: "server-name",
    value: "NAME",
    givenBy: "flag or variable",
    group: "Configuration",
    help: "Use the options in the section [server:NAME] of the file",
    default: "main",
    apply: (settings, text) => settings.serverName = text,
  },
  {
    name: "app-name",
    value: "NAME",
    givenBy: "flag or variable",
    group: "Configuration",
    help: "Serve the section [app:NAME], [composite:NAME] or [pipeline:NAME] of the file",
    default: "main",
    apply: (settings, text) => settings.appName = text,
  },
];

/** The option of `gatehouse config SERVER` alone. */
export const SITE_OPTION: OptionSpec = {
  name: "site",
  value: "WHERE",
  givenBy: "flag",
  group: "Other",
  help:
    "Have the web server, whose configuration is printed, serve NAME, ADDRESS or [IPV6], each " +
    "with or without :PORT, or :PORT. Without it, every name at port 80, or at 443 with --cert. " +
    "For config SERVER",
  apply: (settings, text, name) => settings.site = parseSite(text, name),
};
