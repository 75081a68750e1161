/** Drives the cases over a TCP connection, against whatever server of WebSockets echoes there. */

import { constants, createDeflateRaw } from "node:zlib";
import { concatenated, latin1Bytes } from "../../../src/base/bytes.ts";
import { latin1Text } from "../../../src/message/fields.ts";
import { parseExtensions } from "../../../src/websocket/codec/extensions.ts";
import {
  CLOSE_FRAME,
  DATA,
  FrameReader,
  NEED_DATA,
  PONG_FRAME,
} from "../../../src/websocket/codec/frame_reader.ts";
import { acceptKey } from "../../../src/websocket/codec/handshake.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../../../src/websocket/codec/limits.ts";
import { CLOSE, COMPRESSED, FIN, TEXT } from "../../../src/websocket/codec/protocol.ts";
import { Inflating } from "../../support/deflate.ts";
import { closing, frame } from "../../support/websocket.ts";
import type { SocketCase } from "./case.ts";
import { answer, inFragments } from "./case.ts";
import type { CompressionCase } from "./compression.ts";

const KEY = "x3JJHMbDL1EzLkh9GBhXDw==";
/** Time in which a server must do what it is to do. */
const PATIENCE_MS = 5_000;

/** The server under test. */
export interface CaseServer {
  /** Its port of 127.0.0.1. */
  readonly port: number;
  /** Where it echoes. */
  readonly path: string;
}

/** What a server did. */
export interface Outcome {
  /** What came back, as in {@linkcode SocketCase}. */
  readonly answers: readonly string[];
  /** Code of its close frame; `"open"` if it answered ours with the same; or what it did instead. */
  readonly end: number | "open" | "lost" | "late";
}

