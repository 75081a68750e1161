/**
 * The options about logs.
 *
 * @module
 */

import { resolve } from "node:path";
import { parseLogFormat } from "../logs/format.ts";
import type { OptionSpec } from "./option_spec.ts";

/** The options, in the order of the help text. */
export const LOG_OPTIONS: readonly OptionSpec[] = [
  {
    name: "access-log",
    value: "FILE|-",
    group: "Logs",
    help:
      "Append a line for each request to FILE, or to standard output. SIGUSR1 opens the file again",
    apply: (settings, text) => settings.accessLog = text,
    relativeTo: (folder, text) => text === "-" ? text : resolve(folder, text),
  },
  {
    name: "access-log-format",
    value: "FORMAT",
    choices: ["json", "common", "combined"],
    needs: "access-log",
    group: "Logs",
    help:
      "What the lines look like: json, common, combined, or directives as Apache has them, such as " +
      "'%h %t \"%r\" %>s %b %T' (see docs/logs.md)",
    default: "json",
    apply: (settings, text, name) => settings.accessLogFormat = parseLogFormat(text, name),
  },
];
