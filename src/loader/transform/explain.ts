/**
 * From what the platform says of generated modules to what users wrote.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { codeFrame } from "./code_frame.ts";
import { urlOfKey } from "../names/graph_keys.ts";
import type { WorkerGraph } from "../graph/graph_store.ts";
import { originalPlace } from "./source_lines.ts";

/** The names of generated files, with an optional place. */
const GENERATED = /\b([\da-f]{27}\.js)(?::(\d+):(\d+))?/g;

/** Places that are looked up: each takes its time, and apps can write messages that are full of them. */
const MAX_PLACES = 10;

/** `message` with sources in place of generated files, and a code frame for a syntax error. */
export async function explained(
  message: string,
  graph: WorkerGraph,
  sourceOf: (url: string) => Promise<string | null>,
): Promise<string> {
  const urls = new Map<string, { url: string; file: string }>();
  for (const [key, file] of Object.entries(graph.files)) {
    urls.set(file.slice(file.lastIndexOf("/") + 1), { url: urlOfKey(key), file });
  }
  let frame = "";
  const plain = withoutGeneratedCode(message);
  let places = 0;
  let text = "";
  let end = 0;
  for (const found of plain.matchAll(GENERATED)) {
    const [name, file, line, column] = found;
    const source = urls.get(file);
    if (source === undefined) continue;
    text += plain.slice(end, startOfName(plain, found.index, end));
    end = found.index + name.length;
    const map = line === undefined || column === undefined || ++places > MAX_PLACES
      ? null
      : mapIn(fileURLToPath(graph.directory + source.file));
    const place = map === null ? null : originalPlace(map, Number(line), Number(column));
    text += place === null ? source.url : `${source.url}:${place.line}:${place.column}`;
    if (place === null) continue;
    if (message.includes("SyntaxError") || /\bis not (?:valid|defined)/.test(message)) {
      frame ||= `${place.url} ${place.line} ${place.column}`;
    }
  }
  text += plain.slice(end);
  if (isTypeScriptServedAsElse(text)) text += NOT_SERVED_AS_TYPESCRIPT;
  if (frame === "") return text;
  const [url, line, column] = frame.split(" ");
  const source = await sourceOf(url);
  return source === null ? text : `${text}\n${codeFrame(source, Number(line), Number(column))}`;
}

/** Where the runtime cannot read a module of that name: what is made of TypeScript, it can. */
const UNREADABLE_TYPESCRIPT =
  /SyntaxError: [^\n]{1,200} at https?:\/\/[^\s?#]{1,2000}\.[mc]?tsx?:\d+:\d+$/m;

const NOT_SERVED_AS_TYPESCRIPT =
  "; its server does not say that it is TypeScript, so it is read as JavaScript: have it say " +
  "text/typescript";

function isTypeScriptServedAsElse(text: string): boolean {
  return UNREADABLE_TYPESCRIPT.test(text) && !text.includes("does not provide an export");
}

/** Deno from source shows generated code on one line. */
function withoutGeneratedCode(message: string): string {
  const start = message.search(/ \|\s+\d+ \| /);
  const marks = start < 0 ? undefined : [...message.slice(start).matchAll(/ \|\s+~+/g)].at(-1);
  if (marks === undefined) return message;
  return message.slice(0, start) + message.slice(start + marks.index + marks[0].length);
}

/**
 * Where the URL or relative path begins that the file's name at `index` ends. Apps can write messages
 * that are long, and a regular expression would go over them again and again.
 */
function startOfName(text: string, index: number, end: number): number {
  let start = index;
  while (start > end && !/[\s"'()]/.test(text[start - 1])) start--;
  const before = text.slice(start, index);
  const url = before.lastIndexOf("file://");
  if (url >= 0) return start + url;
  const path = /^\.{1,2}\/[\w./]*$/.exec(before);
  return path === null ? index : start;
}

const MAP_START = "sourceMappingURL=data:application/json;base64,";

/** The source map at the end of a generated file. */
export function mapIn(path: string): string | null {
  const code = Deno.readTextFileSync(path);
  const start = code.lastIndexOf(MAP_START);
  if (start < 0) return null;
  const map = code.slice(start + MAP_START.length).trimEnd();
  return /^[\w+/=]+$/.test(map) ? atob(map) : null;
}
