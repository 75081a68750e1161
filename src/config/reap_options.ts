/**
 * The command `reap` and its options.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { isEndpoint } from "../mongrel2/codec/spec.ts";
import type { CommandOption, CommandTable } from "./command_options.ts";
import { applyOptions } from "./command_options.ts";
import { mongrel2From } from "./relative_paths.ts";
import { parseDuration } from "./values.ts";

/** The settings of `gatehouse reap`. */
export interface ReapSettings {
  /** The control port. */
  control: string;
  /** Where Mongrel2 takes replies; without it, nobody is told why its connection ends. */
  recv: string | undefined;
  /** How long a request may last, in milliseconds; 0 for any time. */
  maxLifetimeMs: number;
  /** How long a connection may last without a byte, in milliseconds; 0 for any time. */
  maxIdleMs: number;
  /** Whether connections are looked at once, or again and again. */
  times: "once" | "on";
}

const DEFAULT_CONTROL = "ipc://run/control";

const OPTIONS: readonly CommandOption<ReapSettings>[] = [
  {
    name: "max-lifetime",
    value: "SECONDS",
    help: "End connections whose last request began, or that were opened, so long ago. 0 disables",
    default: "60",
    apply: (settings, text, name) => settings.maxLifetimeMs = parseDuration(name, text),
  },
  {
    name: "max-idle-time",
    value: "SECONDS",
    help: "End connections on which nothing has come or gone for so long. 0 disables",
    default: "30",
    apply: (settings, text, name) => settings.maxIdleMs = parseDuration(name, text),
  },
  {
    name: "oneshot",
    help: "Look once, and exit",
    apply: (settings) => settings.times = "once",
  },
];

/** The command. */
export const REAP_COMMAND: CommandTable<ReapSettings> = {
  name: "reap",
  subcommands: [
    {
      name: "",
      usage: "[CONTROL [RECV]] [OPTIONS]",
      help:
        "Ends connections of a Mongrel2 that have lasted too long: asks its control port at CONTROL, " +
        "by default ipc://run/control, once a second. With RECV, where Mongrel2 takes replies of its " +
        "handlers, clients that have got nothing yet are sent 408 (Request Timeout) first",
    },
  ],
  notes: `Mongrel2 counts time in steps of limits.tick_timer, 10 seconds unless set.
  Connections that have sent no whole request yet are its own to end
  (limits.min_ping and others).`,
  options: OPTIONS,
};

/**
 * Reads the words after `reap`; paths in them begin at `cwd`.
 *
 * @throws {ConfigError} if they cannot be understood
 */
export function parseReap(args: readonly string[], cwd: string): ReapSettings {
  const settings: ReapSettings = {
    control: DEFAULT_CONTROL,
    recv: undefined,
    maxLifetimeMs: 60_000,
    maxIdleMs: 30_000,
    times: "on",
  };
  const { words, rest } = applyOptions(REAP_COMMAND, REAP_COMMAND.subcommands[0], args, settings);
  const [control = DEFAULT_CONTROL, recv, ...more] = [...words, ...rest];
  if (more.length > 0) {
    throw new ConfigError(`reap takes CONTROL and RECV, and no ${JSON.stringify(more[0])}`);
  }
  if (settings.maxLifetimeMs + settings.maxIdleMs === 0) {
    throw new ConfigError("reap needs --max-lifetime or --max-idle-time: both are 0");
  }
  return {
    ...settings,
    control: endpointIn("CONTROL", control, cwd),
    recv: recv === undefined ? undefined : endpointIn("RECV", recv, cwd),
  };
}

function endpointIn(name: string, text: string, cwd: string): string {
  if (isEndpoint(text)) return mongrel2From(text, cwd);
  throw new ConfigError(
    `${name} takes a ZeroMQ endpoint such as tcp://127.0.0.1:9998 or ipc://run/control, not ` +
      JSON.stringify(text),
  );
}
