/**
 * Clients of WebSocket servers, many of them, in bytes: what a client library costs is no part of what is
 * measured.
 *
 * @module
 */

const encoder = new TextEncoder();
const HANDSHAKE = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n" +
  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const END_OF_HEAD = "\r\n\r\n";
const BUFFER_BYTES = 65_536;
const MASK_BYTES = 4;
const FIN = 0x80;
const TEXT = 1;
const BINARY = 2;
/** Up to so many that are opened together can converse. */
const MAX_SPEAKERS = 256;
/** How many are opened at the same time. */
const OPENING = 50;

/** A frame with a text, as a client sends it; its mask is 0. */
export function textFrame(text: string): Uint8Array {
  return frameOf(TEXT, encoder.encode(text));
}

/** A frame with bytes, as a client sends it; its mask is 0. */
export function bytesFrame(payload: Uint8Array): Uint8Array {
  return frameOf(BINARY, payload);
}

function frameOf(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length <= 0xffff ? 2 : 8;
  const frame = new Uint8Array(2 + lengthBytes + MASK_BYTES + length);
  const view = new DataView(frame.buffer);
  frame[0] = FIN | opcode;
  frame[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, length);
  else if (lengthBytes === 8) view.setBigUint64(2, BigInt(length));
  frame.set(payload, 2 + lengthBytes + MASK_BYTES);
  return frame;
}

/** Finds the ends of messages in what a server sends, in any split. */
class MessageCounter {
  #first = 0;
  /** Bytes of the header that have come; 0 within a payload. */
  #headerBytes = 0;
  /** Bytes of the length that have not come. */
  #lengthBytes = 0;
  /** Length of the payload, and then what has not come of it. */
  #left = 0;

  /** Reads on; returns how many messages were complete. */
  push(bytes: Uint8Array): number {
    let count = 0;
    for (let at = 0; at < bytes.length;) {
      if (this.#headerBytes === 2 && this.#lengthBytes === 0) {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
      } else {
        this.#readHeaderByte(bytes[at++]);
      }
      if (this.#headerBytes < 2 || this.#lengthBytes > 0 || this.#left > 0) continue;
      this.#headerBytes = 0;
      if ((this.#first & FIN) !== 0) count++;
    }
    return count;
  }

  #readHeaderByte(byte: number): void {
    if (this.#headerBytes === 0) {
      this.#first = byte;
      this.#headerBytes = 1;
    } else if (this.#headerBytes === 1) {
      this.#headerBytes = 2;
      this.#lengthBytes = byte < 126 ? 0 : byte === 126 ? 2 : 8;
      this.#left = byte < 126 ? byte : 0;
    } else {
      this.#left = this.#left * 256 + byte;
      this.#lengthBytes--;
    }
  }
}

/** A client's end of a socket, which counts the bytes that come. */
class SocketClient {
  readonly conn: Deno.Conn;
  /** Bytes after the handshake. */
  receivedBytes = 0;
  /** Called with what has come, which is borrowed. */
  onBytes: (bytes: Uint8Array) => void = () => {};

  constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  static async open(port: number): Promise<SocketClient> {
    const client = new SocketClient(await Deno.connect({ hostname: "127.0.0.1", port }));
    await client.conn.write(encoder.encode(HANDSHAKE));
    const buffer = new Uint8Array(1_024);
    let head = "";
    while (!head.includes(END_OF_HEAD)) {
      const count = await client.conn.read(buffer);
      if (count === null) throw new Error(`no handshake: ${head}`);
      head += String.fromCharCode(...buffer.subarray(0, count));
    }
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`no handshake: ${head}`);
    return client;
  }

  /** Reads until the connection ends. */
  async read(buffer: Uint8Array): Promise<void> {
    try {
      for (let count; (count = await this.conn.read(buffer)) !== null;) {
        this.receivedBytes += count;
        this.onBytes(buffer.subarray(0, count));
      }
    } catch {
      // It was closed.
    }
  }
}

/** Sockets that are held open; they end when they are disposed of. */
export class HeldSockets implements Disposable {
  readonly #clients: SocketClient[] = [];

  /** Opens `count` more. */
  async open(port: number, count: number): Promise<void> {
    for (let opened = 0; opened < count; opened += OPENING) {
      const some = Array.from(
        { length: Math.min(OPENING, count - opened) },
        () => SocketClient.open(port),
      );
      for (const client of await Promise.all(some)) {
        this.#clients.push(client);
        // Where only bytes are counted, it does no harm that two reads share a buffer.
        client.read(count > MAX_SPEAKERS ? shared : new Uint8Array(BUFFER_BYTES));
      }
    }
  }

  /** Sends `frame` by one of them; returns how long it took all to have `bytes` more, in milliseconds each. */
  async broadcast(frame: Uint8Array, bytes: number): Promise<number[]> {
    const waits: number[] = [];
    const begun = performance.now();
    const all = this.#clients.map((client) => {
      const due = client.receivedBytes + bytes;
      return new Promise<void>((resolve) => {
        client.onBytes = () => {
          if (client.receivedBytes < due) return;
          client.onBytes = () => {};
          waits.push(performance.now() - begun);
          resolve();
        };
      });
    });
    await this.#clients[0].conn.write(frame);
    await Promise.all(all);
    return waits;
  }

  /** Sends `frame` by each, again when a message has come, for some seconds; returns how many came. */
  async converse(frame: Uint8Array, seconds: number): Promise<number> {
    const end = performance.now() + seconds * 1_000;
    let answers = 0;
    await Promise.all(this.#clients.map((client) =>
      new Promise<void>((resolve) => {
        const counter = new MessageCounter();
        client.onBytes = (bytes) => {
          for (let count = counter.push(bytes); count > 0; count--) {
            answers++;
            if (performance.now() >= end) {
              client.onBytes = () => {};
              resolve();
              return;
            }
            writeAll(client.conn, frame);
          }
        };
        writeAll(client.conn, frame);
      })
    ));
    return answers;
  }

  [Symbol.dispose](): void {
    for (const { conn } of this.#clients) conn.close();
  }
}

const shared = new Uint8Array(BUFFER_BYTES);

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
