/**
 * Listings of folders, as HTML and as JSON.
 *
 * @module
 */

import { escapedHtml } from "../base/html.ts";
import { weightsIn } from "../message/quality_values.ts";
import { isHidden } from "./folder_path.ts";

/** One thing in a folder. */
export interface ListedEntry {
  /** Its name. */
  readonly name: string;
  /** What it is. */
  readonly kind: "folder" | "file";
  /** Size in bytes; `null` for folders. */
  readonly size: number | null;
  /** Time of the last change, if it is known. */
  readonly modified: Date | null;
}

/** What is in a folder. */
export interface Listing {
  /** Its entries, folders first, then by name. */
  readonly entries: readonly ListedEntry[];
  /** Whether there are more than are listed. */
  readonly isCut: boolean;
}

/** Entries that are listed at the most. */
export const MAX_LISTED = 2_000;
/** Names that are looked at for that. */
const MAX_NAMES = 20_000;

/** Reads what is in the folder `path`, which lies `depth` below the one that is served. */
export async function readListing(path: string, depth: number): Promise<Listing> {
  const names: string[] = [];
  let isCut = false;
  for await (const { name } of Deno.readDir(path)) {
    if (isHidden(name, depth) || name.includes("\ufffd")) continue;
    if (names.length === MAX_NAMES) {
      isCut = true;
      break;
    }
    names.push(name);
  }
  names.sort();
  isCut ||= names.length > MAX_LISTED;
  const entries: ListedEntry[] = [];
  for (const name of names.slice(0, MAX_LISTED)) {
    const info = await infoOf(`${path}/${name}`);
    if (info === null) continue;
    entries.push({
      name,
      kind: info.isDirectory ? "folder" : "file",
      size: info.isDirectory ? null : info.size,
      // Some file systems have times that no Date has.
      modified: Number.isNaN(info.mtime?.getTime()) ? null : info.mtime,
    });
  }
  const folders = entries.filter(({ kind }) => kind === "folder");
  return { entries: [...folders, ...entries.filter(({ kind }) => kind === "file")], isCut };
}

/** What lies at `path`, if it is a file or a folder. Links are left out: they may lead anywhere. */
async function infoOf(path: string): Promise<Deno.FileInfo | null> {
  try {
    const info = await Deno.lstat(path);
    return info.isDirectory || info.isFile ? info : null;
  } catch (error) {
    // It has gone by now, or may not be looked at.
    if (error instanceof Error) return null;
    throw error;
  }
}

/** Whether a client that sent `accept` prefers JSON to HTML (RFC 9110 12.5.1). */
export function prefersJson(accept: string): boolean {
  const weights = weightsIn(accept);
  const rest = weights.get("*/*") ?? 0;
  const json = weights.get("application/json") ?? weights.get("application/*") ?? rest;
  return json > (weights.get("text/html") ?? weights.get("text/*") ?? rest);
}

/** `listing` as JSON: `{ "path", "entries": [{ "name", "kind", "size", "modified" }], "isCut" }`. */
export function listingJson(urlPath: string, { entries, isCut }: Listing): string {
  return JSON.stringify({ path: `${urlPath}/`, entries, isCut });
}

/** `listing` as a page for the folder at `urlPath`, a path without its last slash. */
export function listingHtml(
  urlPath: string,
  depth: number,
  { entries, isCut }: Listing,
): string {
  const title = escapedHtml(`${decodeURIComponent(urlPath)}/`);
  const rows = entries.map(({ name, kind, size, modified }) => {
    const slash = kind === "folder" ? "/" : "";
    return `<tr><td><a href="./${escapedHtml(encodeURIComponent(name))}${slash}">${
      escapedHtml(name)
    }${slash}</a></td><td>${size ?? ""}</td><td>${
      modified === null ? "" : modified.toISOString().slice(0, 19).replace("T", " ")
    }</td></tr>\n`;
  });
  const up = depth === 0 ? "" : `<tr><td><a href="../">../</a></td><td></td><td></td></tr>\n`;
  const more = isCut ? "<p>There are more, which are not listed.</p>\n" : "";
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>body{font-family:system-ui,sans-serif;margin:2rem}td{padding:.1rem 1.5rem .1rem 0}td:nth-child(2){text-align:right}</style>
</head>
<body>
<h1>${title}</h1>
<table>
<tr><th align="left">Name</th><th align="right">Bytes</th><th align="left">Changed (UTC)</th></tr>
${up}${rows.join("")}</table>
${more}</body>
</html>
`;
}
