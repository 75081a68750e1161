/**
 * How the messages of a Mongrel2 come to its endpoint, and the replies go back: over sockets to the
 * server itself, or over dispatchers.
 *
 * @module
 */

import type { DispatchLinkReport } from "./dispatch_link.ts";
import type { OpenRequests, RequestLink, RequestOrigin } from "./open_requests.ts";

/** Listener of a transport's owner. */
export interface TransportOwner {
  /**
   * A message has come; up to `MAX_LENT_BYTES` are lent until this returns. Over a dispatcher, requests
   * have an origin, and other messages none.
   */
  onMessage(bytes: Uint8Array, origin: RequestOrigin | null): void;
  /** All that is to be found was found, or was not for a while. */
  onConnected(): void;
  /** Nobody was found at `endpoint` in due time, where `what` should be. It is reported once. */
  onAwaited(what: "Mongrel2" | "a dispatcher", endpoint: string): void;
  /** Mongrel2 has gone, and with it the clients that it had; over a `link`, those whose requests came by it. */
  onLost(link: RequestLink | null): void;
  /** The dispatcher is about to end over which WebSockets come, if there is but one: they are to be closed. */
  onClosing(): void;
  /** There is room for replies again, after {@linkcode Mongrel2Transport.isCongested}. */
  onRoom(): void;
}

/** What carries messages and replies. */
export interface Mongrel2Transport {
  /** How clients come to it: straight, or over how many dispatchers. */
  readonly kind: "direct" | "dispatched";
  /** Why WebSockets cannot be carried: others get part of their messages. `null` if they can. */
  readonly sharing: SocketSharers | null;
  /** Whether what is sent would only wait. */
  readonly isCongested: boolean;
  /** How the links do that it consists of, if it does. */
  readonly reports: readonly DispatchLinkReport[];
  /** Makes a new generation of the apps known, where somebody wants to know. */
  setGeneration(generation: number): void;
  /** Sends a reply in two parts to the client of `open`; its beginning is text whose code units are bytes. */
  sendParts(open: OpenRequests | null, beginning: string, rest: Uint8Array): void;
  /** Takes leave, so that others get the requests; resolves when those that were on their way have come. */
  leave(): Promise<void>;
  /** Ends it, after what was sent has gone, unless nobody takes it. */
  close(): Promise<void>;
}

/** What Mongrel2 stands before that each get part of a WebSocket's messages, for a message. */
export type SocketSharers = "with several --processes" | "behind several dispatchers";
