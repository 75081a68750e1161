/**
 * The options about the processes that gatehouse runs as.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import type { OptionSpec } from "./options.ts";
import { parseCount } from "./values.ts";

/** The options, in the order of the help text. */
export const PROCESS_OPTIONS: readonly OptionSpec[] = [
  {
    name: "processes",
    value: "N",
    group: "Processes",
    help:
      "Run N gateway processes that share the TCP ports, each with its own --workers, and one " +
      "more that watches over them; 0 runs the gateway itself",
    default: "0",
    apply: (settings, text, name) => settings.processes = parseCount(name, text, 0, 1_024),
  },
  {
    name: "pidfile",
    value: "FILE",
    group: "Processes",
    help: "Keep the number of the process in this file, from when it is ready to its end",
    apply: (settings, text) => settings.pidfile = text,
  },
  {
    name: "inspect",
    value: "[=WHAT]",
    group: "Processes",
    help: "Let debuggers on this machine inspect the gateway's thread and its workers (WHAT: " +
      "gateway or worker, which are shown by the same inspector)",
    apply: (settings, text, name) => {
      if (text !== "" && text !== "gateway" && text !== "worker") {
        throw new ConfigError(`${name} takes gateway or worker, not ${JSON.stringify(text)}`);
      }
      settings.inspect = text === "worker" ? "workers" : "gateway";
    },
  },
];
