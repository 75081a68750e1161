/**
 * Static files of the folder FILES_ROOT (default: this one): GET and HEAD, conditional requests,
 * single ranges, and no way out of the folder.
 *
 *     FILES_ROOT=/var/www gatehouse examples/files.ts
 */
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = Deno.realPathSync(
  Deno.env.get("FILES_ROOT") ?? fileURLToPath(new URL(".", import.meta.url)),
);

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** The file that a URL's path names, or `null` if there is none inside the folder. */
async function fileAt(pathname: string): Promise<string | null> {
  try {
    const decoded = decodeURIComponent(pathname);
    if (decoded.includes("\0") || /%2f|%5c/i.test(pathname)) return null;
    let path = await Deno.realPath(join(root, decoded));
    if ((await Deno.stat(path)).isDirectory) path = await Deno.realPath(join(path, "index.html"));
    const isInside = path === root || path.startsWith(root + sep);
    return isInside && (await Deno.stat(path)).isFile ? path : null;
  } catch (error) {
    const absent = error instanceof Deno.errors.NotFound || error instanceof URIError ||
      error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.PermissionDenied;
    if (absent) return null;
    throw error;
  }
}

/** First and last byte of a `Range` of `size` bytes: `undefined` without one, `null` if out of reach. */
function rangeOf(header: string | null, size: number): [number, number] | null | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || match[0] === "bytes=-") return undefined;
  const [, first, last] = match;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start <= end ? [start, end] : null;
}

function isFresh(headers: Headers, etag: string, modified: Date): boolean {
  const tags = headers.get("if-none-match");
  if (tags !== null) return tags === "*" || tags.split(/\s*,\s*/).includes(etag);
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  return Math.floor(modified.getTime() / 1000) * 1000 <= since;
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("GET or HEAD only\n", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    const path = await fileAt(new URL(request.url).pathname);
    if (path === null) return new Response("not found\n", { status: 404 });
    const info = await Deno.stat(path);
    const modified = info.mtime ?? new Date(0);
    const etag = `W/"${info.size.toString(16)}-${modified.getTime().toString(16)}"`;
    const headers = new Headers({
      "accept-ranges": "bytes",
      etag,
      "last-modified": modified.toUTCString(),
    });
    if (isFresh(request.headers, etag, modified)) {
      return new Response(null, { status: 304, headers });
    }
    const range = rangeOf(request.headers.get("range"), info.size);
    if (range === null) {
      headers.set("content-range", `bytes */${info.size}`);
      return new Response(null, { status: 416, headers });
    }
    const [start, end] = range ?? [0, info.size - 1];
    if (range !== undefined) headers.set("content-range", `bytes ${start}-${end}/${info.size}`);
    headers.set("content-type", TYPES[extname(path).toLowerCase()] ?? "application/octet-stream");
    headers.set("content-length", String(end - start + 1));
    const status = range === undefined ? 200 : 206;
    if (request.method === "HEAD") return new Response(null, { status, headers });
    const file = await Deno.open(path);
    if (start > 0) await file.seek(start, Deno.SeekMode.Start);
    return new Response(limited(file.readable, end - start + 1), { status, headers });
  },
};

/** The first `bytes` of a stream. */
function limited(stream: ReadableStream<Uint8Array>, bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left));
        left -= Math.min(left, chunk.length);
        if (left === 0) controller.terminate();
      },
    }),
  );
}
