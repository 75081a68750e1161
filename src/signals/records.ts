/**
 * What workers and the hub say to each other about signals and topics: records of a fixed header, a
 * name, an event's id, and a payload. They go over the rings, and between processes over the bus.
 *
 * @module
 */

import { copyOf, lengthOf, setBytes, uncurried, viewOf } from "../base/captured.ts";
import { EMPTY } from "../base/empty.ts";
import { SIGNAL_LIMITS } from "./limits.ts";

// Kinds. Each comment says who sends the record, and what of it counts.

/** Worker: it has waiters for the signal `name`. */
export const WATCH = 1;
/** Worker: it has no more. */
export const UNWATCH = 2;
/** Worker: wake the waiters of `name` with the payload. `id` is the call's; `flags` say how many. */
export const SEND = 3;
/** Worker: the delivery `id` has woken `number` waiters. */
export const WOKEN = 4;
/** Worker: it has subscribers of the topic `name`. */
export const FOLLOW = 5;
/** Worker: it has no more. */
export const UNFOLLOW = 6;
/** Worker: a message for the topic `name`. `id` is the call's. */
export const PUBLISH = 7;
/** Worker: what came after `event` in the topic `name`; what comes from now on if it is empty. `id` is the call's. */
export const READ = 8;
/** Worker: forget what it watches and follows, and what it was to answer; it begins again. */
export const RESET = 9;
/** Process: the worker has ended. */
export const DETACH = 10;

/** Hub: the call `id` has woken `number` waiters, or has failed: see FAILED. */
export const SENT = 17;
/** Hub: wake waiters of `name` with the payload. `id` is the delivery's; `flags` say how many. */
export const DELIVER = 18;
/** Hub: the message of the call `id` is the event `event` now, or the call has failed: see FAILED. */
export const PUBLISHED = 19;
/** Hub: an event of the topic `name`. */
export const EVENT = 20;
/** Hub: answers READ. `event` is where the topic stood; payload: events. `flags`: HAS_GAP, HAS_MORE. */
export const PAGE = 21;
/** Hub: records to the worker were lost: it is to begin again with RESET. */
export const RESYNC = 22;
/** Process: subscriptions are to end, for the gateway does. */
export const FINISH = 23;

/** Flags of SEND and DELIVER: all waiters, one of them, or none: they are counted. */
export const WAKE_ALL = 0;
export const WAKE_ONE = 1;
export const WAKE_NONE = 2;
/** Flag of SENT and PUBLISHED: the call has failed, and the payload says why. */
export const FAILED = 1;
/** Flag of PAGE: there were events between the one that was named and the first of the page. */
export const HAS_GAP = 1;
/** Flag of PAGE: more events follow. */
export const HAS_MORE = 2;

/** Kind, flags, length of the name (2), id (4), number (4), length of the event's id. */
const HEADER_BYTES = 13;
/** Length of the event's id, length of the value (4). */
const ENTRY_HEADER_BYTES = 5;

const { DataView, TextDecoder, TextEncoder, Uint8Array } = globalThis;
const { prototype: view } = DataView;
const setU16 = uncurried(view.setUint16);
const setU32 = uncurried(view.setUint32);
const getU16 = uncurried(view.getUint16);
const getU32 = uncurried(view.getUint32);
const encoder = new TextEncoder();
/** A byte order mark is part of a name. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encode: (encoder: TextEncoder, text: string) => Uint8Array = uncurried(
  TextEncoder.prototype.encode,
);
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

/** A record. What a kind does not use is 0 or empty. */
export interface SignalRecord {
  readonly kind: number;
  readonly flags: number;
  readonly id: number;
  readonly number: number;
  readonly name: string;
  readonly event: string;
  readonly payload: Uint8Array;
}

/** What a record is made of: what is absent is 0 or empty. */
export type RecordParts = Partial<Omit<SignalRecord, "kind">>;

