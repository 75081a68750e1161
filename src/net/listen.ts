/**
 * Opens the sockets that endpoints listen on.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";
import { hostText } from "./address.ts";
import type { ListenAddress } from "./address.ts";
import { addressesOf, isUnavailable, mayBeIpv6Only } from "./hosts.ts";
import { JoinedListener } from "./joined_listener.ts";
import type { TlsIdentity } from "./tls_identity.ts";
import { setUnixBacklog } from "./unix_backlog.ts";
import { ListenError } from "../base/errors.ts";

/** A socket to open. */
export interface ListenSpec {
  /** Where. */
  readonly address: ListenAddress;
  /**
   * Connections that the system queues until they are accepted. For unix sockets this requires
   * permission to use FFI; else Deno decides.
   */
  readonly backlog: number;
  /** Who the socket is, to speak TLS. */
  readonly tls: TlsIdentity | undefined;
  /** Who else may listen there. Default: nobody. */
  readonly sharing?: SocketSharing;
  /** Takes what a socket that speaks TLS has to say later. Default: nobody does. */
  readonly log?: Log;
}

/**
 * Who else may listen at the same address: nobody; others that share a TCP port (each connection
 * goes to one of them); or also one whose unix socket is replaced.
 */
export type SocketSharing = "exclusive" | "shared" | "successor";

/** An open socket. */
export interface Listening {
  /** The listener. */
  readonly listener: Deno.Listener;
  /** The addresses that it listens at: several, if those of a name are meant. */
  readonly addresses: readonly Deno.Addr[];
  /**
   * Shows `identity` to the clients of a socket that speaks TLS, from the next one on.
   *
   * @throws {MoveError} if the system does not let it; then nothing has changed
   */
  renew(identity: TlsIdentity): void;
  /** Removes what the socket left behind, after the listener was closed. */
  cleanUp(): void;
}

/**
 * Opens the socket of `spec`, or those of all addresses that it stands for, at the same port.
 * Addresses that this system does not have are left out, if there are others.
 *
 * @throws {ListenError} if an address is in use, unknown, or not permitted
 */
export async function listen(
  spec: ListenSpec,
  lookUp: (hostname: string) => Promise<readonly string[]> = addressesOf,
): Promise<Listening> {
  const { address, backlog, sharing = "exclusive" } = spec;
  const renewals: Renewals = new Map();
  try {
    if (address.transport === "unix") {
      // What was meant to be secret is never said in the clear.
      if (spec.tls !== undefined) throw new Error("the runtime has no TLS over unix sockets");
      return await listenUnix(address, backlog, sharing);
    }
    const { hostname, port } = address;
    const open = await opener(spec, renewals);
    const listeners = hostname === ""
      ? openEverywhere(open, port)
      : openAtOnePort(open, await lookUp(hostname), port);
    return {
      listener: listeners.length === 1 ? listeners[0] : new JoinedListener(listeners),
      addresses: listeners.map(({ addr }) => addr),
      renew(identity) {
        for (const each of listeners) renewals.get(each)?.(identity);
      },
      cleanUp() {},
    };
  } catch (error) {
    throw new ListenError(`cannot listen on ${describe(address)}: ${reasonOf(error, spec)}`, {
      cause: error,
    });
  }
}

/** Opens a TCP socket. */
type Open = (hostname: string, port: number) => Deno.Listener;

/** What shows another identity to the clients of a listener, where it speaks TLS. */
type Renewals = Map<Deno.Listener, (identity: TlsIdentity) => void>;

/** What opens the sockets of `spec`, and adds to `renewals`. Only TLS has its listener loaded. */
async function opener(
  { backlog, log, tls, sharing = "exclusive" }: ListenSpec,
  renewals: Renewals,
): Promise<Open> {
  const options = {
    tcpBacklog: backlog,
    // Named only where it is needed: it is an unstable feature of Deno.
    ...sharing === "exclusive" ? {} : { reusePort: true },
  };
  if (tls === undefined) return (hostname, port) => Deno.listen({ hostname, port, ...options });
  const { TlsListener } = await import("./tls_listener.ts");
  return (hostname, port) => {
    const listener = new TlsListener({ hostname, port, ...options }, tls, log);
    renewals.set(listener, (identity) => listener.renew(identity));
    return listener;
  };
}

/** Every interface: with one socket for both versions of IP, where the system lets it be for both. */
function openEverywhere(open: Open, port: number): Deno.Listener[] {
  let both: Deno.Listener;
  try {
    both = open("::", port);
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return [open("0.0.0.0", port)];
  }
  if (!mayBeIpv6Only()) return [both];
  try {
    return [both, open("0.0.0.0", (both.addr as Deno.NetAddr).port)];
  } catch (error) {
    // It is for both already.
    if (error instanceof Deno.errors.AddrInUse) return [both];
    both.close();
    throw error;
  }
}

