/** A client that sends the bytes it is told to, and reads what comes back. */

import { latin1Text } from "../../src/message/fields.ts";

const encoder = new TextEncoder();

/** A response as read off a connection. */
export interface RawResponse {
  readonly status: number;
  readonly version: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A TCP (or other) connection under full control. */
export class RawClient implements Disposable {
  readonly conn: Deno.Conn;
  #buffered = "";
  #ended = false;

  constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async send(text: string | Uint8Array): Promise<void> {
    let bytes = typeof text === "string" ? encoder.encode(text) : text;
    while (bytes.length > 0) bytes = bytes.subarray(await this.conn.write(bytes));
  }

  /** Reads one response: `head` tells that it is the answer to a HEAD request. */
  async receive(kind: "response" | "head" = "response"): Promise<RawResponse> {
    while (!this.#buffered.includes("\r\n\r\n")) {
      if (!(await this.#fill())) throw new Error(`no response: ${JSON.stringify(this.#buffered)}`);
    }
    const end = this.#buffered.indexOf("\r\n\r\n");
    const [line, ...fields] = this.#buffered.slice(0, end).split("\r\n");
    this.#buffered = this.#buffered.slice(end + 4);
    const [, version, code] = /^(HTTP\/1\.\d) (\d{3})/.exec(line) ?? [];
    const headers = new Headers();
    for (const field of fields) {
      const colon = field.indexOf(":");
      headers.append(field.slice(0, colon), field.slice(colon + 1).trim());
    }
    const status = Number(code);
    const response = { status, version, headers };
    if (kind === "head" || status < 200 || status === 204 || status === 304) {
      return { ...response, body: "" };
    }
    if (headers.get("transfer-encoding") === "chunked") {
      return { ...response, body: await this.#chunked() };
    }
    const length = headers.get("content-length");
    if (length === null) return { ...response, body: await this.rest() };
    return { ...response, body: await this.#exactly(Number(length)) };
  }

  /** Everything until the other side closes. */
  async rest(): Promise<string> {
    while (await this.#fill());
    const rest = this.#buffered;
    this.#buffered = "";
    return rest;
  }

  /** The last 64 bytes of what comes up to `ending`; what follows them must not be there yet. */
  async lastUntil(ending: string): Promise<string> {
    while (!this.#buffered.endsWith(ending)) {
      this.#buffered = this.#buffered.slice(-64);
      if (!await this.#fill()) throw new Error(`closed after ${JSON.stringify(this.#buffered)}`);
    }
    const last = this.#buffered.slice(-64);
    this.#buffered = "";
    return last;
  }

  /** Whether the other side has closed, or reset, without sending anything more. */
  async closed(): Promise<boolean> {
    return this.#buffered === "" && !(await this.#fill());
  }

  [Symbol.dispose](): void {
    try {
      this.conn.close();
    } catch {
      // It is closed already.
    }
  }

  async #chunked(): Promise<string> {
    let body = "";
    for (;;) {
      const size = parseInt(await this.#line(), 16);
      if (size === 0) {
        await this.#line();
        return body;
      }
      body += await this.#exactly(size);
      await this.#line();
    }
  }

  async #line(): Promise<string> {
    while (!this.#buffered.includes("\r\n")) {
      if (!(await this.#fill())) throw new Error("the connection ended within a line");
    }
    const end = this.#buffered.indexOf("\r\n");
    const line = this.#buffered.slice(0, end);
    this.#buffered = this.#buffered.slice(end + 2);
    return line;
  }

  async #exactly(bytes: number): Promise<string> {
    while (this.#buffered.length < bytes) {
      if (!(await this.#fill())) throw new Error("the connection ended within a body");
    }
    const part = this.#buffered.slice(0, bytes);
    this.#buffered = this.#buffered.slice(bytes);
    return part;
  }

  async #fill(): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = new Uint8Array(65_536);
    let bytes: number | null = null;
    try {
      bytes = await this.conn.read(chunk);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    if (bytes === null) {
      this.#ended = true;
      return false;
    }
    this.#buffered += latin1Text(chunk, 0, bytes);
    return true;
  }
}

/** A GET request for `path`, with more field lines if given. */
export function get(path: string, fields = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
}
