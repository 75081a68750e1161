/**
 * Guards the inspector: lets through only requests that name this machine by its address. A web
 * page can make its own host name resolve to this machine, and read what it gets from there (DNS
 * rebinding). But that name stands in the `Host` field of its requests (RFC 9110, section 7.2).
 *
 * @module
 */

import type { ListenAddress } from "../net/address.ts";
import { listen } from "../net/listen.ts";
import { ListenError } from "../base/errors.ts";

/** Bytes of a request's head, at the most. */
const MAX_HEAD_BYTES = 16_384;
/** Time for a request's head to arrive, in milliseconds. */
const HEAD_TIMEOUT_MS = 10_000;
/** Connections at a time; others are closed. */
const MAX_CONNECTIONS = 64;
/** Time until it is tried again when a connection cannot be accepted. */
const ACCEPT_PAUSE_MS = 50;
const CR = 13;
const LF = 10;

type TcpAddress = Extract<ListenAddress, { transport: "tcp" }>;

/** Passes connections on to an inspector on this machine. */
export class InspectorProxy implements Disposable {
  /** Where it listens. */
  readonly address: Deno.NetAddr;
  readonly #listener: Deno.Listener;
  readonly #inspectorPort: number;
  readonly #conns = new Set<Deno.Conn>();
  #closed = false;

  private constructor(listener: Deno.Listener, inspectorPort: number) {
    this.#listener = listener;
    this.#inspectorPort = inspectorPort;
    this.address = listener.addr as Deno.NetAddr;
    this.#accept();
  }

  /**
   * Listens at `address`, or at another port there if that is taken, for the inspector at `inspectorPort`.
   *
   * @throws {ListenError} if the address cannot be used
   */
  static async listen(address: TcpAddress, inspectorPort: number): Promise<InspectorProxy> {
    const at = async (port: number) => {
      const { listener } = await listen({
        address: { ...address, port },
        backlog: MAX_CONNECTIONS,
        tls: undefined,
      });
      return new InspectorProxy(listener, inspectorPort);
    };
    try {
      return await at(address.port);
    } catch (error) {
      const isTaken = error instanceof ListenError && error.cause instanceof Deno.errors.AddrInUse;
      if (!isTaken) throw error;
      // That of another process.
      return await at(0);
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    for (const conn of this.#conns) this.#drop(conn);
  }

  #drop(conn: Deno.Conn): void {
    if (this.#conns.delete(conn)) conn.close();
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        const conn = await this.#listener.accept();
        if (this.#conns.size >= MAX_CONNECTIONS) conn.close();
        else this.#serve(conn);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        // It was closed; or no descriptors are left, or the client is already gone.
        if (!this.#closed) await new Promise((wake) => setTimeout(wake, ACCEPT_PAUSE_MS));
      }
    }
  }

  /** Serves a connection. Never rejects. */
  async #serve(conn: Deno.Conn): Promise<void> {
    this.#conns.add(conn);
    const timer = setTimeout(() => this.#drop(conn), HEAD_TIMEOUT_MS);
    let inspector: Deno.Conn | null = null;
    try {
      const received = await readHead(conn);
      clearTimeout(timer);
      if (received === null) return;
      const head = passedHead(received.text);
      if (head === null) {
        await writeAll(conn, REFUSAL);
        return;
      }
      inspector = await Deno.connect({ hostname: "127.0.0.1", port: this.#inspectorPort });
      await writeAll(inspector, new TextEncoder().encode(head.text));
      await writeAll(inspector, received.rest);
      const answer = copy(inspector, conn);
      // Who has asked a question need not say more to hear the answer.
      await (head.kind === "upgrade" ? Promise.race([copy(conn, inspector), answer]) : answer);
    } catch (error) {
      // Either side may be gone at any time.
      if (!(error instanceof Error)) throw error;
    } finally {
      clearTimeout(timer);
      inspector?.close();
      this.#drop(conn);
    }
  }
}

const REFUSAL_TEXT = "The inspector is asked for by an IP address or as localhost: " +
  "other names may be those of web pages.\n";
const REFUSAL = new TextEncoder().encode(
  "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n" +
    `Content-Length: ${REFUSAL_TEXT.length}\r\n\r\n${REFUSAL_TEXT}`,
);

/** A request's head as it is passed on, with the empty line at its end. */
interface PassedHead {
  readonly text: string;
  /** Whether it asks a question, or for the connection to become a WebSocket. */
  readonly kind: "question" | "upgrade";
}

/**
 * What is passed on of a request's head; `null` if the request is not for this machine by its address.
 * Each connection carries one request: no other name comes in by a later one.
 */
export function passedHead(text: string): PassedHead | null {
  const lines = text.split("\r\n");
  // Recipients may take a line feed alone for the end of a line (RFC 9112, section 2.2).
  if (lines.some((line) => /[^\t -~]/.test(line))) return null;
  const [requestLine, ...fields] = lines;
  const hosts = fields.filter((line) => /^host[ \t]*:/i.test(line));
  // A URL in the request line says the host, too (RFC 9112, section 3.2.2).
  if (hosts.length !== 1 || !/^GET \/\S* HTTP\/1\.1$/.test(requestLine)) return null;
  if (!isOwnAddress(hosts[0].replace(/^[^:]*:/, "").trim())) return null;
  if (fields.some((line) => /^upgrade[ \t]*:/i.test(line))) return { text, kind: "upgrade" };
  const others = fields.filter((line) => !/^connection[ \t]*:/i.test(line));
  return { text: [requestLine, "Connection: close", ...others].join("\r\n"), kind: "question" };
}

/** Whether the value of a `Host` field is an IP address or localhost, which no DNS server leads elsewhere. */
function isOwnAddress(host: string): boolean {
  return /^(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[\da-f:.]+\])(?::\d+)?$/i.test(host);
}

/** Reads a request's head; `null` if none comes, or one that is too long. */
async function readHead(
  conn: Deno.Conn,
): Promise<{ readonly text: string; readonly rest: Uint8Array } | null> {
  const buffer = new Uint8Array(MAX_HEAD_BYTES);
  let length = 0;
  while (length < MAX_HEAD_BYTES) {
    const count = await conn.read(buffer.subarray(length));
    if (count === null) return null;
    // The end may have begun with what came before.
    const end = endOfHead(buffer.subarray(0, length + count), Math.max(0, length - 3));
    length += count;
    if (end > 0) {
      const text = new TextDecoder().decode(buffer.subarray(0, end));
      return { text, rest: buffer.subarray(end, length) };
    }
  }
  return null;
}

/** The end of the empty line that ends a head, searched from `from`; 0 if it has not come yet. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at + 4;
  }
  return 0;
}

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const count = await from.read(buffer);
    if (count === null) return;
    await writeAll(to, buffer.subarray(0, count));
  }
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
