/**
 * Connections that are held open: idle ones, and those of slow clients.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What clients send that then are slow, by what they do. */
export const SLOW: Readonly<Record<string, string>> = {
  "ask for 1 MiB, and read nothing": "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "send a byte of a body":
    "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nx",
  "send half a head": "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
};

/** Connections that are held; they end when they are disposed of. */
export class HeldConnections implements Disposable {
  readonly #all: Deno.Conn[] = [];

  /** Opens another one, and sends `message`. */
  async open(port: number, message: string): Promise<Deno.Conn> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    this.#all.push(connection);
    await connection.write(encoder.encode(message));
    return connection;
  }

  /** Opens another one, which has an answer, and is idle. */
  async openIdle(port: number): Promise<void> {
    const connection = await this.open(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const buffer = new Uint8Array(4_096);
    let answer = "";
    while (!answer.endsWith("Hello World")) {
      const length = await connection.read(buffer);
      if (length === null) throw new Error(`the answer ends early: ${answer}`);
      answer += decoder.decode(buffer.subarray(0, length));
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#all) connection.close();
  }
}
