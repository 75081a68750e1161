/**
 * What a FastCGI application is to make of some bytes (FastCGI 1.0, sections 3 to 6), with all of them at
 * hand. Written from the specification and what gatehouse says of it, not from its code.
 */

import {
  ABORT_REQUEST,
  AUTHORIZER,
  BEGIN_REQUEST,
  concat,
  DATA,
  FILTER,
  GET_VALUES,
  PARAMS,
  STDIN,
} from "../support/fastcgi.ts";

/** A request that came in full. */
export interface CompleteRequest {
  readonly id: number;
  readonly role: number;
  readonly params: string;
  readonly stdin: string;
  readonly data: string;
}

/** What is to become of some bytes. */
export interface Expected {
  /** The requests that come in full, in the order in which they do. */
  readonly complete: readonly CompleteRequest[];
  /** How many of these are certain, whatever the split: nothing before ends the connection. */
  readonly certain: number;
  /** Numbers of all requests that begin, or are turned away, in order. */
  readonly begun: readonly number[];
}

interface Open {
  readonly id: number;
  readonly role: number;
  readonly keepsConnection: boolean;
  params: Uint8Array[];
  paramsEnded: boolean;
  readonly streams: Map<number, { readonly pieces: Uint8Array[]; ended: boolean }>;
}

const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 2: 0, 3: 8, 11: 8 };
const FROM_APPLICATIONS = [3, 6, 7, 10, 11];

const latin1 = (pieces: readonly Uint8Array[]) =>
  Array.from(concat(...pieces), (byte) => String.fromCharCode(byte)).join("");

/** A record; the content of the last one may be cut off. */
export interface PlainRecord {
  readonly version: number;
  readonly type: number;
  readonly id: number;
  readonly length: number;
  readonly content: Uint8Array;
}

/** The records in `bytes`, whatever they are. */
export function* recordsOf(bytes: Uint8Array): Generator<PlainRecord> {
  for (let at = 0; at + 8 <= bytes.length;) {
    const [version, type, id1, id0, length1, length0, padding] = bytes.subarray(at, at + 8);
    const length = length1 * 256 + length0;
    const content = bytes.subarray(at + 8, at + 8 + length);
    yield { version, type, id: id1 * 256 + id0, length, content };
    at += 8 + length + padding;
  }
}

/** Goes through the records in `bytes`; the parameters of requests are below all limits. */
export function expectedOf(bytes: Uint8Array): Expected {
  const complete: CompleteRequest[] = [];
  const begun: number[] = [];
  const open = new Map<number, Open>();
  let certain = -1;
  /** From here on, it depends on the split what is still looked at. */
  const uncertain = () => {
    if (certain < 0) certain = complete.length;
  };
  /** It is all over; what began with the record before may, or may not, have been looked at. */
  const breakOff = () => {
    uncertain();
    certain = Math.max(0, Math.min(certain, complete.length - 1));
  };
  const end = (request: Open) => {
    open.delete(request.id);
    if (!request.keepsConnection) uncertain();
  };
  const finishIfComplete = (request: Open) => {
    if (!request.paramsEnded || [...request.streams.values()].some(({ ended }) => !ended)) return;
    const textOf = (type: number) => latin1(request.streams.get(type)?.pieces ?? []);
    complete.push({
      id: request.id,
      role: request.role,
      params: latin1(request.params),
      stdin: textOf(STDIN),
      data: textOf(DATA),
    });
    end(request);
  };

  for (const { version, type, id, length, content } of recordsOf(bytes)) {
    const request = open.get(id);
    // Of requests that there are not, all is ignored.
    const isIgnored = request === undefined && id !== 0 && type !== BEGIN_REQUEST;
    const isMalformed = (FIXED_BYTES[type] ?? length) !== length ||
      FROM_APPLICATIONS.includes(type);
    if (version !== 1 || isMalformed && !isIgnored) {
      breakOff();
      break;
    }
    if (isIgnored) continue;
    const isWhole = content.length === length;
    if (type === BEGIN_REQUEST) {
      if (!isWhole) break;
      const role = content[0] * 256 + content[1];
      const keepsConnection = (content[2] & 1) === 1;
      if (id === 0 || request !== undefined) {
        breakOff();
        break;
      }
      begun.push(id);
      if (role < 1 || role > 3) {
        if (!keepsConnection) uncertain();
        continue;
      }
      const types = role === AUTHORIZER ? [] : role === FILTER ? [STDIN, DATA] : [STDIN];
      const streams = new Map(types.map((each) => [each, { pieces: [], ended: false }]));
      open.set(id, { id, role, keepsConnection, params: [], paramsEnded: false, streams });
    } else if (type === ABORT_REQUEST) {
      if (request !== undefined) end(request);
    } else if (type === PARAMS && request !== undefined && !request.paramsEnded) {
      if (length === 0) {
        request.paramsEnded = true;
        finishIfComplete(request);
        continue;
      }
      request.params.push(content);
    } else if ((type === STDIN || type === DATA) && request !== undefined) {
      const stream = request.streams.get(type);
      if (stream === undefined || stream.ended) continue;
      stream.pieces.push(content);
      stream.ended = length === 0;
      if (stream.ended) finishIfComplete(request);
    } else if (type === GET_VALUES && id === 0 && isWhole && arePairsBroken(content)) {
      breakOff();
      break;
    }
  }
  uncertain();
  return { complete, certain, begun };
}

/** Whether name-value pairs are cut off (section 3.4). */
export function arePairsBroken(bytes: Uint8Array): boolean {
  let at = 0;
  const lengthAt = () => {
    if (bytes[at] < 128) return bytes[at++];
    const long = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const length = at + 4 <= bytes.length ? long.getUint32(at) - 0x80000000 : NaN;
    at += 4;
    return length;
  };
  while (at < bytes.length) {
    const nameBytes = lengthAt();
    if (at >= bytes.length) return true;
    const valueBytes = lengthAt();
    at += nameBytes + valueBytes;
    if (!(at <= bytes.length)) return true;
  }
  return false;
}
