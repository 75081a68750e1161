/**
 * The beginning of a connection on which a proxy first says for whom it is (the PROXY protocol): until that is
 * known, nothing else is read, and nothing is answered.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import { ProxyHeaderReader } from "../proxies/proxy_header.ts";
import { NEW_CONNECTION_MS, TINY_READ_BYTES } from "./limits.ts";
import { isConnectionError } from "./sender.ts";
import type { ConnectionHost, SocketConnection } from "./socket_connection.ts";
import { expired } from "./socket_connection.ts";
import { WaitingPlace } from "./waiting_list.ts";

/** Who waits for the header of a connection. */
export interface GreetingOwner {
  /** Takes the connection over: from `client`, or the proxy itself if `null`, and what came after the header. */
  onGreeted(client: Deno.Addr | null, rest: Uint8Array): void;
  /** Is told why the connection is closed, if it has no valid header. */
  onRefused(reason: string): void;
}

/** A connection before its header is complete. */
export class ProxyGreeting implements SocketConnection {
  readonly place: WaitingPlace<SocketConnection> = new WaitingPlace(this);
  /** None: no request has come. */
  readonly owedCount = 0;

  readonly #conn: Deno.Conn;
  readonly #host: ConnectionHost<SocketConnection>;
  readonly #timeoutMs: number;
  readonly #owner: GreetingOwner;
  readonly #reader = new ProxyHeaderReader();
  readonly #startedAt: number;
  #isClosed = false;

  /** Makes a connection over `conn` whose header has to be complete within `timeoutMs`; 0 for any time. */
  constructor(
    conn: Deno.Conn,
    host: ConnectionHost<SocketConnection>,
    timeoutMs: number,
    owner: GreetingOwner,
  ) {
    this.#conn = conn;
    this.#host = host;
    this.#timeoutMs = timeoutMs;
    this.#owner = owner;
    this.#startedAt = host.now;
  }

  async serve(): Promise<void> {
    const buffer = this.#host.buffers.take(TINY_READ_BYTES);
    try {
      while (!this.#isClosed) {
        const count = await this.#conn.read(buffer);
        if (this.#isClosed) return;
        if (count === null) {
          this.#close();
          return;
        }
        const header = this.#reader.push(buffer.subarray(0, count));
        if (header === null) continue;
        this.#isClosed = true;
        this.#owner.onGreeted(header.client, this.#reader.rest.slice());
      }
    } catch (error) {
      if (error instanceof ProtocolError) this.#owner.onRefused(error.message);
      else if (!isConnectionError(error)) this.#owner.onRefused(String(error));
      this.#close();
    } finally {
      this.#host.buffers.give(buffer);
    }
  }

  /** There is nothing to send. */
  flush(): void {}

  checkDeadlines(now: number): void {
    if (expired(now, this.#startedAt, this.#timeoutMs)) {
      this.#owner.onRefused("its PROXY header did not come in time (--header-timeout)");
      this.#close();
    } else if (this.#host.draining && now - this.#startedAt > NEW_CONNECTION_MS) {
      this.#close();
    }
  }

  /** Closes the connection if its header has had its time: a request may be on its way. */
  drain(): void {
    this.checkDeadlines(this.#host.now);
  }

  abort(): void {
    this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#host.close(this, { conn: this.#conn, isUnread: false, writing: null });
  }
}