/** Ports that are tried for several addresses at once where any will do. */
const MAX_PORT_TRIES = 20;

/** Each of `hostnames`, at the same port. */
function openAtOnePort(
  open: Open,
  hostnames: readonly string[],
  port: number,
): Deno.Listener[] {
  for (let tries = 1;; tries++) {
    using listeners = new DisposableStack();
    const opened: Deno.Listener[] = [];
    let unavailable: unknown;
    let chosen = port;
    try {
      for (const hostname of hostnames) {
        try {
          const listener = open(hostname, chosen);
          listeners.defer(() => listener.close());
          opened.push(listener);
          chosen = (listener.addr as Deno.NetAddr).port;
        } catch (error) {
          if (!isUnavailable(error)) throw error;
          unavailable = error;
        }
      }
      if (opened.length === 0) throw unavailable;
      listeners.move();
      return opened;
    } catch (error) {
      const isTaken = error instanceof Deno.errors.AddrInUse;
      // The port is free at one address, and not at another.
      if (port !== 0 || !isTaken || tries === MAX_PORT_TRIES) throw error;
    }
  }
}

type UnixAddress = Extract<ListenAddress, { transport: "unix" }>;

async function listenUnix(
  { path, mode }: UnixAddress,
  backlog: number,
  sharing: SocketSharing,
): Promise<Listening> {
  if (sharing === "successor") refuseOtherFile(path);
  else await removeStaleSocket(path);
  // Deno removes the path that a listener was made with: by then, it may be a successor's.
  const ownPath = sharing === "exclusive" ? path : `${path}.${crypto.randomUUID().slice(0, 8)}`;
  // The mode is right from the start, so that others can never connect.
  const previous = mode === undefined ? undefined : Deno.umask(0o777 & ~mode);
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path: ownPath });
  } finally {
    if (previous !== undefined) Deno.umask(previous);
  }
  setUnixBacklog(ownPath, backlog);
  if (ownPath !== path) {
    // Clients find the old socket or the new one at every moment.
    Deno.renameSync(ownPath, path);
    nameAfter(path, listener);
  }
  const { ino } = Deno.lstatSync(path);
  return {
    listener,
    addresses: [listener.addr],
    renew() {},
    cleanUp() {
      try {
        // Another process may have taken the place meanwhile.
        if (Deno.lstatSync(path).ino === ino) Deno.removeSync(path);
      } catch (error) {
        // A process that has given up its privileges leaves the file to the next start, which removes it.
        const isExpected = error instanceof Deno.errors.NotFound ||
          error instanceof Deno.errors.PermissionDenied;
        if (!isExpected) throw error;
      }
    },
  };
}

/** Makes a listener, and what it accepts, tell the path that its socket has now. */
function nameAfter(path: string, listener: Deno.UnixListener): void {
  const addr: Deno.UnixAddr = { transport: "unix", path };
  const accept = listener.accept.bind(listener);
  Object.defineProperties(listener, {
    addr: { value: addr },
    accept: {
      value: async () => Object.defineProperty(await accept(), "localAddr", { value: addr }),
    },
  });
}

/**
 * Removes a socket that is no longer listened on.
 *
 * @throws {Deno.errors.AddrInUse} if it is
 */
async function removeStaleSocket(path: string): Promise<void> {
  try {
    refuseOtherFile(path);
    const live = await Deno.connect({ transport: "unix", path });
    live.close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) Deno.removeSync(path);
    else if (!(error instanceof Deno.errors.NotFound)) throw error;
    return;
  }
  throw new Deno.errors.AddrInUse();
}

/** @throws {Deno.errors.AlreadyExists} if there is another kind of file */
function refuseOtherFile(path: string): void {
  try {
    if (Deno.lstatSync(path).isSocket) return;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new Deno.errors.AlreadyExists("the file exists and is not a socket");
}

function describe(address: ListenAddress): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  return `${hostText(address.hostname)}:${address.port}`;
}

function reasonOf(error: unknown, spec: ListenSpec): string {
  if (error instanceof Deno.errors.AddrInUse) return "the address is in use";
  if (error instanceof Deno.errors.AddrNotAvailable) return "no interface here has this address";
  if (error instanceof Deno.errors.PermissionDenied) return "the system does not permit it";
  if (spec.tls !== undefined && error instanceof Deno.errors.InvalidData) {
    return `the certificate or key cannot be used: ${error.message}`;
  }
  return messageOf(error);
}
