/**
 * Takes from the fields of trusted proxies for whom they forward a request: the client's address, and the scheme
 * and host that it has asked for. Of who is not trusted the fields are fields, and nothing more.
 *
 * @module
 */

import { parseIpAddress } from "../base/ip_addresses.ts";
import { COLON, COMMA, CR, isBlank, spells } from "../message/chars.ts";
import { clientOf, toldClient } from "../message/client.ts";
import type { Exchange, ExchangeHandler, Peer, RequestHead } from "../message/exchange.ts";
import { latin1Text } from "../message/fields.ts";
import { isValidAuthority } from "../message/request_checks.ts";
import { isRequestId, REQUEST_ID_FIELD } from "../message/request_id.ts";
import type { ForwardedElement, ForwardingNode, Scheme } from "./forwarded.ts";
import { lastNodes, parseForwarded, parseNode, parseScheme } from "./forwarded.ts";
import type { ForwardedField } from "./forwarded_fields.ts";
import { DEFAULT_FORWARDED_FIELDS } from "./forwarded_fields.ts";
import type { TrustedProxies } from "./trusted_proxies.ts";

/** Fields that count, and where the values of their lines are in the head: start and end, by turns. */
interface FieldLines {
  readonly name: string;
  readonly ranges: number[];
}

/** What is not there, and what is there and cannot be relied on. */
const UNTOLD = "untold";
const UNKNOWN = "unknown";
type Gap = typeof UNTOLD | typeof UNKNOWN;

/** Some bytes of the head. */
interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What the fields of one kind say. */
interface Told {
  readonly client: Deno.NetAddr | Gap;
  readonly scheme: Scheme | Gap;
  readonly host: ByteRange | Gap;
}

const NOTHING_TOLD: Told = { client: UNTOLD, scheme: UNTOLD, host: UNTOLD };
const NOTHING_KNOWN: Told = { client: UNKNOWN, scheme: UNKNOWN, host: UNKNOWN };
/** The address of a client that no trusted proxy names. */
const NO_ADDRESS: Deno.NetAddr = { transport: "tcp", hostname: "", port: 0 };

/** Clients, and lines that name them, that are remembered; and how long such a line can be. */
const MAX_KNOWN = 1_024;
const MAX_KNOWN_BYTES = 64;
/** Addresses of the gateway for which clients are remembered. */
const MAX_PLACES = 256;

const LETTER_F = 0x66;
const LETTER_X = 0x78;
const LOWER_CASE = 0x20;

/** The peers of the clients that come by one address of the gateway, so that they are not made again. */
class KnownPeers {
  readonly #peers = new Map<string, Peer>();

  /** What `base` is with another client and scheme. */
  peer(base: Peer, client: Deno.Addr, scheme: Scheme): Peer {
    const name = "hostname" in client ? `${client.port} ${client.hostname}` : "";
    const key = `${scheme} ${name}`;
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      const { endpoint, localAddr } = base;
      peer = { endpoint, scheme, remoteAddr: client, localAddr, isForwarded: true };
      if (this.#peers.size >= MAX_KNOWN) this.#peers.clear();
      this.#peers.set(key, peer);
    }
    return peer;
  }
}

/** Stands before what takes requests, and tells it the client, scheme and host that trusted proxies tell. */
export class ForwardingHandler implements ExchangeHandler {
  readonly #next: ExchangeHandler;
  readonly #trusted: TrustedProxies;
  /** Whether the other side of a connection is trusted. */
  readonly #isTrustedPeer = new WeakMap<Peer, boolean>();
  readonly #known = new WeakMap<Peer, KnownPeers>();
  readonly #knownByPlace = new Map<string, KnownPeers>();
  /** What lines of `X-Forwarded-For` said lately. */
  readonly #knownLines = new Map<string, Told["client"]>();

  // What the current head has.
  readonly #forwarded: FieldLines = { name: "forwarded", ranges: [] };
  readonly #for: FieldLines = { name: "x-forwarded-for", ranges: [] };
  readonly #proto: FieldLines = { name: "x-forwarded-proto", ranges: [] };
  readonly #host: FieldLines = { name: "x-forwarded-host", ranges: [] };
  readonly #id: FieldLines = { name: REQUEST_ID_FIELD, ranges: [] };
  /** Those that count: the others stay empty. */
  readonly #counting: readonly FieldLines[];

