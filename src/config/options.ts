/**
 * The option table: the one place that says which options there are, what they take and what they
 * do. The command line, the help text, variables and keys of configuration files come from it.
 *
 * @module
 */

import { RANGES } from "../limits/setting_ranges.ts";
import { APP_PERMISSION_OPTIONS } from "./app_permission_options.ts";
import { CERTIFICATE_OPTIONS } from "./certificate_options.ts";
import { COMPRESSION_OPTIONS } from "./compression_options.ts";
import { CONFIG_OPTIONS, SITE_OPTION } from "./config_options.ts";
import { CONTAINMENT_OPTIONS } from "./containment_options.ts";
import { ENDPOINT_OPTIONS } from "./endpoint_options.ts";
import { FILE_OPTIONS, SENDFILE_OPTIONS } from "./file_options.ts";
import { GATEWAY_LOG_OPTIONS } from "./gateway_log_options.ts";
import { LIMIT_OPTIONS } from "./limit_options.ts";
import { CACHE_OPTIONS, LOADER_OPTIONS } from "./loader_options.ts";
import { LOG_OPTIONS } from "./log_options.ts";
import { CONTROL_OPTION } from "./mongrel2_options.ts";
import { MONITORING_OPTIONS } from "./monitoring_options.ts";
import { addMount } from "./mounts.ts";
import type { OptionSpec } from "./option_spec.ts";
import { PROCESS_OPTIONS } from "./process_options.ts";
import { PROXY_OPTIONS } from "./proxy_options.ts";
import { moduleFrom } from "./relative_paths.ts";
import { RELOAD_OPTIONS } from "./reload_options.ts";
import { parseCount } from "./values.ts";

const APP_OPTIONS: readonly OptionSpec[] = [
  {
    name: "mount",
    value: "PREFIX=APP[,strip]",
    repeats: true,
    // A response's fields have blanks.
    separator: /\s+(?=\/[^\s=]*=)/,
    group: "Apps",
    brief: "Serve APP below the path PREFIX",
    help:
      "Serve APP, a folder of files, or a response below the path PREFIX. The longest prefix wins. " +
      "The app sees the whole path, or with ,strip what follows the prefix. A response is " +
      "respond:CODE[,status=PHRASE][,location=URL][,header=NAME: VALUE]...[,body=TEXT], with " +
      "placeholders (see gatehouse help respond) and two commas for one of a value",
    apply: addMount,
    relativeTo: (folder, text) => text.replace(/(?<==).+/s, (app) => moduleFrom(app, folder)),
  },
  {
    name: "workers",
    value: "N",
    group: "Apps",
    brief: "Run apps in N workers",
    help: "Run the apps in N workers. 0 runs them on the gateway's own thread",
    default: "number of cores",
    apply: (settings, text, name) => settings.workers = parseCount(name, text, RANGES.workers),
  },
  {
    name: "factory",
    group: "Apps",
    help: "Call the apps' exports, once in each worker and with their settings, to get the apps",
    apply: (settings) => settings.appKind = "factory",
  },
];

/** All options of `serve`, in the order of the help text. */
export const OPTIONS: readonly OptionSpec[] = [
  ...ENDPOINT_OPTIONS,
  ...CERTIFICATE_OPTIONS,
  ...PROXY_OPTIONS,
  ...COMPRESSION_OPTIONS,
  ...APP_OPTIONS,
  ...FILE_OPTIONS,
  ...SENDFILE_OPTIONS,
  ...CONFIG_OPTIONS,
  ...LOADER_OPTIONS,
  ...RELOAD_OPTIONS,
  ...PROCESS_OPTIONS,
  ...GATEWAY_LOG_OPTIONS,
  ...LOG_OPTIONS,
  ...MONITORING_OPTIONS,
  ...APP_PERMISSION_OPTIONS,
  ...LIMIT_OPTIONS,
  ...CONTAINMENT_OPTIONS,
  CONTROL_OPTION,
  SITE_OPTION,
  ...CACHE_OPTIONS,
  {
    name: "help",
    letter: "h",
    givenBy: "flag",
    group: "Other",
    help: "Show help",
    apply() {},
  },
  {
    name: "version",
    letter: "V",
    givenBy: "flag",
    group: "Other",
    help: "Show the versions of gatehouse and of what it runs on",
    apply() {},
  },
];
