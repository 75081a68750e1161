/**
 * Static files of the folder FILES_ROOT (default: this one): GET and HEAD, conditional requests,
 * single ranges, and no way out of the folder.
 *
 *     FILES_ROOT=/var/www gatehouse examples/files.ts --app-allow-read=/var/www
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

/** Codes of the errors for paths that cannot be opened. */
const ABSENT = ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG"];

/** Opens the file that a URL's path names; `null` if there is none inside the folder. */
async function openFile(pathname: string): Promise<{ path: string; file: Deno.FsFile } | null> {
  // An encoded slash would be one to the file system that was none to the URL.
  if (/%2f|%5c|%00/i.test(pathname)) return null;
  try {
    let path = await Deno.realPath(join(root, decodeURIComponent(pathname)));
    if ((await Deno.stat(path)).isDirectory) path = await Deno.realPath(join(path, "index.html"));
    // The real path has no symbolic links left. To open a pipe or a device could take for ever.
    if (!path.startsWith(join(root, sep)) || !(await Deno.stat(path)).isFile) return null;
    return { path, file: await Deno.open(path) };
  } catch (error) {
    const isAbsent = error instanceof URIError || error instanceof Deno.errors.NotCapable ||
      ABSENT.includes((error as { code?: string }).code ?? "");
    if (isAbsent) return null;
    throw error;
  }
}

/** First and last byte of a `Range` of `size` bytes: `undefined` without one, `null` if out of reach. */
function rangeOf({ headers, method }: Request, size: number): [number, number] | null | undefined {
  // If-Range wants a strong validator (RFC 9110 13.1.5), and there is none: all is sent.
  if (method !== "GET" || headers.has("if-range")) return undefined;
  const match = /^bytes=(\d*)-(\d*)$/i.exec(headers.get("range") ?? "");
  if (match === null || match[0].length === "bytes=-".length) return undefined;
  const [, first, last] = match;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start <= end ? [start, end] : null;
}

function isFresh(headers: Headers, etag: string, modified: Date): boolean {
  const tags = headers.get("if-none-match");
  if (tags !== null) return tags === "*" || tags.split(",").some((tag) => tag.trim() === etag);
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  return Math.floor(modified.getTime() / 1000) * 1000 <= since;
}

/** Answers with `file`, and closes it: at once, or when its stream has ended or was cancelled. */
async function send(request: Request, path: string, file: Deno.FsFile): Promise<Response> {
  let body: ReadableStream<Uint8Array> | null = null;
  try {
    const { size, mtime } = await file.stat();
    const modified = mtime ?? new Date(0);
    const etag = `W/"${size.toString(16)}-${modified.getTime().toString(16)}"`;
    const headers = new Headers({ "accept-ranges": "bytes", etag });
    headers.set("last-modified", modified.toUTCString());
    if (isFresh(request.headers, etag, modified)) {
      return new Response(null, { status: 304, headers });
    }
    const range = rangeOf(request, size);
    if (range === null) {
      headers.set("content-range", `bytes */${size}`);
      return new Response(null, { status: 416, headers });
    }
    const [start, end] = range ?? [0, size - 1];
    const length = end - start + 1;
    if (range !== undefined) headers.set("content-range", `bytes ${start}-${end}/${size}`);
    headers.set("content-type", TYPES[extname(path).toLowerCase()] ?? "application/octet-stream");
    headers.set("content-length", String(length));
    if (request.method === "GET" && length > 0) {
      await file.seek(start, Deno.SeekMode.Start);
      body = limited(file.readable, length);
    }
    return new Response(body, { status: range === undefined ? 200 : 206, headers });
  } finally {
    if (body === null) file.close();
  }
}

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

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("GET or HEAD only\n", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    const found = await openFile(new URL(request.url).pathname);
    if (found === null) return new Response("not found\n", { status: 404 });
    return send(request, found.path, found.file);
  },
};
