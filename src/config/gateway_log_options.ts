/**
 * The options about the log of the gateway itself.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import { LOG_LEVELS } from "../base/log.ts";
import type { CommandOption } from "./command_options.ts";
import type { OptionSpec } from "./option_spec.ts";
import type { ServeSettings } from "./settings.ts";

/** How grave messages of the log are at least, wherever there is one. */
const LOG_LEVEL: CommandOption<Pick<ServeSettings, "logLevel">> = {
  name: "log-level",
  value: "LEVEL",
  choices: LOG_LEVELS,
  help: "Write no less grave messages to the log: error, warning, or info",
  default: "info",
  apply: setLogLevel,
};

/** The options, in the order of the help text. */
export const GATEWAY_LOG_OPTIONS: readonly OptionSpec[] = [
  { ...LOG_LEVEL, group: "Logs" },
  {
    name: "log-format",
    value: "FORMAT",
    choices: ["text", "json"],
    group: "Logs",
    help:
      "Write the log as text, or as json: an object a line, with time, level, message, worker and " +
      "requestId. What apps print is then such lines, too",
    default: "text",
    apply: setLogFormat,
  },
  {
    name: "tag-console",
    group: "Logs",
    help: "Say before each thing that apps print with console of which worker and request it is",
    apply: (settings) => settings.consoleTags = "tagged",
  },
];

/** The options of commands that run no apps. */
export const COMMAND_LOG_OPTIONS: readonly CommandOption<
  Pick<ServeSettings, "logLevel" | "logFormat">
>[] = [
  LOG_LEVEL,
  {
    name: "log-format",
    value: "FORMAT",
    choices: ["text", "json"],
    help: "Write the log as text, or as json: an object a line",
    default: "text",
    apply: setLogFormat,
  },
];

/** Sets the least grave messages that are written, for the option `name`. */
function setLogLevel(
  settings: Pick<ServeSettings, "logLevel">,
  text: string,
  name: string,
): void {
  if (!(LOG_LEVELS as readonly string[]).includes(text)) {
    throw new ConfigError(`${name} takes error, warning or info, not ${JSON.stringify(text)}`);
  }
  settings.logLevel = text as LogLevel;
}

/** Sets how the log is written, for the option `name`. */
function setLogFormat(
  settings: Pick<ServeSettings, "logFormat">,
  text: string,
  name: string,
): void {
  if (text !== "text" && text !== "json") {
    throw new ConfigError(`${name} takes text or json, not ${JSON.stringify(text)}`);
  }
  settings.logFormat = text;
}
