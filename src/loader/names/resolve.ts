/**
 * From what a user names an app by to the URL of its module and the export that is meant.
 *
 * @module
 */

import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../../base/errors.ts";
import { withoutPasswords } from "../../base/passwords.ts";
import { pathOf } from "../files/file_grant.ts";

/** A module and one of its exports. */
export interface ModuleExport {
  /** URL of the module: `file:`, `http:`, `https:`, `npm:`, `jsr:`, `data:` or `blob:`. */
  readonly url: string;
  /** Name of the export; `"default"` unless a fragment names another. */
  readonly exportName: string;
  /** What the export is, if it is no app or middleware: {@linkcode HANDLER_PREFIX} says so. */
  readonly form?: "fastcgi-handler";
}

/** What stands before the name of a low-level handler of FastCGI, which is served as an app. */
export const HANDLER_PREFIX = "fastcgi-handler:";

/**
 * Resolves `specifier`, a URL or a path relative to `baseDir`. A fragment chooses an export other
 * than the default: `app.ts#admin`. What follows {@linkcode HANDLER_PREFIX} is a handler.
 *
 * @throws {ConfigError} when it is a URL that nothing can be loaded from
 */
export function resolveApp(specifier: string, baseDir: string): ModuleExport {
  if (specifier.startsWith(HANDLER_PREFIX)) {
    const handler = resolveApp(specifier.slice(HANDLER_PREFIX.length), baseDir);
    return { ...handler, form: "fastcgi-handler" };
  }
  const hash = specifier.lastIndexOf("#");
  const module = hash < 0 ? specifier : specifier.slice(0, hash);
  const exportName = (hash < 0 ? "" : specifier.slice(hash + 1)) || "default";
  // A single letter before the colon is a drive of Windows, not a scheme.
  const isUrl = /^[a-z][a-z\d+.-]+:/i.test(module);
  const url = isUrl
    ? normalized(module)
    : pathToFileURL(isAbsolute(module) ? module : resolve(baseDir, module)).href;
  return { url, exportName };
}

/** The URL in its normal form; specifiers such as `npm:hono@4` keep theirs. */
function normalized(text: string): string {
  if (!/^(?:file|https?):/i.test(text)) return text;
  const url = URL.parse(text);
  if (url === null) throw unusable(text, "it is not a valid URL");
  if (url.protocol === "file:" && pathOf(url.href) === null) {
    throw unusable(text, "it is not the path of a file on this machine");
  }
  return url.href;
}

function unusable(text: string, reason: string): ConfigError {
  return new ConfigError(`cannot load "${withoutPasswords(text)}": ${reason}`);
}
