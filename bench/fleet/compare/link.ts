/**
 * The link between a handler and a dispatcher, which can be cut: what both sides send waits then, and arrives when it
 * is mended.
 *
 * @module
 */

const CHUNK_BYTES = 65_536;

/** Passes on what two sides send. */
export class Link implements AsyncDisposable {
  /** Where the handler connects to. */
  readonly endpoint: string;
  readonly #target: Deno.ConnectOptions;
  readonly #port: number;
  readonly #conns = new Set<Deno.Conn>();
  readonly #passing = new Set<Promise<void>>();
  #listener: Deno.Listener | null = null;
  #cut: PromiseWithResolvers<void> | null = null;

  /** Makes a link to the dispatcher at `endpoint`, from a port that nobody listens at until {@linkcode open}. */
  constructor(endpoint: string, port: number) {
    const { hostname, port: target } = new URL(endpoint.replace(/^.*tcp:/, "http:"));
    this.#target = { hostname, port: Number(target) };
    this.#port = port;
    this.endpoint = `dispatch+tcp://127.0.0.1:${port}`;
  }

  /** Lets the handler connect. */
  open(): void {
    const listener = this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.#port });
    this.#passing.add(this.#accept(listener));
  }

  /** Cuts it: nothing arrives until {@linkcode mend}. */
  cut(): void {
    this.#cut ??= Promise.withResolvers();
  }

  /** Mends it. */
  mend(): void {
    this.#cut?.resolve();
    this.#cut = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    this.#listener?.close();
    for (const conn of this.#conns) conn.close();
    this.#conns.clear();
    await Promise.all(this.#passing);
  }

  async #accept(listener: Deno.Listener): Promise<void> {
    for await (const conn of listener) this.#passing.add(this.#join(conn));
  }

  async #join(conn: Deno.Conn): Promise<void> {
    this.#conns.add(conn);
    await this.#cut?.promise;
    let other: Deno.Conn;
    try {
      other = await Deno.connect(this.#target);
    } catch {
      this.#close(conn);
      return;
    }
    this.#conns.add(other);
    await Promise.all([this.#pass(conn, other), this.#pass(other, conn)]);
  }

  /** Passes on what comes from one side, until either side ends. */
  async #pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const chunk = new Uint8Array(CHUNK_BYTES);
    try {
      for (let bytes = await from.read(chunk); bytes !== null; bytes = await from.read(chunk)) {
        await this.#cut?.promise;
        for (let at = 0; at < bytes;) at += await to.write(chunk.subarray(at, bytes));
      }
    } catch {
      // One side has gone, and so does the other.
    }
    this.#close(from);
    this.#close(to);
  }

  #close(conn: Deno.Conn): void {
    if (this.#conns.delete(conn)) conn.close();
  }
}
