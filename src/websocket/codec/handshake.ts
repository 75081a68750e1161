/**
 * The opening handshake as a server does it (RFC 6455 4.2): from a request to the fields of the response
 * that makes its connection a WebSocket.
 *
 * @module
 */

import { ProtocolError } from "../../base/errors.ts";
import { runtimeModule } from "../../base/runtime_modules.ts";
import { withoutBlanks } from "../../message/fields.ts";
import type { DeflateTerms } from "./deflate_terms.ts";
import { acceptDeflate, deflateResponse } from "./deflate_terms.ts";
import type { Extension } from "./extensions.ts";
import { parseExtensions } from "./extensions.ts";

/** What a handshake needs of a request. */
export interface HandshakeRequest {
  /** Method, case-sensitive. */
  readonly method: string;
  /** Minor version of HTTP/1. */
  readonly minorVersion: number;
  /** Body length in bytes, 0 for none. */
  readonly bodyLength: number;
  /** Names and values of the field lines, in their order. */
  readonly fields: Iterable<readonly [string, string]>;
}

/** What a client asks for. */
export interface HandshakeOffer {
  /** What the response proves that it has read. */
  readonly key: string;
  /** Subprotocols that the client speaks, the one it likes best first. */
  readonly protocols: readonly string[];
  /** Extensions that it offers, the one it likes best first. */
  readonly extensions: readonly Extension[];
}

/** What a server makes of an offer. */
export interface HandshakeAnswer {
  /** Field lines of the response 101, each `name: value` and CRLF. */
  readonly fieldLines: string;
  /** How messages are compressed; `null` if they are not. */
  readonly deflate: DeflateTerms | null;
}

/** A request cannot become a WebSocket. `status` and `fieldLines` tell its client. */
export class HandshakeError extends ProtocolError {
  /** Name of the class. */
  override name = "HandshakeError";
  /** Field lines of the response, each `name: value` and CRLF. */
  readonly fieldLines: string;

  /** Makes an error for `status` with a message for the log. */
  constructor(status: number, message: string, section: string, fieldLines = "") {
    super(status, message, section);
    this.fieldLines = fieldLines;
  }
}

const VERSION = "13";
/** What the key is hashed with (RFC 6455 1.3). */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** 16 bytes in base64. */
const KEY = /^[A-Za-z\d+/]{22}==$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/;
const UPGRADE_LINES = "connection: Upgrade\r\nupgrade: websocket\r\n";

/** What of a request's fields concerns the handshake. Fields that occur several times are one list. */
interface HandshakeFields {
  connection: string[];
  upgrade: string[];
  "sec-websocket-key": string[];
  "sec-websocket-version": string[];
  "sec-websocket-protocol": string[];
  "sec-websocket-extensions": string[];
}

/**
 * Reads a client's part of the handshake.
 *
 * @throws {HandshakeError} if it is not as it must be: 405 for another method than GET, 426 for another
 * version, or without `Upgrade: websocket`, 400 for all else
 */
export function readHandshake(request: HandshakeRequest): HandshakeOffer {
  const fields = fieldsOf(request.fields);
  if (request.method !== "GET") {
    throw new HandshakeError(405, "a handshake that is no GET", "RFC 6455 4.1", "allow: GET\r\n");
  }
  if (!listHas(fields.upgrade, "websocket")) {
    throw new HandshakeError(426, "no Upgrade to websocket", "RFC 6455 4.2.1", UPGRADE_LINES);
  }
  if (request.minorVersion < 1) throw refusal("a handshake in HTTP/1.0");
  if (!listHas(fields.connection, "upgrade")) throw refusal("a Connection without Upgrade");
  if (request.bodyLength !== 0) throw refusal("a handshake with a body");
  const versions = fields["sec-websocket-version"];
  if (versions.length !== 1) throw refusal("not one Sec-WebSocket-Version");
  if (versions[0] !== VERSION) {
    const lines = `sec-websocket-version: ${VERSION}\r\n${UPGRADE_LINES}`;
    throw new HandshakeError(426, "another version of WebSocket", "RFC 6455 4.4", lines);
  }
  const keys = fields["sec-websocket-key"];
  if (keys.length !== 1 || !KEY.test(keys[0])) throw refusal("not one valid Sec-WebSocket-Key");
  return {
    key: keys[0],
    protocols: protocolsOf(fields["sec-websocket-protocol"]),
    extensions: extensionsOf(fields["sec-websocket-extensions"]),
  };
}

/**
 * Accepts what a client offers, with `protocol` as the subprotocol (`""` for none) and compression within
 * `deflate` (`null` for none).
 *
 * @throws {TypeError} if the client did not offer `protocol`
 */
export function acceptHandshake(
  offer: HandshakeOffer,
  protocol: string,
  deflate: DeflateTerms | null,
): HandshakeAnswer {
  if (protocol !== "" && !offer.protocols.includes(protocol)) {
    throw new TypeError(`the client did not offer the subprotocol ${JSON.stringify(protocol)}`);
  }
  const terms = deflate === null ? null : acceptDeflate(offer.extensions, deflate);
  let lines = `${UPGRADE_LINES}sec-websocket-accept: ${acceptKey(offer.key)}\r\n`;
  if (protocol !== "") lines += `sec-websocket-protocol: ${protocol}\r\n`;
  if (terms !== null) lines += `sec-websocket-extensions: ${deflateResponse(terms)}\r\n`;
  return { fieldLines: lines, deflate: terms };
}

/** What proves that a client's key was read (RFC 6455 4.2.2). */
export function acceptKey(key: string): string {
  const { createHash } = runtimeModule<typeof import("node:crypto")>("node:crypto");
  return createHash("sha1").update(key + ACCEPT_SUFFIX).digest("base64");
}

function fieldsOf(lines: Iterable<readonly [string, string]>): HandshakeFields {
  const fields: HandshakeFields = {
    connection: [],
    upgrade: [],
    "sec-websocket-key": [],
    "sec-websocket-version": [],
    "sec-websocket-protocol": [],
    "sec-websocket-extensions": [],
  };
  for (const [name, value] of lines) {
    const lowerCase = name.toLowerCase();
    if (Object.hasOwn(fields, lowerCase)) fields[lowerCase as keyof HandshakeFields].push(value);
  }
  return fields;
}

function listHas(values: readonly string[], lowerCase: string): boolean {
  return membersOf(values).some((member) => member.toLowerCase() === lowerCase);
}

function membersOf(values: readonly string[]): string[] {
  return values.join(",").split(",").map(withoutBlanks).filter((member) => member !== "");
}

function protocolsOf(values: readonly string[]): string[] {
  if (values.length === 0) return [];
  const protocols = membersOf(values);
  const isSound = protocols.length > 0 && protocols.every((protocol) => TOKEN.test(protocol)) &&
    new Set(protocols).size === protocols.length;
  if (!isSound) throw refusal("a malformed Sec-WebSocket-Protocol");
  return protocols;
}

function extensionsOf(values: readonly string[]): Extension[] {
  if (values.length === 0) return [];
  try {
    return parseExtensions(values.join(","));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new HandshakeError(error.status, error.message, error.section);
  }
}

function refusal(message: string): HandshakeError {
  return new HandshakeError(400, message, "RFC 6455 4.2.1");
}
