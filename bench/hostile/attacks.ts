/**
 * Attacks over the network, each with nothing but what any client can send.
 *
 * @module
 */

import { delay } from "../measuring/harness.ts";

/** Where an attack goes, and what it says of itself. */
export interface Target {
  /** Port of the server, on 127.0.0.1. */
  readonly port: number;
  /** When to stop, as `performance.now()` has it. */
  readonly until: number;
  /** Counts hostile bytes; a connection without any counts as 40, the size of its packets' headers. */
  count(bytes: number): void;
}

/** Something that a client does to a server. */
export interface Attack {
  /** What it is. */
  readonly name: string;
  /** Whether the server is to speak TLS. */
  readonly transport: "tcp" | "tls";
  /** Attacks until it is time, and leaves nothing open. */
  run(target: Target): Promise<void>;
}

const CONNECTION_BYTES = 40;
const encoder = new TextEncoder();

type Attacker = (conn: Deno.TcpConn, target: Target) => Promise<void>;

/** Whether `error` says that the server has closed the connection. */
function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionAborted;
}

/** Attacks over `connections` connections at a time; one that the server closes is made anew. */
function over(connections: number, attack: Attacker): Attack["run"] {
  return async (target) => {
    const open = new Set<Deno.TcpConn>();
    const lane = async () => {
      while (performance.now() < target.until) {
        try {
          const conn = await Deno.connect({ hostname: "127.0.0.1", port: target.port });
          open.add(conn);
          conn.setNoDelay(true);
          target.count(CONNECTION_BYTES);
          await attack(conn, target);
          open.delete(conn);
          conn.close();
        } catch (error) {
          if (!isClosed(error)) throw error;
          await delay(1);
        }
      }
    };
    const lanes = Promise.all(Array.from({ length: connections }, lane));
    // Those that wait for an answer are ended.
    const timer = setTimeout(() => {
      for (const conn of open) close(conn);
    }, target.until - performance.now() + 50);
    await lanes;
    clearTimeout(timer);
  };
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!isClosed(error)) throw error;
  }
}

async function send(conn: Deno.Conn, target: Target, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length && performance.now() < target.until) {
    const sent = await conn.write(bytes.subarray(at));
    target.count(sent);
    at += sent;
  }
}

/** Reads until the server closes the connection, or the attack is over. */
async function readToEnd(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  while (await conn.read(buffer) !== null);
}

/** Holds the connection, sending `bytes` every `pauseMs`. */
async function trickle(
  conn: Deno.Conn,
  target: Target,
  bytes: Uint8Array,
  pauseMs: number,
): Promise<void> {
  while (performance.now() < target.until) {
    await send(conn, target, bytes);
    await delay(pauseMs);
  }
}

const text = (value: string) => encoder.encode(value);
const BYTE = text("a");
const get = (path: string, fields = "") =>
  text(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`);
const BLANKS = " ".repeat(15_000);
const ONE_BYTE_CHUNKS = text("1\r\nx\r\n".repeat(5_000));
const EXTENDED_CHUNKS = text(`1;${"e".repeat(200)}\r\nx\r\n`.repeat(100));
const CHUNKED = "Transfer-Encoding: chunked\r\n";

/** A request with many header fields that is refused, or answered, and asked again. */
function oneRequest(bytes: Uint8Array): Attacker {
  return async (conn, target) => {
    await send(conn, target, bytes);
    await readToEnd(conn);
  };
}

/** All attacks. */
export const attacks: readonly Attack[] = [
  {
    name: "slow heads: a byte every 50 ms on 200 connections",
    transport: "tcp",
    run: over(200, async (conn, target) => {
      await send(conn, target, text("GET / HTTP/1.1\r\nX: "));
      await trickle(conn, target, BYTE, 50);
    }),
  },
  {
    name: "byte heads: 12 KB of head, a byte in each packet",
    transport: "tcp",
    run: over(8, async (conn, target) => {
      await send(conn, target, text("GET / HTTP/1.1\r\nHost: a\r\nX: "));
      for (let i = 0; i < 12_000 && performance.now() < target.until; i++) {
        await send(conn, target, BYTE);
      }
      await send(conn, target, text("\r\nConnection: close\r\n\r\n"));
      await readToEnd(conn);
    }),
  },
  {
    name: "byte chunks: bodies in chunks of one byte",
    transport: "tcp",
    run: over(8, async (conn, target) => {
      await send(conn, target, text(`POST /read HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n`));
      for (let i = 0; i < 20; i++) await send(conn, target, ONE_BYTE_CHUNKS);
      await send(conn, target, text("0\r\n\r\n"));
    }),
  },
  {
    name: "chunk extensions: 200 bytes of them a byte",
    transport: "tcp",
    run: over(8, async (conn, target) => {
      await send(conn, target, text(`POST /read HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n`));
      while (performance.now() < target.until) await send(conn, target, EXTENDED_CHUNKS);
    }),
  },
  {
    name: "long blanks: in field values, which the app reads",
    transport: "tcp",
    run: over(8, oneRequest(get("/headers", `X: a${BLANKS}b\r\n`))),
  },
  {
    name: "long blanks: in Transfer-Encoding",
    transport: "tcp",
    run: over(8, oneRequest(get("/", `Transfer-Encoding: a${BLANKS}b\r\n`))),
  },
  {
    name: "many fields: 95 to a request, which the app reads",
    transport: "tcp",
    run: over(8, oneRequest(get("/headers", "X: y\r\n".repeat(95)))),
  },
  {
    name: "pipelines: 64 requests for 200 KB each, nothing read, 100 connections",
    transport: "tcp",
    run: over(100, async (conn, target) => {
      await send(conn, target, text("GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(64)));
      await delay(Math.max(0, target.until - performance.now()));
    }),
  },
  {
    name: "held uploads: bodies that the app does not read, 100 connections",
    transport: "tcp",
    run: over(100, async (conn, target) => {
      await send(conn, target, text(`POST /hold HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n`));
      while (performance.now() < target.until) await send(conn, target, ONE_BYTE_CHUNKS);
    }),
  },
  {
    name: "resets: connections that end before they are accepted",
    transport: "tcp",
    async run(target) {
      const seconds = (target.until - performance.now()) / 1000;
      const { stdout } = await new Deno.Command("python3", {
        args: [
          new URL("./resets.py", import.meta.url).pathname,
          String(target.port),
          String(seconds),
        ],
      }).output();
      target.count(Number(new TextDecoder().decode(stdout)) * CONNECTION_BYTES);
    },
  },
  {
    name: "idle: 500 connections that say nothing",
    transport: "tcp",
    run: over(500, async (_conn, target) => {
      await delay(Math.max(0, target.until - performance.now()));
    }),
  },
  {
    name: "nonsense: requests that are none",
    transport: "tcp",
    run: over(8, oneRequest(text(`${"\x01\x02nonsense".repeat(20)}\r\n\r\n`))),
  },
  {
    name: "half-open TLS: 200 handshakes that are never finished",
    transport: "tls",
    run: over(200, async (conn, target) => {
      // The header of a handshake record of 512 bytes, and a ClientHello's first bytes.
      await send(conn, target, new Uint8Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]));
      await delay(Math.max(0, target.until - performance.now()));
    }),
  },
  {
    name: "broken TLS: handshakes that fail",
    transport: "tls",
    run: over(8, oneRequest(get("/"))),
  },
];
