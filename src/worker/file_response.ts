/**
 * Responses whose bodies are files, which the gateway reads and sends.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import { filePath } from "../base/paths.ts";
import { MAX_FILE_PATH_BYTES } from "../message/file_order.ts";
import type { FileOrder } from "../message/file_order.ts";
import { utf8Length } from "../base/text.ts";
import type { BodySource, BodyTarget, PushedResponse } from "./response_parts.ts";
import { fieldLinesOf } from "./header_lines.ts";
import { lightResponse } from "./response.ts";

const { Headers: PlatformHeaders, RangeError, ReadableStream, TypeError, encodeURIComponent } =
  globalThis;
const { isInteger } = Number;
const { open } = Deno;
const test: (pattern: RegExp, text: string) => boolean = uncurried(RegExp.prototype.test);
const replace: (text: string, pattern: RegExp, by: string) => string = uncurried(
  String.prototype.replace as (pattern: RegExp, by: string) => string,
);

/** A reason phrase (RFC 9112 4), or none. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;
const IS_URL = /^file:/i;

/** How a file is sent. */
export interface SendFileOptions {
  /** Status code, 200 to 599. Conditions and ranges count with 200 alone. Default 200. */
  readonly status?: number;
  /** Reason phrase. Default: that of the status. */
  readonly statusText?: string;
  /**
   * Header fields. `Content-Type`, `Content-Encoding`, `ETag` and `Last-Modified` among them count instead of
   * what the gateway finds out. Default: none.
   */
  readonly headers?: HeadersInit;
  /** Name to save the file under, for clients that are to do so (RFC 6266). Default: none. */
  readonly download?: string;
  /**
   * Whether `app.js.br`, `app.js.zst` or `app.js.gz` beside `app.js` is sent to clients that accept it. Default
   * `"use"`.
   */
  readonly precompressed?: "use" | "ignore";
}

/** A response whose body is the file at `path`. */
export function fileResponse(path: string | URL, options: SendFileOptions): Response {
  const { status = 200, statusText, headers, download, precompressed = "use" } = options;
  const text = `${path}`;
  const file = typeof path === "string" && !test(IS_URL, text) ? text : pathIn(text);
  if (file === "" || utf8Length(file) > MAX_FILE_PATH_BYTES) {
    throw new TypeError(`the path of a file is empty, or longer than ${MAX_FILE_PATH_BYTES} bytes`);
  }
  if (!isInteger(status) || status < 200 || status > 599) {
    throw new RangeError("the status of a file is not from 200 to 599");
  }
  if (statusText !== undefined && !test(REASON, statusText)) {
    throw new TypeError("the status text of a file is not a reason phrase");
  }
  if (precompressed !== "use" && precompressed !== "ignore") {
    throw new TypeError('precompressed is neither "use" nor "ignore"');
  }
  const given = new PlatformHeaders(headers);
  if (download !== undefined) given.set("content-disposition", dispositionOf(`${download}`));
  return lightResponse({
    status,
    reason: statusText,
    fieldLines: fieldLinesOf(given),
    body: null,
    source: new FileSource(file, precompressed),
    announcesTrailers: false,
  });
}

/**
 * The path in the URL `text`, if it is a `file:` URL; a path that leads nowhere if nothing can have its name, as
 * with an encoded slash.
 */
function pathIn(text: string): string {
  try {
    return filePath(text);
  } catch (error) {
    if (test(IS_URL, text)) return "\0";
    throw error;
  }
}

/** `Content-Disposition` for a name (RFC 6266 4), in ASCII for old clients, and in UTF-8 (RFC 8187). */
function dispositionOf(name: string): string {
  const plain = replace(name, /[^\x20-\x7e]|["\\%]/g, "_");
  const escaped = replace(encodeURIComponent(name), /['()*]/g, "_");
  return `attachment; filename="${plain}"; filename*=UTF-8''${escaped}`;
}

class FileSource implements BodySource {
  readonly #path: string;
  readonly #precompressed: FileOrder["precompressed"];

  constructor(path: string, precompressed: FileOrder["precompressed"]) {
    this.#path = path;
    this.#precompressed = precompressed;
  }

  pushTo(target: BodyTarget, parts: PushedResponse): void {
    target.respondFile(parts, this.#path, this.#precompressed);
  }

  onRoom(): void {}

  onDone(): void {}

  /** The file as the app itself reads it. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const path = this.#path;
    let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;
    return new ReadableStream({
      async pull(controller) {
        reader ??= (await open(path)).readable.getReader();
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader?.cancel(reason),
    }, { highWaterMark: 0 });
  }
}
