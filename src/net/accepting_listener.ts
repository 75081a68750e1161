/**
 * What listeners have in common that are made of others.
 *
 * @module
 */

/** A listener that can be iterated over, and disposed of, by what it accepts and how it is closed. */
export abstract class AcceptingListener implements Deno.Listener {
  abstract readonly addr: Deno.NetAddr;
  /** Whether it was closed. */
  protected isClosed = false;

  abstract accept(): Promise<Deno.Conn>;
  abstract close(): void;
  abstract ref(): void;
  abstract unref(): void;

  async *[Symbol.asyncIterator](): AsyncGenerator<Deno.Conn, void, void> {
    while (!this.isClosed) {
      try {
        yield await this.accept();
      } catch (error) {
        if (!this.isClosed) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    if (!this.isClosed) this.close();
  }
}
