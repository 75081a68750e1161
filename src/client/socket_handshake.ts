/**
 * A client's side of the handshake that opens a WebSocket (RFC 6455 4.1). Bytes in, bytes out; no I/O.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { ProtocolError } from "../base/errors.ts";
import { latin1Text, listHas } from "../message/fields.ts";
import { COLON, CR, spells } from "../message/chars.ts";
import { acceptKey } from "../websocket/codec/handshake.ts";
import { END, HEAD, NEED_DATA, ResponseReader, SWITCHED } from "./codec/response_reader.ts";
import { httpRequest } from "./prepared_request.ts";
import type { PreparedRequest } from "./prepared_request.ts";
import type { Target } from "./target.ts";

const PROTOCOL_FIELD = "sec-websocket-protocol";

/** Asks for a WebSocket, and checks that the server grants it. */
export class SocketHandshake {
  /** What asks for it. */
  readonly opening: PreparedRequest;
  /** Status of the answer; 0 before it. */
  status = 0;
  /** The subprotocol that the server has chosen; `""` for none. */
  protocol = "";
  /** What came after the answer in the bytes that completed it: `[start, end)` of them. */
  start = 0;
  end = 0;
  readonly #key: string;
  readonly #offered: readonly string[];
  readonly #reader = new ResponseReader();

  /** Makes a handshake with `target`; subprotocols are offered by a field among `fields`. */
  constructor(target: Target, fields: readonly (readonly [string, string])[]) {
    this.#key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
    this.#offered = fields
      .filter(([name]) => name.toLowerCase() === PROTOCOL_FIELD)
      .flatMap(([, value]) => value.split(",").map((each) => each.trim()));
    this.opening = httpRequest(target, {
      method: "GET",
      fields: [
        ["Connection", "Upgrade"],
        ["Upgrade", "websocket"],
        ["Sec-WebSocket-Version", "13"],
        ["Sec-WebSocket-Key", this.#key],
        ...fields,
      ],
      body: { kind: "none" },
    });
  }

  /** Begins to wait for the answer. */
  begin(): void {
    this.#reader.expect("GET", "asked");
  }

  /**
   * Takes the first `length` of `bytes`, which are borrowed until this returns; whether the WebSocket is open.
   *
   * @throws {ProtocolError} if the server grants none, or not as it has to
   */
  push(bytes: Uint8Array, length: number): boolean {
    const reader = this.#reader;
    reader.push(bytes, length);
    for (;;) {
      const event = reader.next();
      if (event === NEED_DATA) return false;
      if (event === HEAD || event === END) {
        this.status = reader.head.status;
        throw new ProtocolError(
          502,
          `the handshake was answered with ${reader.head.status}`,
          "RFC 6455 4.1",
        );
      }
      if (event !== SWITCHED) continue;
      this.status = 101;
      this.#check(reader.head.fieldLines);
      this.start = reader.start;
      this.end = reader.end;
      return true;
    }
  }

  /** Checks what proves that the server has read the request (RFC 6455 4.1). */
  #check(lines: Uint8Array): void {
    let accept = "";
    let upgrades = false;
    let choices = 0;
    let extensions = 0;
    for (let at = 0; at < lines.length;) {
      const nameEnd = lines.indexOf(COLON, at);
      const end = lines.indexOf(CR, nameEnd);
      if (spells(lines, at, nameEnd, "sec-websocket-accept")) {
        accept += latin1Text(lines, nameEnd + 1, end).trim();
      } else if (spells(lines, at, nameEnd, "upgrade")) {
        upgrades ||= listHas(lines, nameEnd + 1, end, "websocket");
      } else if (spells(lines, at, nameEnd, PROTOCOL_FIELD)) {
        choices++;
        this.protocol = latin1Text(lines, nameEnd + 1, end).trim();
      } else if (spells(lines, at, nameEnd, "sec-websocket-extensions")) {
        extensions++;
      }
      at = end + 2;
    }
    if (accept !== acceptKey(this.#key) || !upgrades) {
      throw new ProtocolError(502, "a handshake that proves nothing", "RFC 6455 4.1");
    }
    const isOffered = choices === 1 && this.#offered.includes(this.protocol);
    if (extensions > 0 || choices > 0 && !isOffered) {
      throw new ProtocolError(
        502,
        "an extension or subprotocol that was not offered",
        "RFC 6455 4.1",
      );
    }
  }
}
