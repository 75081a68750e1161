/**
 * A client for `http:` that connects to the host of the URL itself: `fetch()` of Deno looks for proxies in
 * an environment that apps may set, and only TLS would tell the difference.
 *
 * @module
 */

import { concatenated } from "../../base/bytes.ts";
import {
  CHUNK_DATA,
  ChunkReader,
  CHUNKS_NEED_DATA,
  LAST_CHUNK,
} from "../../http1/codec/chunked.ts";
import { DEFAULT_HTTP_LIMITS } from "../../http1/codec/limits.ts";

/** What is asked for, besides the URL. */
export interface PlainRequest {
  /** Fields to send. */
  readonly headers: Readonly<Record<string, string>>;
  /** Ends it, whatever it waits for. */
  readonly signal: AbortSignal;
}

const MAX_HEAD_BYTES = 64 * 1024;
const READ_BYTES = 64 * 1024;
const LF = 0x0a;
const CR = 0x0d;
/** Statuses whose responses have no body. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Asks for `url` with `GET`, over a connection of its own, and gives the response as `fetch()` does: its
 * body decoded, redirects not followed, one that is cut off an error (RFC 9112).
 *
 * @throws {TypeError} when there is no response, or a malformed one
 */
export async function fetchPlain(url: URL, { headers, signal }: PlainRequest): Promise<Response> {
  signal.throwIfAborted();
  const connection = await connected(url, signal);
  const exchange = new PlainExchange(connection, signal);
  try {
    await exchange.send(headOf(url, headers));
    return await exchange.response();
  } catch (error) {
    exchange.close();
    throw signal.aborted ? signal.reason : asTypeError(error);
  }
}

