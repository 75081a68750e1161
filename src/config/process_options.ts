/**
 * The options about the processes that gatehouse runs as.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { ListenAddress } from "../net/address.ts";
import { parseListenAddress } from "../net/address.ts";
import { RANGES } from "../limits/setting_ranges.ts";
import { parseRedisUrl } from "../signals/redis_address.ts";
import type { OptionSpec } from "./option_spec.ts";
import type { ServeSettings, UserSetting } from "./settings.ts";
import { MAX_PROFILE_MS } from "./settings.ts";
import { parseCount, parseDuration } from "./values.ts";

/** The options, in the order of the help text. */
export const PROCESS_OPTIONS: readonly OptionSpec[] = [
  {
    name: "processes",
    value: "N",
    group: "Processes",
    help:
      "Run N gateway processes that share the TCP ports, each with its own --workers, and one " +
      "more that supervises them. 0 runs a single process",
    default: "0",
    apply: (settings, text, name) => settings.processes = parseCount(name, text, RANGES.processes),
  },
  {
    name: "signals",
    value: "URL",
    group: "Processes",
    help: "Let signals and topics reach other machines through Redis or Valkey, at " +
      "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// over TLS. Give a password in " +
      "the variable or a file: others can see command lines",
    apply: (settings, text, name) => settings.signals = parseRedisUrl(text, name),
  },
  {
    name: "user",
    value: "USER[:GROUP]",
    group: "Processes",
    help:
      "Become this user, and drop root's privileges and groups for good, once the sockets are " +
      "open and before any app is loaded. Names or numbers. The supervisor of --processes stays root",
    apply: (settings, text, name) => settings.user = parseUser(text, name),
  },
  {
    name: "pidfile",
    value: "FILE",
    group: "Processes",
    help: "Write the process ID to FILE once gatehouse is ready, and remove it at the end",
    apply: (settings, text) => settings.pidfile = text,
  },
  {
    name: "inspect",
    value: "[=ADDR]",
    group: "Processes",
    help: "Let debuggers inspect the gateway and its workers, at PORT or HOST:PORT (default " +
      "127.0.0.1:9229). Refused when apps may use the network, unless they may do everything",
    apply: (settings, text, name) => settings.inspect = inspectorAddress(text, name),
  },
  {
    name: "profile",
    value: "DIR",
    group: "Processes",
    help: "Put a CPU profile of the gateway and of each worker into DIR, for DevTools: from the " +
      "start to the end, or for --profile-seconds",
    apply: (settings, text) => settings.profileFolder = text,
  },
  {
    name: "profile-seconds",
    value: "SECONDS",
    needs: "profile",
    group: "Processes",
    help: "End the profiles after this long, and go on serving",
    default: "600",
    apply: setProfileTime,
  },
];

/** Reads `USER` or `USER:GROUP`, names or numbers, for the option `name`. */
export function parseUser(text: string, name: string): UserSetting {
  // No account's name has a colon, a slash or a control character, and none begins with a hyphen.
  const [whole, user, group] = /^([^:/\p{Cc}-][^:/\p{Cc}]*)(?::([^:/\p{Cc}-][^:/\p{Cc}]*))?$/u
    .exec(text) ?? [];
  if (whole !== undefined) return { user, group };
  throw new ConfigError(`${name} takes USER or USER:GROUP, not ${JSON.stringify(text)}`);
}

function setProfileTime(settings: ServeSettings, text: string, name: string): void {
  const profileMs = parseDuration(name, text);
  if (profileMs === 0 || profileMs > MAX_PROFILE_MS) {
    throw new ConfigError(`${name} takes a time from 1ms to 10m, not ${JSON.stringify(text)}`);
  }
  settings.profileMs = profileMs;
}

/** Where debuggers look first. */
const DEFAULT_INSPECTOR = "127.0.0.1:9229";

function inspectorAddress(text: string, name: string): NonNullable<ServeSettings["inspect"]> {
  // These two are what it shows, one as the other.
  const isDefault = text === "" || text === "gateway" || text === "worker";
  const address = namedAddress(isDefault ? DEFAULT_INSPECTOR : text, name);
  if (address.transport === "tcp") return address;
  throw new ConfigError(`${name} takes PORT or HOST:PORT, not a unix socket`);
}

function namedAddress(text: string, name: string): ListenAddress {
  try {
    return parseListenAddress(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`${name}: ${error.message}`);
  }
}
