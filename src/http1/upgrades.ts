/**
 * Grants requests to upgrade their connections (RFC 9110 7.8).
 *
 * @module
 */

import { InvalidResponseError } from "../base/errors.ts";
import type { ExchangeReceiver, RequestHead, UpgradeHead } from "../message/exchange.ts";
import { flatFields, listMembers, parseFieldLines } from "../message/fields.ts";
import type { Successor, UpgradedConnection } from "../net/successor.ts";
import { ByteTunnel } from "../net/successor.ts";
import { COMPRESSION_TERMS } from "../websocket/codec/deflate_terms.ts";
import { acceptHandshake, readHandshake } from "../websocket/codec/handshake.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../websocket/codec/limits.ts";
import { WebSocketLink } from "../websocket/link.ts";
import type { HttpConnection } from "./connection.ts";
import type { HttpExchange } from "./http_exchange.ts";

/**
 * Writes the response that grants the request of `exchange` what `head` says, and returns what speaks over
 * `connection` from here on.
 *
 * @throws {InvalidResponseError} if the request did not ask for it; nothing was written then
 * @throws {HandshakeError} if the request asks for a WebSocket in a way that is not allowed; nor was then
 */
export function succeed(
  exchange: HttpExchange,
  connection: HttpConnection,
  head: UpgradeHead,
): Successor {
  const upgraded = new Upgraded(exchange, connection);
  if (head.kind === "websocket") return toWebSocket(upgraded, exchange, connection, head);
  if (!isNext(exchange, connection) || !namesProtocol(exchange.head, head.protocol)) {
    throw new InvalidResponseError("an upgrade to a protocol that the request does not ask for");
  }
  connection.writer.beginUpgrade(head.protocol, head.fieldLines);
  return new ByteTunnel(upgraded);
}

function toWebSocket(
  upgraded: UpgradedConnection,
  exchange: HttpExchange,
  connection: HttpConnection,
  head: UpgradeHead,
): Successor {
  const { block, fieldsStart, fieldsEnd, method, minorVersion, bodyLength } = exchange.head;
  const fields = parseFieldLines(block, fieldsStart, fieldsEnd);
  const offer = readHandshake({ method, minorVersion, bodyLength, fields });
  if (!isNext(exchange, connection)) {
    throw new InvalidResponseError("an upgrade of a request that other responses come before");
  }
  // What the app has chosen of the client's subprotocols is among the field lines.
  const answer = acceptHandshake(offer, "", COMPRESSION_TERMS[connection.http.compression]);
  connection.writer.beginUpgrade("websocket", head.fieldLines, answer.fieldLines);
  const { maxMessageBytes } = connection.http.limits;
  return new WebSocketLink(upgraded, {
    limits: { ...DEFAULT_WEBSOCKET_LIMITS, maxMessageBytes },
    idleTimeoutMs: head.idleTimeoutMs,
    deflate: answer.deflate,
  });
}

/** Whether the connection waits for the answer of `exchange` alone, and reads no further. */
function isNext(exchange: HttpExchange, connection: HttpConnection): boolean {
  return exchange.asksUpgrade && connection.front === exchange;
}

/** Whether the request names `protocol` as one to go on with. */
function namesProtocol({ block, fieldsStart, fieldsEnd }: RequestHead, protocol: string): boolean {
  const fields = flatFields(block, fieldsStart, fieldsEnd);
  const wanted = protocol.toLowerCase();
  return listMembers(fields, "upgrade").some((name) => name.toLowerCase() === wanted);
}

/** The connection of an exchange, for what takes it over. */
class Upgraded implements UpgradedConnection {
  readonly #exchange: HttpExchange;
  readonly #connection: HttpConnection;

  constructor(exchange: HttpExchange, connection: HttpConnection) {
    this.#exchange = exchange;
    this.#connection = connection;
  }

  get receiver(): ExchangeReceiver {
    return this.#exchange.receiver;
  }

  get granted(): number {
    return this.#exchange.granted;
  }

  set granted(bytes: number) {
    this.#exchange.granted = bytes;
  }

  get out(): HttpConnection["out"] {
    return this.#connection.out;
  }

  get now(): number {
    return this.#connection.host.now;
  }

  scheduleFlush(): void {
    this.#connection.scheduleFlush();
  }

  countBody(bytes: number): void {
    this.#connection.countBody(bytes);
  }

  resume(): void {
    this.#connection.goOn();
  }

  finish(client: "done" | "sending"): void {
    if (client === "sending") this.#connection.linger();
    this.#exchange.finish();
  }

  abandon(): void {
    this.#exchange.abandon();
  }
}
