/**
 * Decides what kind of module a file is, as Deno does.
 *
 * @module
 */

import type { MediaType } from "../names/sources.ts";

/** Content types that say JavaScript; the path may still say a dialect. */
const JAVASCRIPT_TYPES: ReadonlySet<string> = new Set([
  "application/javascript",
  "text/javascript",
  "application/ecmascript",
  "text/ecmascript",
  "application/x-javascript",
  "application/node",
]);

/** Content types that say TypeScript. Two are for video: servers know `.ts` as MPEG streams. */
const TYPESCRIPT_TYPES: ReadonlySet<string> = new Set([
  "application/typescript",
  "text/typescript",
  "application/x-typescript",
  "video/vnd.dlna.mpeg-tts",
  "video/mp2t",
]);

/** Content types that leave nothing to the path. */
const EXACT_TYPES: ReadonlyMap<string, MediaType> = new Map([
  ["text/jsx", "jsx"],
  ["text/tsx", "tsx"],
  ["application/json", "json"],
  ["text/json", "json"],
  ["application/wasm", "wasm"],
]);

/** Content types that leave all to the path. */
const SAYS_LITTLE: ReadonlySet<string> = new Set(["", "text/plain", "application/octet-stream"]);

const EXTENSIONS: ReadonlyMap<string, MediaType> = new Map([
  ["js", "javascript"],
  ["mjs", "javascript"],
  ["cjs", "javascript"],
  ["jsx", "jsx"],
  ["ts", "typescript"],
  ["mts", "typescript"],
  ["cts", "typescript"],
  ["tsx", "tsx"],
  ["json", "json"],
  ["wasm", "wasm"],
]);

/**
 * How the module at `url`, served as `contentType` (`""` if the server said none), is read. For
 * `http:`, `https:` and `data:` the content type comes first, and the path decides where it says
 * little (`text/plain`, `application/octet-stream`, none). Where it says JavaScript or TypeScript,
 * the path can name a dialect: `.jsx` is JSX, but a `.ts` served as JavaScript is JavaScript. For
 * `file:` the path decides.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mediaTypeOf("https://example.com/a.ts", "text/plain"), "typescript");
 * assertEquals(mediaTypeOf("https://example.com/a.ts", "text/javascript"), "javascript");
 * ```
 */
export function mediaTypeOf(url: string, contentType: string): MediaType {
  const { protocol, pathname } = new URL(url);
  const name = pathname.slice(pathname.lastIndexOf("/") + 1);
  // A file without an extension is TypeScript, which JavaScript is, too.
  if (protocol === "file:") return /\.|%2e/i.test(name) ? typeOfName(name) : "typescript";
  const essence = contentType.split(";", 1)[0].trim().toLowerCase();
  if (JAVASCRIPT_TYPES.has(essence)) return dialectOf(name, "javascript");
  if (TYPESCRIPT_TYPES.has(essence)) return dialectOf(name, "typescript");
  if (essence === "text/jscript") return dialectOf(name, "jsx");
  const exact = EXACT_TYPES.get(essence);
  if (exact !== undefined) return exact;
  if (/^[^/]+\/[^/]+\+json$/.test(essence)) return "json";
  // The path of a data: URL is its content, whose last characters mean nothing.
  return SAYS_LITTLE.has(essence) && protocol !== "data:" ? typeOfName(name) : "unknown";
}

/**
 * Whether Deno runs a module of an unknown type as JavaScript: an app's own module, or one that is
 * imported by a computed name. Python's server calls `.ts` a file of translations. Style sheets and
 * Markdown are known.
 */
export function runsThough(url: string, contentType: string): boolean {
  const { protocol, pathname } = new URL(url);
  const essence = contentType.split(";", 1)[0].trim().toLowerCase();
  if (protocol !== "file:" && !SAYS_LITTLE.has(essence)) {
    return essence !== "text/css" && essence !== "text/markdown";
  }
  return protocol === "data:" || !/\.(?:css|md|markdown)$/i.test(pathname);
}

/** What `name` says within the family of languages that the content type has said. */
function dialectOf(name: string, family: "javascript" | "typescript" | "jsx"): MediaType {
  const byName = typeOfName(name);
  if (byName === "jsx" || byName === "tsx" || byName === "declaration") return byName;
  const extension = extensionOf(name);
  if (extension === "mjs" || extension === "cjs") return "javascript";
  if (extension === "mts" || extension === "cts") {
    return family === "javascript" ? "javascript" : "typescript";
  }
  return family;
}

function typeOfName(name: string): MediaType {
  if (isDeclaration(name.toLowerCase())) return "declaration";
  return EXTENSIONS.get(extensionOf(name)) ?? "unknown";
}

/** Whether `name` is `….d.ts`, `….d.….ts`, or `….d.mts` and the like. */
function isDeclaration(name: string): boolean {
  if (name.endsWith(".d.mts") || name.endsWith(".d.cts") || name.endsWith(".d.ts")) return true;
  const start = name.indexOf(".d.");
  // Something stands between the two.
  return name.endsWith(".ts") && start >= 0 && start + ".d.".length < name.length - ".ts".length;
}

function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1).toLowerCase();
}