  /** Makes a handler before `next`. Of fields that forward, only `fields` count. */
  constructor(
    next: ExchangeHandler,
    trusted: TrustedProxies,
    fields: readonly ForwardedField[] = DEFAULT_FORWARDED_FIELDS,
  ) {
    this.#next = next;
    this.#trusted = trusted;
    const names: readonly string[] = fields;
    const forwarding = [this.#forwarded, this.#for, this.#proto, this.#host];
    this.#counting = [...forwarding.filter(({ name }) => names.includes(name)), this.#id];
  }

  handle(exchange: Exchange): void {
    const { head } = exchange;
    if (this.#isFromTrusted(head) && this.#find(head)) this.#apply(head);
    this.#next.handle(exchange);
  }

  /** Whether who has sent the request, to the gateway or to the front server, is a trusted proxy. */
  #isFromTrusted(head: RequestHead): boolean {
    const { peer } = head;
    if (peer.endpoint !== "http") {
      const { address } = toldClient(head);
      if (address !== undefined) return this.#isTrustedText(address);
    }
    let isTrusted = this.#isTrustedPeer.get(peer);
    if (isTrusted === undefined) {
      isTrusted = peer.isRelay !== true && this.#trusted.hasPeer(peer.remoteAddr);
      this.#isTrustedPeer.set(peer, isTrusted);
    }
    return isTrusted;
  }

  /** Of what connects to them over a unix socket, front servers have no address to tell; nginx says `unix:`. */
  #isTrustedText(text: string): boolean {
    if (text === "" || text === "unix:") return this.#trusted.hasUnix;
    const bytes = parseIpAddress(text);
    return bytes !== null && this.#trusted.has(bytes);
  }

  /** Finds the lines that count; `false` if there are none. */
  #find({ block, fieldsStart, fieldsEnd }: RequestHead): boolean {
    for (const { ranges } of this.#counting) ranges.length = 0;
    let isFound = false;
    for (let at = fieldsStart; at < fieldsEnd;) {
      let lineEnd = at;
      while (block[lineEnd] !== CR) lineEnd++;
      const first = block[at] | LOWER_CASE;
      if ((first === LETTER_X || first === LETTER_F) && this.#note(block, at, lineEnd)) {
        isFound = true;
      }
      at = lineEnd + 2;
    }
    return isFound;
  }

