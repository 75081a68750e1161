/**
 * Gathers the settings: from the command line, the environment and the configuration file.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { dirname, resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { FileContents } from "./config_file.ts";
import { readConfigFile } from "./config_file.ts";
import { CONFIG_OPTIONS } from "./config_options.ts";
import { givenByEnvironment } from "./environment.ts";
import type { Given, Origins } from "./given.ts";
import { applyGiven } from "./given.ts";
import { mountApp, mountSection } from "./mounts.ts";
import { valueFrom } from "./relative_paths.ts";
import type { ServeSettings } from "./settings.ts";
import { defaultSettings } from "./settings.ts";

/** What there is besides the command line. */
export interface ConfigSources {
  /** The environment's variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Folder that paths are relative to. */
  readonly cwd: string;
  /** Reads a file; throws if it cannot be read. */
  readTextFile(path: string): string;
  /** Takes what the user should know. */
  warn(message: string): void;
}

/** No environment, and no files. */
export const NO_SOURCES: ConfigSources = {
  env: {},
  cwd: "/",
  readTextFile(path) {
    throw new ConfigError(`${path} does not exist`);
  },
  warn() {},
};

/** What was gathered. */
export interface Gathered {
  /** The settings. */
  readonly settings: ServeSettings;
  /** Where they come from. */
  readonly origins: Origins;
  /** The words of the command line that are left: not values for the file's names. */
  readonly words: readonly string[];
}

/** `name=value` among the words, if there is a configuration file. */
const OVERRIDE = /^([A-Za-z_][\w.-]*)=(.*)$/s;

/**
 * Gathers the settings. The first of `words` that is no `name=value` is the app at the root if they are
 * `apps`, and the rest its middleware.
 *
 * Apps of the command line, by word or `--mount`, set aside those of the environment and the file;
 * likewise for every option.
 *
 * @throws {ConfigError} if anything is wrong
 */
export function gather(
  commandLine: readonly Given[],
  words: readonly string[],
  wordsAre: "apps" | "arguments",
  sources: ConfigSources,
): Gathered {
  const flags = commandLine.map((given) => placed(given, sources.cwd));
  const variables = givenByEnvironment(sources.env, sources.warn)
    .map((given) => placed(given, sources.cwd));
  const settings = defaultSettings();
  const isAboutFile = ({ option }: Given) => CONFIG_OPTIONS.includes(option);
  applyGiven(settings, [variables.filter(isAboutFile), flags.filter(isAboutFile)]);
  const { configFile, serverName, appName } = settings;
  if (configFile === undefined && (serverName ?? appName) !== undefined) {
    throw new ConfigError("--server-name and --app-name need --config FILE");
  }
  const { overrides, others } = configFile === undefined
    ? { overrides: new Map<string, string>(), others: words }
    : withoutOverrides(words);
  const [app, ...middleware] = wordsAre === "apps" ? others : [];
  const areAppsElsewhere = app !== undefined ||
    [...variables, ...flags].some(({ option }) => option.name === "mount");
  const file: FileContents = configFile === undefined ? { given: [], mounts: [] } : readConfigFile(
    readText(configFile, sources),
    configFile,
    dirname(resolve(sources.cwd, configFile)),
    { overrides, serverName, appName, apps: areAppsElsewhere ? "unused" : "taken" },
  );
  if (app !== undefined) mountApp(settings, { prefix: "", app }, app);
  settings.middleware = middleware;
  for (const mount of file.mounts) mountSection(settings, mount);
  const lower = app === undefined ? [file.given, variables] : [file.given, variables].map(
    (layer) => layer.filter(({ option }) => option.name !== "mount"),
  );
  const origins = applyGiven(settings, [...lower, flags]);
  return { settings, origins, words: others };
}

/**
 * What is given, with paths relative to `cwd` made absolute: the working directory may change
 * before they are used. The file's own path stays as given, for messages, and so do the names of
 * apps, which their loader resolves.
 */
function placed(given: Given, cwd: string): Given {
  const { option, text } = given;
  if (text === null || option.givenBy !== undefined || option.name === "mount") return given;
  return { ...given, text: valueFrom(option, text, cwd) };
}

function readText(path: string, { cwd, readTextFile }: ConfigSources): string {
  try {
    return readTextFile(resolve(cwd, path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new ConfigError(`--config ${path} does not exist`);
    }
    throw new ConfigError(`--config ${path} cannot be read: ${messageOf(error)}`);
  }
}

function withoutOverrides(
  words: readonly string[],
): { overrides: Map<string, string>; others: string[] } {
  const overrides = new Map<string, string>();
  const others = words.filter((word) => {
    const [whole, name, value] = OVERRIDE.exec(word) ?? [];
    if (whole !== undefined) overrides.set(name, value);
    return whole === undefined;
  });
  return { overrides, others };
}
