/**
 * The header that a proxy puts before what it passes on, to say for whom it does: the PROXY protocol, versions
 * 1 (section 2.1 of its specification) and 2 (section 2.2). Bytes in, in any split; no I/O and no timers.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { ProtocolError } from "../base/errors.ts";
import { formatIpAddress, IPV4_BYTES, IPV6_BYTES, parseIpAddress } from "../base/ip_addresses.ts";
import { latin1Text } from "../message/fields.ts";

/** What a header says. */
export interface ProxyHeader {
  /** The client's address; `null` if the proxy speaks for itself, or does not know it. */
  readonly client: Deno.Addr | null;
}

/** A whole header of version 2 at the most, in bytes: addresses take 232, the rest is what is skipped. */
export const MAX_PROXY_HEADER_BYTES = 4_096;
/** A whole header of version 1 at the most, in bytes, CR and LF included. */
const MAX_LINE_BYTES = 107;

const LINE_START = latin1Bytes("PROXY ");
const SIGNATURE = latin1Bytes("\r\n\r\n\0\r\nQUIT\n");
/** Bytes of version 2 before its addresses. */
const FIXED_BYTES = 16;
/** Bytes of each address and port of version 2, by family. */
const PORT_BYTES = 2;
const UNIX_PATH_BYTES = 108;

/** Commands of version 2. */
const LOCAL = 0;
const PROXY = 1;
/** Address families of version 2. */
const UNSPECIFIED = 0;
const INET = 1;
const INET6 = 2;
const UNIX = 3;
/** The transport of version 2 that a connection can have. */
const STREAM = 1;

const LF = 0x0a;
const CR = 0x0d;

/** Reads the header of one connection. */
export class ProxyHeaderReader {
  #kept: Uint8Array = new Uint8Array(MAX_LINE_BYTES);
  #length = 0;
  #rest: Uint8Array = EMPTY;

  /** What was pushed beyond the header, borrowed. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  /**
   * Takes the next bytes of the connection, and returns the header if it is complete.
   *
   * @throws {ProtocolError} if they are none, or of one that is too long
   */
  push(bytes: Uint8Array): ProxyHeader | null {
    const before = this.#length;
    const wanted = Math.min(before + bytes.length, MAX_PROXY_HEADER_BYTES);
    if (wanted > this.#kept.length) {
      const larger = new Uint8Array(MAX_PROXY_HEADER_BYTES);
      larger.set(this.#kept.subarray(0, before));
      this.#kept = larger;
    }
    this.#kept.set(bytes.subarray(0, wanted - before), before);
    this.#length = wanted;
    const end = this.#headerEnd(before);
    if (end === null) return null;
    this.#rest = bytes.subarray(end - before);
    const header = this.#kept.subarray(0, end);
    return header[0] === CR ? readBinary(header) : readLine(header);
  }

  /** Where the header ends, if that is known and here; bytes before `seen` were looked at. */
  #headerEnd(seen: number): number | null {
    const kept = this.#kept.subarray(0, this.#length);
    if (kept.length === 0) return null;
    const start = kept[0] === CR ? SIGNATURE : LINE_START;
    const common = Math.min(start.length, kept.length);
    for (let i = 0; i < common; i++) {
      if (kept[i] !== start[i]) throw malformed("the connection does not begin with it", "2");
    }
    if (common < start.length) return null;
    return kept[0] === CR ? binaryEnd(kept) : lineEnd(kept, seen);
  }
}

function lineEnd(kept: Uint8Array, seen: number): number | null {
  const lineFeed = kept.subarray(0, MAX_LINE_BYTES).indexOf(LF, Math.max(0, seen - 1));
  if (lineFeed >= 0) return lineFeed + 1;
  if (kept.length >= MAX_LINE_BYTES) throw malformed("its line is too long", "2.1");
  return null;
}

function binaryEnd(kept: Uint8Array): number | null {
  if (kept.length < FIXED_BYTES) return null;
  const end = FIXED_BYTES + ((kept[14] << 8) | kept[15]);
  if (end > MAX_PROXY_HEADER_BYTES) throw malformed("it is too long", "2.2");
  return kept.length < end ? null : end;
}

/** Reads `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`, or the same of `TCP6`, or `PROXY UNKNOWN` and anything. */
function readLine(bytes: Uint8Array): ProxyHeader {
  if (bytes[bytes.length - 2] !== CR) throw malformed("its line does not end in CR and LF", "2.1");
  const words = latin1Text(bytes, 0, bytes.length - 2).split(" ");
  const [, family, source, destination, sourcePort, destinationPort] = words;
  if (family === "UNKNOWN") return { client: null };
  const length = family === "TCP4" ? IPV4_BYTES : family === "TCP6" ? IPV6_BYTES : 0;
  const isWhole = words.length === 6 && length > 0 && isOfFamily(source, family) &&
    isOfFamily(destination, family) && isPort(sourcePort) && isPort(destinationPort);
  if (!isWhole) throw malformed("its line is malformed", "2.1");
  return { client: netAddr(parseIpAddress(source)!, Number(sourcePort)) };
}

function isOfFamily(text: string, family: string): boolean {
  return parseIpAddress(text) !== null && text.includes(":") === (family === "TCP6");
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readBinary(bytes: Uint8Array): ProxyHeader {
  const version = bytes[12] >>> 4;
  const command = bytes[12] & 0xf;
  if (version !== 2 || command > PROXY) {
    throw malformed("its version or command is not known", "2.2");
  }
  if (command === LOCAL) return { client: null };
  const family = bytes[13] >>> 4;
  const transport = bytes[13] & 0xf;
  if (family === UNSPECIFIED && transport === UNSPECIFIED) return { client: null };
  if (family < INET || family > UNIX || transport !== STREAM) {
    throw malformed("its addresses are not those of a connection", "2.2");
  }
  if (family === UNIX) return { client: unixAddr(bytes) };
  const length = family === INET6 ? IPV6_BYTES : IPV4_BYTES;
  checkLength(bytes, 2 * (length + PORT_BYTES));
  // Source and destination address, and then their ports.
  const portAt = FIXED_BYTES + 2 * length;
  const port = (bytes[portAt] << 8) | bytes[portAt + 1];
  return { client: netAddr(bytes.slice(FIXED_BYTES, FIXED_BYTES + length), port) };
}

/** The client of a proxy that listens on a unix socket; mostly it has no path of its own. */
function unixAddr(bytes: Uint8Array): Deno.UnixAddr {
  checkLength(bytes, 2 * UNIX_PATH_BYTES);
  const source = bytes.subarray(FIXED_BYTES, FIXED_BYTES + UNIX_PATH_BYTES);
  const end = source.indexOf(0);
  const path = latin1Text(source, 0, end < 0 ? source.length : end);
  return { transport: "unix", path };
}

/** @throws {ProtocolError} if there are fewer bytes of addresses than the family takes */
function checkLength(bytes: Uint8Array, addressBytes: number): void {
  if (bytes.length >= FIXED_BYTES + addressBytes) return;
  throw malformed("it is too short for its addresses", "2.2");
}

function netAddr(bytes: Uint8Array, port: number): Deno.NetAddr {
  return { transport: "tcp", hostname: formatIpAddress(bytes), port };
}

function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function malformed(what: string, section: string): ProtocolError {
  return new ProtocolError(400, `no valid PROXY header: ${what}`, `PROXY protocol ${section}`);
}