  /** Takes note of the line `block[start, end)`, if it counts. */
  #note(block: Uint8Array, start: number, end: number): boolean {
    for (const { name, ranges } of this.#counting) {
      const nameEnd = start + name.length;
      if (block[nameEnd] !== COLON || !spells(block, start, nameEnd, name)) continue;
      const { start: valueStart, end: valueEnd } = withoutBlanks(block, nameEnd + 1, end);
      ranges.push(valueStart, valueEnd);
      return true;
    }
    return false;
  }

  #apply(head: RequestHead): void {
    this.#takeId(head);
    if (this.#counting.every(({ ranges }) => ranges.length === 0)) return;
    const { peer } = head;
    if (peer.endpoint === "mongrel2") this.#leaveOutOwn(head);
    const { client, scheme, host } = this.#told(head);
    const addr = client === UNTOLD ? clientOf(head) : client === UNKNOWN ? NO_ADDRESS : client;
    const isSchemeKnown = scheme !== UNTOLD && scheme !== UNKNOWN;
    head.peer = this.#knownFor(peer).peer(peer, addr, isSchemeKnown ? scheme : peer.scheme);
    if (typeof host === "string") return;
    head.authorityStart = host.start;
    head.authorityEnd = host.end;
  }

  /** Takes the request's id over, if there is one that can be. */
  #takeId(head: RequestHead): void {
    const { ranges } = this.#id;
    const [start, end] = ranges;
    if (ranges.length === 2 && isRequestId(head.block, start, end)) {
      head.idStart = start;
      head.idEnd = end;
    }
    ranges.length = 0;
  }

  /** Mongrel2 replaces `X-Forwarded-For` with who has asked it, which is known, unless told to leave it alone. */
  #leaveOutOwn(head: RequestHead): void {
    const { ranges } = this.#for;
    if (ranges.length !== 2) return;
    const { address } = toldClient(head);
    if (latin1Text(head.block, ranges[0], ranges[1]) === address) ranges.length = 0;
  }

  #knownFor(peer: Peer): KnownPeers {
    let known = this.#known.get(peer);
    if (known !== undefined) return known;
    const { endpoint, localAddr } = peer;
    const place = "hostname" in localAddr
      ? `${endpoint} ${localAddr.port} ${localAddr.hostname}`
      : `${endpoint} ${"path" in localAddr ? localAddr.path : ""}`;
    known = this.#knownByPlace.get(place);
    if (known === undefined) {
      known = new KnownPeers();
      if (this.#knownByPlace.size >= MAX_PLACES) this.#knownByPlace.clear();
      this.#knownByPlace.set(place, known);
    }
    this.#known.set(peer, known);
    return known;
  }

  /**
   * What the fields say. A proxy that sets the fields of one kind may pass on what a client has sent of the other:
   * where there are both, only what both say can be relied on.
   */
  #told(head: RequestHead): Told {
    const hasForwarded = this.#forwarded.ranges.length > 0;
    const hasOlder = this.#for.ranges.length + this.#proto.ranges.length +
        this.#host.ranges.length > 0;
    if (!hasOlder) return this.#toldByForwarded(head);
    const older = this.#toldByOlder(head);
    if (!hasForwarded) return older;
    const forwarded = this.#toldByForwarded(head);
    return {
      client: sameClient(forwarded.client, older.client),
      scheme: forwarded.scheme === older.scheme ? older.scheme : UNKNOWN,
      host: sameHost(head.block, forwarded.host, older.host),
    };
  }

  /** The element of the last client that is no trusted proxy counts, or else the first. */
  #toldByForwarded({ block }: RequestHead): Told {
    const { ranges } = this.#forwarded;
    let told = NOTHING_TOLD;
    for (let i = ranges.length - 2; i >= 0; i -= 2) {
      const start = ranges[i];
      const elements = parseForwarded(latin1Text(block, start, ranges[i + 1]));
      if (elements === null) return NOTHING_KNOWN;
      for (const element of elements.reverse()) {
        const isNearest = told === NOTHING_TOLD;
        told = this.#toldByElement(block, start, element);
        if (told.client === UNTOLD && !isNearest) return { ...told, client: UNKNOWN };
        if (typeof told.client === "string") return told;
        if (!this.#trusted.hasPeer(told.client)) return told;
      }
    }
    return told;
  }

  #toldByElement(block: Uint8Array, start: number, element: ForwardedElement): Told {
    const { client, proto, hostStart, hostEnd } = element;
    const node = client === undefined ? UNTOLD : parseNode(client) ?? UNKNOWN;
    return {
      client: typeof node === "string" ? node : addrOf(node),
      scheme: proto === undefined ? UNTOLD : parseScheme(proto) ?? UNKNOWN,
      host: hostStart === hostEnd ? UNTOLD : hostAt(block, start + hostStart, start + hostEnd),
    };
  }

  /** Of scheme and host the last ones count: what the nearest proxy says of them. */
  #toldByOlder({ block }: RequestHead): Told {
    const proto = lastMember(block, this.#proto.ranges);
    const host = lastMember(block, this.#host.ranges);
    return {
      client: this.#clientInLines(block),
      scheme: proto === null
        ? UNTOLD
        : parseScheme(latin1Text(block, proto.start, proto.end)) ?? UNKNOWN,
      host: host === null ? UNTOLD : hostAt(block, host.start, host.end),
    };
  }

  #clientInLines(block: Uint8Array): Told["client"] {
    const { ranges } = this.#for;
    if (ranges.length === 0) return UNTOLD;
    const [start, end] = ranges;
    if (ranges.length > 2 || end - start > MAX_KNOWN_BYTES) {
      const texts: string[] = [];
      for (let i = 0; i < ranges.length; i += 2) {
        texts.push(latin1Text(block, ranges[i], ranges[i + 1]));
      }
      return this.#clientIn(texts.join(","));
    }
    const text = latin1Text(block, start, end);
    let client = this.#knownLines.get(text);
    if (client === undefined) {
      client = this.#clientIn(text);
      if (this.#knownLines.size >= MAX_KNOWN) this.#knownLines.clear();
      this.#knownLines.set(text, client);
    }
    return client;
  }

  /** The last client of `X-Forwarded-For` that is no trusted proxy, or else the first. */
  #clientIn(text: string): Told["client"] {
    let client: Told["client"] = UNTOLD;
    for (const node of lastNodes(text)) {
      if (node === null) return UNKNOWN;
      client = addrOf(node);
      if (!this.#trusted.has(node.bytes)) break;
    }
    return client;
  }
}

function addrOf({ hostname, port }: ForwardingNode): Deno.NetAddr {
  return { transport: "tcp", hostname, port };
}

function sameClient(a: Told["client"], b: Told["client"]): Told["client"] {
  if (typeof a === "string" || typeof b === "string") return a === b ? a : UNKNOWN;
  if (a.hostname !== b.hostname) return UNKNOWN;
  // `X-Forwarded-For` mostly has no ports.
  return a.port === 0 ? b : a;
}

function sameHost(block: Uint8Array, a: Told["host"], b: Told["host"]): Told["host"] {
  if (typeof a === "string" || typeof b === "string") return a === b ? a : UNKNOWN;
  return latin1Text(block, a.start, a.end) === latin1Text(block, b.start, b.end) ? a : UNKNOWN;
}

function hostAt(block: Uint8Array, start: number, end: number): ByteRange | typeof UNKNOWN {
  return end > start && isValidAuthority(block, start, end) ? { start, end } : UNKNOWN;
}

/** The last member of the list in the last of some lines; `null` if there are no lines. */
function lastMember(block: Uint8Array, ranges: readonly number[]): ByteRange | null {
  if (ranges.length === 0) return null;
  const end = ranges[ranges.length - 1];
  let start = end;
  const first = ranges[ranges.length - 2];
  while (start > first && block[start - 1] !== COMMA) start--;
  return withoutBlanks(block, start, end);
}

function withoutBlanks(block: Uint8Array, start: number, end: number): ByteRange {
  while (start < end && isBlank(block[start])) start++;
  while (end > start && isBlank(block[end - 1])) end--;
  return { start, end };
}
