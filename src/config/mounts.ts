/**
 * What is served below which path: apps, folders, and responses.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { isResponse, parseResponse } from "./respond_mounts.ts";
import type { MountSetting, ServeSettings } from "./settings.ts";
import { withoutLastSlashes } from "./values.ts";

/**
 * Adds `/PREFIX=APP[,strip]`, as `name` gives it, to the settings.
 *
 * @throws {ConfigError} if it does not have this form, or the prefix is taken
 */
export function addMount(settings: ServeSettings, text: string, name: string): void {
  const equals = text.indexOf("=");
  const prefix = withoutLastSlashes(text.slice(0, equals));
  const mounted = text.slice(equals + 1);
  const { named: app, isStripped } = isResponse(mounted)
    ? { named: mounted, isStripped: false }
    : splitStrip(mounted);
  if (equals < 0 || app === "" || !text.startsWith("/")) {
    throw new ConfigError(`${name} takes /PREFIX=APP, not ${JSON.stringify(text)}`);
  }
  if (/[?#]/.test(prefix)) {
    throw new ConfigError(
      `${name} takes a path without ? and # before the =, not ${JSON.stringify(text)}`,
    );
  }
  mountApp(settings, { prefix, app, ...isStripped ? { stripped: prefix } : {} }, name);
}

/** What is mounted, and whether its prefix is taken off the URLs that it gets. */
export function splitStrip(text: string): { named: string; isStripped: boolean } {
  const named = text.replace(/,strip$/, "");
  return { named, isStripped: named !== text };
}

/** Adds an app, or a response, to the settings, as `name` says; two at the same prefix are refused. */
export function mountApp(settings: ServeSettings, mounted: MountSetting, name: string): void {
  const { prefix, app } = mounted;
  if ([...settings.mounts, ...settings.responses].some((mount) => mount.prefix === prefix)) {
    throw new ConfigError(`${name}: two apps are mounted at ${prefix || "/"}`);
  }
  if (!isResponse(app)) settings.mounts.push(mounted);
  else settings.responses.push({ prefix, text: app, response: parseResponse(app, name) });
}

/** Adds what a section of a configuration file mounts. */
export function mountSection(settings: ServeSettings, mounted: MountSetting): void {
  const { prefix, app, response, origin = "", middleware = [], stripped } = mounted;
  if (response === undefined) {
    settings.mounts.push(mounted);
    return;
  }
  const wrong = middleware.length > 0
    ? "there can be no middleware around it"
    : stripped !== undefined
    ? "it has no use for ,strip"
    : null;
  if (wrong !== null) throw new ConfigError(`${origin}: ${app} is a response: ${wrong}`);
  settings.responses.push({ prefix, text: app, response, origin });
}
