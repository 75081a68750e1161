/**
 * The options of ZeroMQ sockets.
 *
 * @module
 */

/**
 * Names of options:
 *
 * - `routingId`: identity that a ROUTER knows the socket by, 1 to 255 bytes. Set before connecting.
 * - `subscribe`: subscribes a SUB socket to messages that begin so.
 * - `unsubscribe`: ends a subscription.
 * - `events`: the events that a poll would tell: 1 readable, 2 writable.
 * - `linger`: time that what is unsent is kept after closing, in milliseconds; -1 for ever.
 * - `reconnectInterval`: time before a connection that was lost is made again, in milliseconds.
 * - `sendHighWaterMark`: messages that wait to be sent to one peer; 0 for any number.
 * - `receiveHighWaterMark`: messages of one peer that wait to be received; 0 for any number.
 * - `lastEndpoint`: the last endpoint that was bound or connected, ports chosen.
 * - `routerMandatory`: 1: a ROUTER fails to send what it cannot route, instead of dropping it.
 * - `ipv6`: 1: IPv6 addresses are understood.
 * - `immediate`: 1: messages go to peers only that are connected, and wait for none.
 * - `routerHandover`: 1: a ROUTER hands an identity over to the peer that comes with it last.
 * - `xpubNoDrop`: 1: an XPUB fails to send what a slow peer cannot take, instead of dropping it.
 * - `heartbeatInterval`: time between heartbeats to a peer, in milliseconds; 0 for none.
 * - `connectTimeout`: time after which an attempt to connect is given up, in milliseconds; 0 for the
 *   system's own.
 * - `descriptor`: what can be polled instead of the socket: see `SocketWatch`.
 * - `maxMessageBytes`: bytes of one part of a message at the most; a peer that sends more is
 *   disconnected. -1 for any number.
 * - `handshakeTimeout`: time that a peer has for its handshake, in milliseconds; 0 for any.
 * - `curveServer`, `curvePublicKey`, `curveSecretKey`, `curveServerKey`: see `curve.ts`.
 * - `zapDomain`: the name under which it is asked which peers may connect.
 * - `zapEnforceDomain`: 1: none may if there is nobody to ask.
 */
export type OptionName =
  | "routingId"
  | "subscribe"
  | "unsubscribe"
  | "events"
  | "linger"
  | "reconnectInterval"
  | "sendHighWaterMark"
  | "receiveHighWaterMark"
  | "lastEndpoint"
  | "routerMandatory"
  | "ipv6"
  | "immediate"
  | "routerHandover"
  | "xpubNoDrop"
  | "heartbeatInterval"
  | "connectTimeout"
  | "descriptor"
  | "maxMessageBytes"
  | "handshakeTimeout"
  | "curveServer"
  | "curvePublicKey"
  | "curveSecretKey"
  | "curveServerKey"
  | "zapDomain"
  | "zapEnforceDomain";

/** What an option is, as the library takes it. A long number has eight bytes. */
export type OptionKind = "number" | "long" | "bytes" | "text";

/** The options' numbers in the library, and their kinds. */
export const OPTIONS: Readonly<Record<OptionName, readonly [number, OptionKind]>> = {
  routingId: [5, "bytes"],
  subscribe: [6, "bytes"],
  unsubscribe: [7, "bytes"],
  events: [15, "number"],
  linger: [17, "number"],
  reconnectInterval: [18, "number"],
  sendHighWaterMark: [23, "number"],
  receiveHighWaterMark: [24, "number"],
  lastEndpoint: [32, "text"],
  routerMandatory: [33, "number"],
  ipv6: [42, "number"],
  immediate: [39, "number"],
  routerHandover: [56, "number"],
  xpubNoDrop: [69, "number"],
  heartbeatInterval: [75, "number"],
  connectTimeout: [79, "number"],
  // Windows has eight bytes there, of which the first four count.
  descriptor: [14, "long"],
  maxMessageBytes: [22, "long"],
  handshakeTimeout: [66, "number"],
  curveServer: [47, "number"],
  curvePublicKey: [48, "text"],
  curveSecretKey: [49, "text"],
  curveServerKey: [50, "text"],
  zapDomain: [55, "text"],
  zapEnforceDomain: [93, "number"],
};

/** A number as the library takes it. */
export function numberBytes(value: number, kind: OptionKind): Uint8Array {
  const numbers = kind === "long" ? BigInt64Array.of(BigInt(value)) : Int32Array.of(value);
  return new Uint8Array(numbers.buffer);
}

/** A long number that the library has given, in `length` bytes. */
export function longOf(bytes: Uint8Array<ArrayBuffer>, length: number): number {
  // A descriptor has as many bytes as the system's have.
  return length === 4
    ? new Int32Array(bytes.buffer)[0]
    : Number(new BigInt64Array(bytes.buffer)[0]);
}
