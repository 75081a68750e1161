/** A WebSocket of a client's, which keeps what comes. */

/** A client's socket, which keeps what comes. */
export class SocketClient implements AsyncDisposable {
  /** The socket. */
  readonly socket: WebSocket;
  /** Resolves when it is open. */
  readonly opened: Promise<unknown>;
  /** Resolves when it is closed. */
  readonly closed: Promise<CloseEvent>;
  readonly #received: unknown[] = [];
  #wake: () => void = () => {};

  /** Opens a socket at `path`. */
  constructor(gateway: { readonly port: number }, path: string, protocols: string[] = []) {
    this.socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, protocols);
    this.socket.binaryType = "arraybuffer";
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = resolve;
      this.socket.onerror = () => reject(new Error(`no socket at ${path}`));
    });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => this.socket.onclose = resolve);
    this.socket.onmessage = ({ data }) => {
      this.#received.push(data);
      this.#wake();
    };
  }

  /** The next `count` messages. */
  async receive(count = 1): Promise<unknown[]> {
    while (this.#received.length < count) {
      await Promise.race([
        new Promise<void>((resolve) => this.#wake = resolve),
        this.closed.then(({ code }) => {
          throw new Error(`closed with ${code} after ${this.#received.length} messages`);
        }),
      ]);
    }
    return this.#received.splice(0, count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState <= WebSocket.OPEN) this.socket.close();
    await this.closed;
  }
}
