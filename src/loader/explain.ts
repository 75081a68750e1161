/**
 * From what the platform says of generated modules to what users wrote.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { codeFrame } from "./code_frame.ts";
import { urlOfKey } from "./graph_keys.ts";
import type { WorkerGraph } from "./graph_store.ts";
import { originalPlace } from "./source_lines.ts";

/** The names of generated files, as URLs or relative, with a place perhaps. */
const GENERATED =
  /(?:file:\/\/[^\s"'()]*?\/|\.{1,2}\/(?:[\w.]+\/)*)?\b([\da-f]{27}\.js)(?::(\d+):(\d+))?/g;

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
  // Deno from source shows generated code, on the one line that is left of it.
  const text = message.replace(/ \|\s+\d+ \| .* \|\s+~+/, "").replace(
    GENERATED,
    (name, file: string, line?: string, column?: string) => {
      const source = urls.get(file);
      if (source === undefined) return name;
      if (line === undefined || column === undefined) return source.url;
      const map = mapIn(fileURLToPath(graph.directory + source.file));
      const place = map === null ? null : originalPlace(map, Number(line), Number(column));
      if (place === null) return source.url;
      if (message.includes("SyntaxError") || /\bis not (?:valid|defined)/.test(message)) {
        frame ||= `${place.url} ${place.line} ${place.column}`;
      }
      return `${source.url}:${place.line}:${place.column}`;
    },
  );
  if (frame === "") return text;
  const [url, line, column] = frame.split(" ");
  const source = await sourceOf(url);
  return source === null ? text : `${text}\n${codeFrame(source, Number(line), Number(column))}`;
}

/** The source map at the end of a generated file. */
function mapIn(path: string): string | null {
  const code = Deno.readTextFileSync(path);
  const [, map] = /sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/.exec(code) ?? [];
  return map === undefined ? null : atob(map);
}
