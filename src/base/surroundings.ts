/**
 * What a process was started in and with, copied before any app runs. Apps share the process: what
 * they set of its environment, and where they move its working directory to, is so for all of it. The
 * gateway looks at its copy, and nowhere else.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "./errors.ts";

/** The copy. It is frozen, and nothing in it changes. */
export interface Surroundings {
  /** Arguments of the program. */
  readonly args: readonly string[];
  /** All words that the process was started with, the program first, where the system tells. */
  readonly commandLine: readonly string[] | undefined;
  /** Path of the executable, of gatehouse or of Deno; `""` if it may not be known. */
  readonly program: string;
  /** URL of the main module; `""` if it may not be known. */
  readonly mainModule: string;
  /** The environment's variables. On Windows, where case does not matter, their names are in capitals. */
  readonly env: Readonly<Record<string, string>>;
  /** The working directory, which relative paths begin at. */
  readonly cwd: string;
  /** Folder for temporary files. */
  readonly tempFolder: string;
}

/** Where environment variables come from. */
export interface Environment {
  /** Value of the variable `name`. */
  get(name: string): string | undefined;
}

/** Variables that are looked at by name, where not all may be read. */
const KNOWN_VARIABLES: readonly string[] = [
  "APPDATA",
  "DENO_CERT",
  "FCGI_WEB_SERVER_ADDRS",
  "GATEHOUSE_CACHE",
  "GATEHOUSE_LIBZMQ",
  "GATEHOUSE_STATE",
  "HOME",
  "JSR_URL",
  "LOCALAPPDATA",
  "NODE_EXTRA_CA_CERTS",
  "NOTIFY_SOCKET",
  "NPM_CONFIG_REGISTRY",
  "NPM_CONFIG_USERCONFIG",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
  "OTEL_EXPORTER_OTLP_TIMEOUT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
  "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
  "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
  "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_SDK_DISABLED",
  "OTEL_SERVICE_NAME",
  "OTEL_TRACES_EXPORTER",
  "OTEL_TRACES_SAMPLER",
  "OTEL_TRACES_SAMPLER_ARG",
  "PATH",
  "STATE_DIRECTORY",
  "TEMP",
  "TMP",
  "TMPDIR",
  "USERPROFILE",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
  "XDG_CACHE_HOME",
  "XDG_STATE_HOME",
  ...["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
];

/**
 * Copies the surroundings, as far as Deno permits it.
 *
 * @throws {ConfigError} if the working directory no longer exists
 */
export function takeSurroundings(): Surroundings {
  const env = readEnvironment();
  const cwd = workingDirectory();
  const mayRead = Deno.permissions.querySync({ name: "read" }).state === "granted";
  return Object.freeze({
    args: Object.freeze([...Deno.args]),
    commandLine: mayRead ? readCommandLine() : undefined,
    program: mayRead ? Deno.execPath() : "",
    mainModule: mayRead ? Deno.mainModule : "",
    env: Object.freeze(env),
    cwd,
    tempFolder: resolve(cwd, tempFolderOf(environmentOf(env))),
  });
}

/** The variables of `record`, to be asked for by name. */
export function environmentOf(record: Readonly<Record<string, string>>): Environment {
  return {
    get(name) {
      const key = Deno.build.os === "windows" ? name.toUpperCase() : name;
      return Object.hasOwn(record, key) ? record[key] : undefined;
    },
  };
}

/** The same surroundings without the variables `names`. */
export function withoutVariables(
  surroundings: Surroundings,
  names: readonly string[],
): Surroundings {
  const rest = Object.entries(surroundings.env).filter(([name]) => !names.includes(name));
  return Object.freeze({ ...surroundings, env: Object.freeze(Object.fromEntries(rest)) });
}

function readEnvironment(): Record<string, string> {
  const isAllowed = Deno.permissions.querySync({ name: "env" }).state === "granted";
  const entries = isAllowed ? Object.entries(Deno.env.toObject()) : KNOWN_VARIABLES.flatMap(
    (variable): [string, string][] => {
      // Without the question that Deno would ask.
      const { state } = Deno.permissions.querySync({ name: "env", variable });
      const value = state === "granted" ? Deno.env.get(variable) : undefined;
      return value === undefined ? [] : [[variable, value]];
    },
  );
  return Object.fromEntries(
    Deno.build.os === "windows"
      ? entries.map(([name, value]) => [name.toUpperCase(), value])
      : entries,
  );
}

function workingDirectory(): string {
  try {
    return Deno.cwd();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ConfigError("the working directory no longer exists: change to another one");
  }
}

/** As the system has it, or Deno, which asks Rust. */
function tempFolderOf(env: Environment): string {
  if (Deno.build.os !== "windows") return env.get("TMPDIR") || "/tmp";
  return env.get("TMP") || env.get("TEMP") || env.get("USERPROFILE") || "C:\\Windows\\Temp";
}

/** The words that this process was started with, where the system tells. */
function readCommandLine(): readonly string[] | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Object.freeze(Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1));
  } catch (error) {
    // Deno requires all permissions to read /proc, and there may be no /proc.
    const isExpected = error instanceof Deno.errors.NotCapable ||
      error instanceof Deno.errors.NotFound;
    if (!isExpected) throw error;
    return undefined;
  }
}

/** Times that variables are put back while an app goes on setting them. */
const RESTORE_ATTEMPTS = 100;

/**
 * What `make` makes of the runtime's own view of the environment, with the variables `names` there as
 * they are in the copy `env`. What was made while somebody changed them goes to `discard`.
 */
export function restoreVariables<Made>(
  env: Environment,
  names: readonly string[],
  make: () => Made,
  discard: (made: Made) => void,
): Made {
  // Where the process may not look at its environment, neither may an app set it.
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") return make();
  const isChanged = (name: string) => Deno.env.get(name) !== env.get(name);
  for (let attempt = 1;; attempt++) {
    for (const name of names.filter(isChanged)) {
      const value = env.get(name);
      if (value === undefined) deleteVariable(name);
      else setVariable(name, value);
    }
    const made = make();
    // An app's thread may have been at it meanwhile.
    if (!names.some(isChanged) || attempt === RESTORE_ATTEMPTS) return made;
    discard(made);
  }
}

/** Takes a variable out of the environment that apps share, as far as Deno permits it. */
export function deleteVariable(variable: string): void {
  if (mayTouch(variable)) Deno.env.delete(variable);
}

/** Puts a variable into the environment that apps share, as far as Deno permits it. */
export function setVariable(variable: string, value: string): void {
  if (mayTouch(variable)) Deno.env.set(variable, value);
}

function mayTouch(variable: string): boolean {
  return Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}
