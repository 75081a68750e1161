/**
 * Which registry a package comes from, with which credentials: from `.npmrc` files and the
 * environment.
 *
 * @module
 */

// @ts-types="../../types/ini.d.ts"
import { parse as parseIni } from "ini";
import { ConfigError } from "../../base/errors.ts";
import type { Environment } from "../../base/surroundings.ts";
import { FileFault, readRegularFile } from "../files/regular_file.ts";
import { npmrcPaths } from "./npmrc_paths.ts";

/** The registry unless another one is named. */
export const DEFAULT_REGISTRY = "https://registry.npmjs.org/";
/** Where JSR offers its packages to npm, under the scope `@jsr`. */
const JSR_NPM_REGISTRY = "https://npm.jsr.io/";

/** Size of the largest `.npmrc`. */
const MAX_NPMRC_BYTES = 1_048_576;

/** Settings by key, as they stand in `.npmrc`; what comes first counts. */
type Settings = ReadonlyMap<string, string>;

/**
 * What is configured about registries.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const config = new NpmConfig([
 *   parseNpmrc("registry=https://npm.example.com/all\n//npm.example.com/all/:_authToken=secret", {
 *     get: () => undefined,
 *   }, ".npmrc"),
 * ]);
 * assertEquals(config.registryOf("hono"), "https://npm.example.com/all/");
 * assertEquals(config.authorizationFor("https://npm.example.com/all/hono"), "Bearer secret");
 * assertEquals(config.authorizationFor("https://example.com/all/hono"), undefined);
 * ```
 */
export class NpmConfig {
  readonly #settings: Settings;

  /** Joins settings; those of earlier ones come before those of later ones. */
  constructor(settings: readonly Settings[]) {
    this.#settings = new Map(settings.toReversed().flatMap((each) => [...each]));
  }

  /**
   * Reads the `.npmrc` in `projectDir` (`null` for none) and that of the user. The environment's
   * `NPM_CONFIG_REGISTRY` counts more than both, and `NPM_CONFIG_USERCONFIG` names the user's file.
   *
   * @throws {ConfigError} when a file cannot be used
   */
  static read(projectDir: string | null, env: Environment): Promise<NpmConfig> {
    return new Promise((resolve) => resolve(new NpmConfig(settingsIn(projectDir, env))));
  }

  /** URL of the registry that has the package `name`; ends with a slash. */
  registryOf(name: string): string {
    const scope = name.startsWith("@") ? name.slice(0, name.indexOf("/")) : "";
    return (scope === "" ? undefined : this.#settings.get(`${scope}:registry`)) ??
      (scope === "@jsr" ? JSR_NPM_REGISTRY : undefined) ??
      this.#settings.get("registry") ?? DEFAULT_REGISTRY;
  }

  /**
   * Value of `Authorization` for a request to `url`: what is configured for the longest beginning
   * of its host and path.
   */
  authorizationFor(url: string): string | undefined {
    const { host, pathname } = new URL(url);
    const parts = pathname.split("/").slice(1, -1);
    for (let count = parts.length; count >= 0; count--) {
      const path = parts.slice(0, count).map((part) => `${part}/`).join("");
      const found = this.#credentials(`//${host}/${path}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A hash's worth of what decides where packages come from; holds no secrets. */
  describe(): string {
    const registries = [...this.#settings].filter(([key]) => key.endsWith("registry"));
    return JSON.stringify(registries.sort());
  }

  #credentials(place: string): string | undefined {
    const setting = (name: string) => this.#settings.get(`${place}:${name}`);
    const token = setting("_authToken");
    if (token) return `Bearer ${token}`;
    const basic = setting("_auth");
    if (basic) return `Basic ${basic}`;
    const user = setting("username");
    const password = setting("_password");
    if (!user || !password) return undefined;
    const bytes = new TextEncoder().encode(`${user}:${fromBase64(password)}`);
    return `Basic ${btoa(String.fromCharCode(...bytes))}`;
  }
}

/** What the files and the environment say, what counts most first. */
function settingsIn(projectDir: string | null, env: Environment): Settings[] {
  const settings: Settings[] = [];
  const registry = env.get("NPM_CONFIG_REGISTRY") || env.get("npm_config_registry");
  if (registry) {
    settings.push(new Map([["registry", registryUrl(registry, "NPM_CONFIG_REGISTRY")]]));
  }
  for (const path of npmrcPaths(projectDir, env)) {
    const bytes = readConfig(path);
    if (bytes !== null) settings.push(parseNpmrc(new TextDecoder().decode(bytes), env, path));
  }
  return settings;
}

/**
 * What the text of an `.npmrc` says about registries. `${NAME}` stands for a variable of the
 * environment, `${NAME?}` for one that may be missing.
 *
 * @throws {ConfigError} when a registry is not a URL: `PATH: …`
 */
export function parseNpmrc(text: string, env: Environment, path: string): Settings {
  const settings = new Map<string, string>();
  for (const [rawKey, rawValue] of Object.entries(parseIni(text))) {
    if (typeof rawValue !== "string") continue;
    const key = expanded(rawKey, env);
    const value = expanded(rawValue, env);
    if (key === "registry" || /^@[^/]+:registry$/.test(key)) {
      settings.set(key, registryUrl(value, `${path}: ${key}`));
    } else if (key.startsWith("//")) {
      // With or without a slash before the name of the setting.
      settings.set(withSlash(key), value);
    }
  }
  return settings;
}

/** A key whose last colon has one slash before it: `//host/path/:_authToken`. */
function withSlash(key: string): string {
  const colon = key.lastIndexOf(":");
  if (colon < key.lastIndexOf("/")) return key;
  return `${withoutSlashes(key.slice(0, colon))}/${key.slice(colon)}`;
}

/** `text` without the slashes at its end. */
function withoutSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === "/") end--;
  return text.slice(0, end);
}

/** As npm does: unset variables stay as written. */
function expanded(text: string, env: Environment): string {
  return text.replace(/(?<!\\)(\\*)\$\{([^${}?]+)(\?)?\}/g, (whole, slashes, name, optional) => {
    if (slashes.length % 2 === 1) return whole.slice((slashes.length + 1) / 2);
    return slashes.slice(slashes.length / 2) +
      (env.get(name) ?? (optional ? "" : `\${${name}}`));
  });
}

function registryUrl(text: string, where: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(
      `${where}: "${text}" is not the URL of a registry, such as ${DEFAULT_REGISTRY}`,
    );
  }
  url.search = url.hash = "";
  return `${withoutSlashes(url.href)}/`;
}

function readConfig(path: string): Uint8Array | null {
  try {
    return readRegularFile(path, MAX_NPMRC_BYTES);
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    if (error.kind === "missing") return null;
    throw new ConfigError(`cannot read ${path}: ${error.message}`, { cause: error });
  }
}

function fromBase64(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
  } catch (error) {
    if (error instanceof DOMException) return text;
    throw error;
  }
}
