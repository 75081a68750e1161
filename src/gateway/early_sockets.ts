/**
 * Sockets that are opened before anything else, as long as the process has the privileges for them.
 *
 * @module
 */

import type { ListenAddress } from "../net/address.ts";
import type { Listening, ListenSpec } from "../net/listen.ts";
import { listen } from "../net/listen.ts";
import type { TlsIdentity } from "../net/tls_identity.ts";

/** Open sockets, until somebody takes them. Those that nobody has taken are closed at the end. */
export class EarlySockets implements Disposable {
  readonly #sockets = new Map<ListenAddress, Listening>();

  /**
   * Opens the sockets of `specs`. All are closed again if one cannot be.
   *
   * @throws {ListenError} if an address cannot be used
   */
  static async open(specs: readonly ListenSpec[]): Promise<EarlySockets> {
    using opened = new DisposableStack();
    const early = opened.use(new EarlySockets());
    for (const spec of specs) early.#sockets.set(spec.address, await listen(spec));
    opened.move();
    return early;
  }

  /** The socket at `address`, the very object, if it was opened: it is the caller's from here on. */
  take(address: ListenAddress): Listening | undefined {
    const listening = this.#sockets.get(address);
    this.#sockets.delete(address);
    return listening;
  }

  /** Shows `identity` to the clients of those that speak TLS. Throws what {@linkcode Listening.renew} does. */
  renewTls(identity: TlsIdentity): void {
    for (const listening of this.#sockets.values()) listening.renew(identity);
  }

  [Symbol.dispose](): void {
    for (const { listener, cleanUp } of this.#sockets.values()) {
      listener.close();
      cleanUp();
    }
    this.#sockets.clear();
  }
}
