/**
 * A listener of TLS whose certificates can be chosen by name, and replaced while it listens.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import { AcceptingListener } from "./accepting_listener.ts";
import { isExhaustion } from "./accept_faults.ts";
import { canMoveSockets, MoveError, SocketMover } from "./moved_socket.ts";
import type { TlsIdentity, TlsKeyPair } from "./tls_identity.ts";

/** Where a {@linkcode TlsListener} listens, and how. */
export type TlsListenOptions = Pick<
  Deno.TcpListenOptions & { tcpBacklog?: number },
  "hostname" | "port" | "reusePort" | "tcpBacklog"
>;

/** What Deno keeps of the names that clients ask for, at the most, in bytes of keys and names. */
const MAX_KEPT_BYTES = 8_388_608;
/** What it takes to keep a name, besides the name and the keys, in bytes. */
const BYTES_PER_NAME = 256;
/** After the names could not be forgotten, this is tried again so much later, in milliseconds. */
const RETRY_MS = 5_000;
const ALPN = ["http/1.1"];

/** Under this symbol, a listener's options have a function that chooses its keys: Deno's own use. */
const RESOLVER: symbol | undefined = resolverSymbol();

function resolverSymbol(): symbol | undefined {
  const runtime = Deno as unknown as Record<PropertyKey, unknown>;
  const internals = runtime[runtime.internal as symbol] as { resolverSymbol?: symbol } | undefined;
  const { resolverSymbol } = internals ?? {};
  return typeof resolverSymbol === "symbol" ? resolverSymbol : undefined;
}

/**
 * Checks that this runtime can show clients one of several certificates, by the name that they ask for.
 *
 * @throws {ConfigError} if it cannot
 */
export function checkCanChoose(): void {
  if (RESOLVER !== undefined && canMoveSockets()) return;
  throw new ConfigError(
    `Deno ${Deno.version.deno} cannot choose among several certificates by name here: that takes ` +
      "Linux, and from source all permissions (-A). Give one --cert and --key, with all names in it",
  );
}

/**
 * Checks that Deno can use `pair`, and that its halves belong together.
 *
 * @throws {Deno.errors.InvalidData} if not
 */
export function checkKeys({ cert, key }: TlsKeyPair): void {
  // Nobody learns of this listener, which checks what it is given.
  Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key }).close();
}

/**
 * Checks that the certificates of a listener can be replaced here.
 *
 * @throws {ConfigError} if they cannot
 */
export function checkCanRenew(): void {
  if (canMoveSockets()) return;
  throw new ConfigError(
    "certificates cannot be replaced while the gateway runs: that takes Linux, and from source all " +
      "permissions (-A)",
  );
}

/** Listens for TLS. Closing it closes what it listens with by then. */
export class TlsListener extends AcceptingListener {
  readonly addr: Deno.NetAddr;
  readonly #options: TlsListenOptions;
  #identity: TlsIdentity;
  #inner: Deno.Listener;
  /** What Deno keeps for the current listener: it never forgets a name that was asked for. */
  #keptBytes = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  readonly #log: Log;
  readonly #mover: SocketMover;
  /** Whether the names could not be forgotten, the last time. */
  #hasFailed = false;

  /**
   * Listens. Throws what `Deno.listenTls()` does. `log` learns if names that clients have asked for
   * cannot be forgotten.
   */
  constructor(options: TlsListenOptions, identity: TlsIdentity, log: Log = () => {}) {
    super();
    this.#options = options;
    this.#identity = identity;
    this.#log = log;
    this.#inner = this.#open(options);
    // Before 2.9, Deno leaves the transport out.
    const { hostname, port } = this.#inner.addr as Deno.NetAddr;
    this.addr = { transport: "tcp", hostname, port };
    this.#mover = new SocketMover(this.addr);
  }

  /**
   * Shows `identity` to clients that connect from now on. Connections that are open, or wait to be
   * accepted, stay; so does the former identity if this throws.
   *
   * @throws {MoveError} if the system does not let it
   * @throws {Deno.errors.InvalidData} if a certificate or key cannot be used
   */
  renew(identity: TlsIdentity): void {
    if (this.isClosed) return;
    const [former, keptBytes] = [this.#identity, this.#keptBytes];
    this.#identity = identity;
    this.#keptBytes = 0;
    let next: Deno.Listener;
    try {
      // Any free port will do: this socket is replaced at once.
      next = this.#mover.moveTo(() => this.#open({ hostname: "127.0.0.1", port: 0 }));
    } catch (error) {
      this.#identity = former;
      this.#keptBytes = keptBytes;
      throw error;
    }
    const old = this.#inner;
    this.#inner = next;
    old.close();
  }

  async accept(): Promise<Deno.Conn> {
    for (;;) {
      const inner = this.#inner;
      try {
        return await inner.accept();
      } catch (error) {
        // It was closed since another one has its socket.
        if (inner === this.#inner || this.isClosed) throw error;
      }
    }
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.#renewal);
    this.#inner.close();
  }

  ref(): void {
    this.#inner.ref();
  }

  unref(): void {
    this.#inner.unref();
  }

  #open(options: TlsListenOptions): Deno.Listener {
    const { pairs } = this.#identity;
    const [first] = pairs;
    // Alone, it is checked at once, and clients can resume their sessions.
    const keys = pairs.length === 1
      ? { cert: first.cert, key: first.key }
      : { [RESOLVER!]: (name: string) => this.#choose(name) };
    return Deno.listenTls(
      { ...options, ...keys, alpnProtocols: ALPN } as
        & Deno.ListenTlsOptions
        & Deno.TlsCertifiedKeyPem,
    );
  }

  /** Is called once for each name, and each listener. */
  #choose(serverName: string): TlsKeyPair {
    const { cert, key } = this.#identity.choose(serverName.toLowerCase());
    this.#keptBytes += BYTES_PER_NAME + serverName.length + cert.length + key.length;
    if (this.#keptBytes > MAX_KEPT_BYTES) this.#forgetSoon();
    return { cert, key };
  }

  /** Forgets the names: with the listener that knows them. */
  #forgetSoon(): void {
    this.#renewal ??= setTimeout(() => {
      this.#renewal = undefined;
      try {
        this.renew(this.#identity);
        this.#hasFailed = false;
      } catch (error) {
        // For want of descriptors, perhaps: a later name tries again.
        if (!(error instanceof MoveError || isExhaustion(error))) throw error;
        if (!this.#hasFailed) {
          this.#log("warning", `names that TLS clients ask for are kept: ${messageOf(error)}`);
        }
        this.#hasFailed = true;
      }
    }, timerMs(this.#hasFailed ? RETRY_MS : 0));
  }
}
