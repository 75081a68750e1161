/**
 * What monitors of ZeroMQ sockets report.
 *
 * @module
 */

/** A connection was made. */
export const EVENT_CONNECTED = 1;
/** A connection was accepted. */
export const EVENT_ACCEPTED = 32;
/** A connection was lost. */
export const EVENT_DISCONNECTED = 512;
/** A handshake has failed, as the value says, which is one of the system's errors. */
export const EVENT_HANDSHAKE_FAILED = 0x800;
/** A handshake has failed, since the peer does not keep to the protocol. */
export const EVENT_HANDSHAKE_BROKEN = 0x2000;
/** A handshake has failed, since the other side does not admit this one. */
export const EVENT_HANDSHAKE_REFUSED = 0x4000;
/** Value of the event before it: a key is wrong, or what was sent was changed on the way. */
export const HANDSHAKE_CRYPTOGRAPHIC = 0x1100_0001;
/** Another one: the peer wants another mechanism, such as none. */
export const HANDSHAKE_MISMATCH = 0x1100_0002;

/**
 * What a monitor reports: the event, and a value, which is the connection's file descriptor for
 * the first three.
 */
export interface MonitorEvent {
  /** Number of the event, such as {@linkcode EVENT_CONNECTED}. */
  readonly event: number;
  /** Its value. */
  readonly value: number;
}

/** Reads what a monitor has received. */
export function parseMonitorEvent([frame]: readonly Uint8Array[]): MonitorEvent {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  return { event: view.getUint16(0, true), value: view.getInt32(2, true) };
}