async function connected(url: URL, signal: AbortSignal): Promise<Deno.TcpConn> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const connecting = Deno.connect({ hostname, port: Number(url.port || 80) });
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => {
    // It may still come about.
    connecting.then((connection) => connection.close(), () => {});
    reject(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([connecting, aborted]);
  } catch (error) {
    throw signal.aborted ? signal.reason : asTypeError(error);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function headOf(url: URL, given: Readonly<Record<string, string>>): Uint8Array {
  // Refuses what is not a field.
  const headers = new Headers(given);
  headers.set("host", url.host);
  headers.set("connection", "close");
  headers.set("accept-encoding", "gzip");
  const lines = [`GET ${url.pathname}${url.search} HTTP/1.1`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  return Uint8Array.from(`${lines.join("\r\n")}\r\n\r\n`, (char) => char.charCodeAt(0));
}

/** One request on its connection. */
class PlainExchange {
  readonly #connection: Deno.TcpConn;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.close();
  readonly #buffer = new Uint8Array(READ_BYTES);
  /** What was read and is not used yet. */
  #unused: Uint8Array = this.#buffer.subarray(0, 0);
  #isClosed = false;

  constructor(connection: Deno.TcpConn, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#connection.close();
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  async response(): Promise<Response> {
    for (;;) {
      const { status, statusText, headers } = parseHead(await this.#head());
      // Informational responses precede the final one.
      if (status >= 100 && status < 200 && status !== 101) continue;
      if (BODILESS.has(status)) {
        this.close();
        return new Response(null, { status, statusText, headers });
      }
      const body = this.#body(this.#framed(headers));
      const isCompressed = /^x?-?gzip$/i.test(headers.get("content-encoding")?.trim() ?? "");
      if (!isCompressed) return new Response(body, { status, statusText, headers });
      headers.delete("content-encoding");
      headers.delete("content-length");
      const decoded = body.pipeThrough(new DecompressionStream("gzip"));
      return new Response(decoded, { status, statusText, headers });
    }
  }

  /** The head of the next response, up to its empty line. */
  async #head(): Promise<string> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let hasBegun = false;
    for (let lineBytes = 0;;) {
      const piece = await this.#piece();
      if (piece === null) {
        throw new TypeError("the connection was closed before there was an answer");
      }
      let at = 0;
      for (; at < piece.length; at++) {
        if (piece[at] !== LF) {
          if (piece[at] !== CR) lineBytes++;
          continue;
        }
        if (lineBytes === 0 && hasBegun) break;
        hasBegun ||= lineBytes > 0;
        lineBytes = 0;
      }
      const isWhole = at < piece.length;
      const part = piece.slice(0, isWhole ? at + 1 : at);
      this.#unused = piece.subarray(part.length);
      parts.push(part);
      bytes += part.length;
      if (bytes > MAX_HEAD_BYTES) throw new TypeError("its head is larger than 64 KiB");
      if (isWhole) return String.fromCharCode(...concatenated(parts));
    }
  }

  /** What is unused, or what comes next; `null` at the end of the connection. */
  async #piece(): Promise<Uint8Array | null> {
    if (this.#unused.length > 0) {
      const piece = this.#unused;
      this.#unused = piece.subarray(piece.length);
      return piece;
    }
    const bytes = await this.#connection.read(this.#buffer);
    return bytes === null ? null : this.#buffer.subarray(0, bytes);
  }

  /** The data of a body with these fields (RFC 9112 6.3). */
  #framed(headers: Headers): AsyncGenerator<Uint8Array> {
    const coding = headers.get("transfer-encoding");
    if (coding !== null) {
      if (coding.trim().toLowerCase() === "chunked") return this.#chunked();
      throw new TypeError(`its transfer coding is ${coding}`);
    }
    const length = headers.get("content-length");
    if (length === null) return this.#sized(Infinity);
    const lengths = new Set(length.split(",").map((each) => each.trim()));
    const [first] = lengths;
    if (lengths.size > 1 || !/^\d{1,15}$/.test(first)) {
      throw new TypeError(`its Content-Length is ${length}`);
    }
    return this.#sized(Number(first));
  }

  async *#sized(size: number): AsyncGenerator<Uint8Array> {
    for (let remaining = size; remaining > 0;) {
      const piece = await this.#piece();
      if (piece === null && size === Infinity) return;
      if (piece === null) throw cutOff();
      const data = piece.length > remaining ? piece.subarray(0, remaining) : piece;
      remaining -= data.length;
      yield data;
    }
  }

  async *#chunked(): AsyncGenerator<Uint8Array> {
    const reader = new ChunkReader({ ...DEFAULT_HTTP_LIMITS, maxBodyBytes: Infinity });
    for (;;) {
      const piece = await this.#piece();
      if (piece === null) throw cutOff();
      for (let at = 0;;) {
        const event = reader.next(piece, at, piece.length, Infinity);
        at = reader.at;
        if (event === CHUNK_DATA) yield piece.subarray(reader.dataStart, at);
        // Nobody has use for trailers, and the connection ends here.
        if (event === LAST_CHUNK) return;
        if (event === CHUNKS_NEED_DATA) break;
      }
    }
  }

  #body(data: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        try {
          const { done, value } = await data.next();
          if (!done) return controller.enqueue(value.slice() as Uint8Array<ArrayBuffer>);
          this.close();
          controller.close();
        } catch (error) {
          this.close();
          controller.error(this.#signal.aborted ? this.#signal.reason : asTypeError(error));
        }
      },
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }
}

interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
}

function parseHead(text: string): Head {
  const [statusLine, ...lines] = text.replace(/^(?:\r?\n)+/, "").split(/\r?\n/);
  const [whole, digits, statusText = ""] =
    /^HTTP\/1\.\d ([2-9]\d\d|1\d\d)(?: (.*))?$/.exec(statusLine) ?? [];
  if (whole === undefined) throw new TypeError("the answer is not HTTP/1.1");
  const headers = new Headers();
  for (const line of lines) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    if (colon < 1) throw new TypeError("a line of its head is not a field");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(digits), statusText, headers };
}

function cutOff(): TypeError {
  return new TypeError("the connection was closed before the whole body had come");
}

/** What `fetch()` throws where a connection fails. */
function asTypeError(cause: unknown): TypeError {
  if (cause instanceof TypeError) return cause;
  return new TypeError(cause instanceof Error ? cause.message : String(cause), { cause });
}
