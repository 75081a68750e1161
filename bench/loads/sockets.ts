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
/** How many are opened at the same time. */
const OPENING = 50;

/** A frame with a text of up to 125 bytes, as a client sends it; its mask is 0. */
export function textFrame(text: string): Uint8Array {
  const payload = encoder.encode(text);
  if (payload.length > 125) throw new RangeError("the text takes more than 125 bytes");
  const frame = new Uint8Array(6 + payload.length);
  frame[0] = 0x81;
  frame[1] = 0x80 | payload.length;
  frame.set(payload, 6);
  return frame;
}

/** A client's end of a socket, which counts the bytes that come. */
class SocketClient {
  readonly conn: Deno.Conn;
  /** Bytes after the handshake. */
  receivedBytes = 0;
  /** Called when more have come. */
  onBytes: () => void = () => {};

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
        this.onBytes();
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
        // A frame that two reads share is counted all the same: so they may share the buffer.
        client.read(shared);
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

  /** Sends `frame` by each, again when an answer of `bytes` has come, for some seconds; returns how many came. */
  async converse(frame: Uint8Array, bytes: number, seconds: number): Promise<number> {
    const end = performance.now() + seconds * 1_000;
    let answers = 0;
    await Promise.all(this.#clients.map((client) =>
      new Promise<void>((resolve) => {
        let due = client.receivedBytes + bytes;
        client.onBytes = () => {
          while (client.receivedBytes >= due) {
            answers++;
            due += bytes;
            if (performance.now() >= end) {
              client.onBytes = () => {};
              resolve();
              return;
            }
            client.conn.write(frame);
          }
        };
        client.conn.write(frame);
      })
    ));
    return answers;
  }

  [Symbol.dispose](): void {
    for (const { conn } of this.#clients) conn.close();
  }
}

const shared = new Uint8Array(BUFFER_BYTES);