/** An event of a topic. */
export interface TopicEntry {
  /** Its id. */
  readonly event: string;
  /** Its value, as it is sent. */
  readonly value: Uint8Array;
}

/** A record as bytes. */
export function signalRecord(kind: number, parts: RecordParts = {}): Uint8Array {
  const { flags = 0, id = 0, number = 0, name = "", event = "", payload = EMPTY } = parts;
  const nameBytes = encode(encoder, name);
  const eventBytes = encode(encoder, event);
  const nameLength = lengthOf(nameBytes);
  const eventLength = lengthOf(eventBytes);
  const bytes = new Uint8Array(HEADER_BYTES + nameLength + eventLength + lengthOf(payload));
  const header = new DataView(bytes.buffer);
  bytes[0] = kind;
  bytes[1] = flags;
  setU16(header, 2, nameLength, true);
  setU32(header, 4, id, true);
  setU32(header, 8, number, true);
  bytes[12] = eventLength;
  setBytes(bytes, nameBytes, HEADER_BYTES);
  setBytes(bytes, eventBytes, HEADER_BYTES + nameLength);
  setBytes(bytes, payload, HEADER_BYTES + nameLength + eventLength);
  return bytes;
}

/** The record that `bytes` are; `null` if they are none. Its payload is part of them. */
export function readSignalRecord(bytes: Uint8Array): SignalRecord | null {
  const length = lengthOf(bytes);
  if (length < HEADER_BYTES) return null;
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const nameEnd = HEADER_BYTES + getU16(header, 2, true);
  const eventEnd = nameEnd + bytes[12];
  if (eventEnd > length) return null;
  if (nameEnd - HEADER_BYTES > SIGNAL_LIMITS.maxNameBytes) return null;
  return {
    kind: bytes[0],
    flags: bytes[1],
    id: getU32(header, 4, true),
    number: getU32(header, 8, true),
    name: decode(decoder, viewOf(bytes, HEADER_BYTES, nameEnd)),
    event: decode(decoder, viewOf(bytes, nameEnd, eventEnd)),
    payload: viewOf(bytes, eventEnd, length),
  };
}

/** Events as the payload of a PAGE. */
export function pagePayload(entries: readonly TopicEntry[]): Uint8Array {
  const ids: Uint8Array[] = [];
  let total = 0;
  for (let i = 0; i < entries.length; i++) {
    ids[i] = encode(encoder, entries[i].event);
    total += ENTRY_HEADER_BYTES + lengthOf(ids[i]) + lengthOf(entries[i].value);
  }
  const payload = new Uint8Array(total);
  const numbers = new DataView(payload.buffer);
  let at = 0;
  for (let i = 0; i < entries.length; i++) {
    const { value } = entries[i];
    payload[at] = lengthOf(ids[i]);
    setU32(numbers, at + 1, lengthOf(value), true);
    setBytes(payload, ids[i], at + ENTRY_HEADER_BYTES);
    at += ENTRY_HEADER_BYTES + lengthOf(ids[i]);
    setBytes(payload, value, at);
    at += lengthOf(value);
  }
  return payload;
}

/** The events in the payload of a PAGE; their values are copies. */
export function pageEntries(payload: Uint8Array): TopicEntry[] {
  const entries: TopicEntry[] = [];
  const length = lengthOf(payload);
  const numbers = new DataView(payload.buffer, payload.byteOffset, length);
  let at = 0;
  while (at + ENTRY_HEADER_BYTES <= length) {
    const eventEnd = at + ENTRY_HEADER_BYTES + payload[at];
    const end = eventEnd + getU32(numbers, at + 1, true);
    if (end > length) break;
    entries[entries.length] = {
      event: decode(decoder, viewOf(payload, at + ENTRY_HEADER_BYTES, eventEnd)),
      value: copyOf(payload, eventEnd, end),
    };
    at = end;
  }
  return entries;
}