/** A client's end of a connection to the server under test, after the handshake. */
class CaseClient implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #reader: FrameReader;
  readonly #inflating: Inflating | null;
  /** What the client agreed to do when it compresses; `null` if it does not. */
  readonly deflate: { windowBits: number; noContextTakeover: boolean } | null;
  readonly answers: string[] = [];
  closeCode: number | null = null;
  #message: Uint8Array[] = [];
  #rest: Uint8Array;

  private constructor(conn: Deno.Conn, accepted: string | null, rest: Uint8Array) {
    this.#conn = conn;
    this.#rest = rest;
    const limits = { ...DEFAULT_WEBSOCKET_LIMITS, maxMessageBytes: 1 << 26 };
    const parameters = new Map<string, string | null>();
    for (const extension of accepted === null ? [] : parseExtensions(accepted)) {
      if (extension.name !== "permessage-deflate") throw new Error(`accepted: ${accepted}`);
      for (const { name, value } of extension.parameters) parameters.set(name, value);
    }
    this.#reader = new FrameReader(
      limits,
      "client",
      accepted === null ? "none" : "permessage-deflate",
    );
    this.#inflating = accepted === null ? null : new Inflating({
      windowBits: Number(parameters.get("server_max_window_bits") ?? 15),
      noContextTakeover: parameters.has("server_no_context_takeover"),
    });
    this.deflate = accepted === null ? null : {
      windowBits: Number(parameters.get("client_max_window_bits") ?? 15),
      noContextTakeover: parameters.has("client_no_context_takeover"),
    };
  }

  /** Connects, and does the handshake, in which it offers `offer`. */
  static async open({ port, path }: CaseServer, offer: string | null): Promise<CaseClient> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay();
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      `Sec-WebSocket-Key: ${KEY}`,
      "Sec-WebSocket-Version: 13",
      ...offer === null ? [] : [`Sec-WebSocket-Extensions: ${offer}`],
    ];
    await send(conn, latin1Bytes(lines.join("\r\n") + "\r\n\r\n"));
    let head = "";
    const buffer = new Uint8Array(65_536);
    while (!head.includes("\r\n\r\n")) {
      const count = await conn.read(buffer);
      if (count === null) throw new Error(`the handshake was refused: ${head}`);
      head += latin1Text(buffer, 0, count);
    }
    const end = head.indexOf("\r\n\r\n") + 4;
    const field = (name: string) =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, "im").exec(head.slice(0, end - 4).replaceAll("\r", ""))
        ?.[1] ?? null;
    if (!head.startsWith("HTTP/1.1 101 ") || field("sec-websocket-accept") !== acceptKey(KEY)) {
      throw new Error(`the handshake was refused: ${head}`);
    }
    return new CaseClient(conn, field("sec-websocket-extensions"), latin1Bytes(head.slice(end)));
  }

  /** Sends bytes; a server that has closed does not take them. */
  async send(bytes: Uint8Array): Promise<void> {
    try {
      await send(this.#conn, bytes);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** Reads until `isDone`; `false` if the connection ends before that. */
  async readUntil(isDone: () => boolean): Promise<boolean> {
    const buffer = new Uint8Array(65_536);
    await this.#take(this.#rest);
    this.#rest = new Uint8Array();
    while (!isDone()) {
      const count = await this.#conn.read(buffer).catch((error) => {
        if (isGone(error)) return null;
        throw error;
      });
      if (count === null) return false;
      await this.#take(buffer.subarray(0, count));
    }
    return true;
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const reader = this.#reader;
    reader.push(bytes);
    for (let event = reader.next(); event !== NEED_DATA; event = reader.next()) {
      if (event === CLOSE_FRAME) {
        this.closeCode = reader.closeCode;
      } else if (event === PONG_FRAME) {
        this.answers.push(answer("pong", reader.bytes.slice(reader.start, reader.end)));
      } else if (event === DATA) {
        this.#message.push(reader.bytes.slice(reader.start, reader.end));
        if (reader.isLast) await this.#endMessage();
      }
    }
  }

  async #endMessage(): Promise<void> {
    const { opcode, isCompressed } = this.#reader;
    const sent = concatenated(this.#message);
    this.#message = [];
    const message = isCompressed ? await this.#inflating!.message([sent], opcode) : sent;
    if (typeof message === "number") throw new Error("a compressed message that is malformed");
    this.answers.push(answer(opcode === TEXT ? "text" : "binary", message));
  }

  [Symbol.dispose](): void {
    this.#inflating?.inflater.close();
    this.#conn.close();
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted;
}

async function send(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Reads what is to come, while it is `sent`; ends what stays open then, and waits for the connection's end. */
async function conclude(
  client: CaseClient,
  sent: Promise<void>,
  expected: number,
  end: number | "open",
): Promise<Outcome> {
  const { answers } = client;
  const isClosed = () => client.closeCode !== null;
  if (end === "open") {
    await client.readUntil(() => answers.length >= expected || isClosed());
    await sent;
    if (!isClosed()) await client.send(frame(FIN | CLOSE, closing(4321)));
  }
  await client.readUntil(isClosed);
  const code = client.closeCode;
  if (await client.readUntil(() => false)) throw new Error("a server must end the connection");
  await sent;
  return { answers, end: code === null ? "lost" : code === 4321 ? "open" : code };
}

/** What `server` does with a case, sent in pieces of `pieceBytes`. */
export async function drive(
  server: CaseServer,
  { sends, answers, end, ...others }: SocketCase & { readonly offer?: string },
  pieceBytes = Infinity,
): Promise<Outcome> {
  using client = await CaseClient.open(server, others.offer ?? null);
  return await inTime(async () => {
    // What comes back is read meanwhile: else both wait for each other.
    return await conclude(client, sendPieces(client, sends, pieceBytes), answers.length, end);
  }, client.answers);
}

async function sendPieces(
  client: CaseClient,
  bytes: Uint8Array,
  pieceBytes: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await client.send(bytes.subarray(at, at + pieceBytes));
  }
}

/** What `server` does with compressed messages; `answers` holds only what is not as it should be. */
export async function driveCompression(
  server: CaseServer,
  each: CompressionCase,
): Promise<Outcome> {
  using client = await CaseClient.open(server, each.offer);
  if (client.deflate === null) throw new Error(`the server does not accept ${each.offer}`);
  return await inTime(async () => {
    const { answers, end } = await conclude(
      client,
      sendCompressed(client, each),
      each.count,
      "open",
    );
    const type = each.opcode === TEXT ? "text" : "binary";
    const wrong = answers.filter((text, index) => text !== answer(type, each.message(index)));
    if (answers.length !== each.count) wrong.push(`${answers.length} of ${each.count} came back`);
    return { answers: wrong, end };
  }, client.answers);
}

async function sendCompressed(
  client: CaseClient,
  { opcode, message, count, fragmentBytes }: CompressionCase,
): Promise<void> {
  const { windowBits, noContextTakeover } = client.deflate!;
  const deflate = createDeflateRaw({ windowBits });
  try {
    for (let index = 0; index < count; index++) {
      const payload = await flushed(deflate, message(index));
      if (noContextTakeover) deflate.reset();
      for (const { isFirst, isLast, part } of inFragments(payload, fragmentBytes)) {
        const first = isFirst ? COMPRESSED | opcode : 0;
        await client.send(frame(first | (isLast ? FIN : 0), part));
      }
    }
  } finally {
    deflate.destroy();
  }
}

/** A message as `deflate` makes it, without its last four bytes. */
function flushed(
  deflate: ReturnType<typeof createDeflateRaw>,
  message: Uint8Array,
): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const pieces: Uint8Array[] = [];
    const keep = (piece: Uint8Array) => pieces.push(piece);
    deflate.on("data", keep);
    deflate.write(message);
    deflate.flush(constants.Z_SYNC_FLUSH, () => {
      deflate.off("data", keep);
      resolve(concatenated(pieces).subarray(0, -4));
    });
  });
}

/** What `run` comes to, or how far it came. */
async function inTime(run: () => Promise<Outcome>, answers: readonly string[]): Promise<Outcome> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve({ answers, end: "late" }), PATIENCE_MS);
  });
  try {
    const running = run();
    running.catch(() => {});
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
