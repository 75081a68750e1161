/**
 * Messages and replies over a handler's own sockets to Mongrel2.
 *
 * @module
 */

import { Mongrel2Sockets } from "./sockets.ts";
import type { DispatchLinkReport } from "./dispatch_link.ts";
import type { Mongrel2Spec } from "./codec/spec.ts";
import type { OpenRequests } from "./open_requests.ts";
import type { Mongrel2Transport, SocketSharers, TransportOwner } from "./transport.ts";

/** The sockets of a handler that Mongrel2 knows itself. */
export class DirectTransport implements Mongrel2Transport {
  readonly kind = "direct";
  readonly sharing: SocketSharers | null;
  readonly reports: readonly DispatchLinkReport[] = [];
  readonly #sockets: Mongrel2Sockets;

  /**
   * Connects to Mongrel2, now or as soon as it runs.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   * @throws {ZmqError} if an endpoint is malformed
   */
  constructor(spec: Mongrel2Spec, sharing: SocketSharers | null, owner: TransportOwner) {
    this.sharing = sharing;
    this.#sockets = new Mongrel2Sockets(spec, {
      onMessage: (bytes) => owner.onMessage(bytes, null),
      onConnected: () => owner.onConnected(),
      onAwaited: (endpoint) => owner.onAwaited("Mongrel2", endpoint),
      onRoom: () => owner.onRoom(),
      onDisconnected: () => owner.onLost(null),
    });
  }

  get isCongested(): boolean {
    return this.#sockets.isCongested;
  }

  /** Mongrel2 does not ask for it. */
  setGeneration(): void {}

  sendParts(_open: OpenRequests | null, beginning: string, rest: Uint8Array): void {
    this.#sockets.sendParts(beginning, rest);
  }

  leave(): Promise<void> {
    return this.#sockets.leave();
  }

  close(): Promise<void> {
    return this.#sockets.close();
  }
}
