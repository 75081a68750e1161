/**
 * Opens the sockets of apps that have a `websocket`, and takes those over that were opened elsewhere.
 *
 * @module
 */

import { uncurried } from "../../base/captured.ts";
import { clientOf } from "../../message/client.ts";
import type { RequestHead } from "../../message/exchange.ts";
import type { KeptExchange, SocketHandover, SocketKeeper } from "../../message/kept_sockets.ts";
import { fieldLinesOf } from "../header_lines.ts";
import type { AppTask } from "../task.ts";
import { CLOSING, OPEN, SocketChannel } from "./channel.ts";
import { HandledSocket, noteTopics } from "./handled_socket.ts";
import type { SocketBinaryType, UpgradeOptions, WebSocketHandlers } from "./handlers.ts";
import { dataBytes, loadSerializer, readSocketState, stateBytes } from "./socket_state.ts";
import { handshakeFault, idleTimeoutMsOf, noteUpgrade, upgradeResponse } from "./upgrade.ts";

const { Headers: PlatformHeaders } = globalThis;
const getField = uncurried(PlatformHeaders.prototype.get);

/** Fields that are not the app's to say: they are known without it. */
const OWN_FIELDS = [
  "connection",
  "upgrade",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-protocol",
];
const MAX_FIELD_BYTES = 65_536;

/** The sockets of one app. */
export class AppSockets {
  readonly #handlers: WebSocketHandlers;
  readonly #keeper: SocketKeeper;
  readonly #idleTimeoutMs: number;

  /** Gets ready to call an app's `handlers`; `keeper` keeps the sockets. */
  constructor(handlers: WebSocketHandlers, keeper: SocketKeeper) {
    loadSerializer();
    this.#handlers = handlers;
    this.#keeper = keeper;
    this.#idleTimeoutMs = idleTimeoutMsOf(handlers.idleTimeout);
  }

  /**
   * The response that upgrades the request of `task` to a socket; `null` if that was not asked for.
   *
   * @throws {TypeError} if the client does not offer the subprotocol, or the request was upgraded before
   * @throws {RangeError} if there is more data than is kept
   * @throws {Error} if the data cannot be cloned
   */
  open(task: AppTask, { data, protocol, headers }: UpgradeOptions): Response | null {
    if (handshakeFault(task) !== null) return null;
    const fields = new PlatformHeaders(headers);
    const name = `${protocol ?? getField(fields, "sec-websocket-protocol") ?? ""}`;
    const lines = fieldLinesOf(fields, MAX_FIELD_BYTES, OWN_FIELDS);
    const head = withClientAddr(task.head);
    const binaryType = "nodebuffer";
    const state = stateBytes(head, { protocol: name, extensions: "", binaryType }, dataBytes(data));
    noteUpgrade(task, name);
    const channel = new SocketChannel({
      protocol: name,
      idleTimeoutMs: this.#idleTimeoutMs,
      state,
    });
    this.#join(channel, head, data, binaryType);
    return upgradeResponse(channel, lines);
  }

  /**
   * Takes the socket of `task` over, as `handover` says.
   *
   * @throws {Error} if what is known of it cannot be read
   */
  adopt(task: AppTask, socket: KeptExchange, handover: SocketHandover): void {
    const { state, topics, isClosing } = handover;
    const known = readSocketState(state, task.head);
    const channel = new SocketChannel({ protocol: known.protocol, idleTimeoutMs: 0 });
    channel.extensions = known.extensions;
    const type = known.binaryType as SocketBinaryType;
    noteTopics(this.#join(channel, task.head, known.data, type), topics);
    task.adopt(socket, channel, channel);
    channel.adopt(task, isClosing ? CLOSING : OPEN);
  }

  #join(
    channel: SocketChannel,
    head: RequestHead,
    data: unknown,
    binaryType: SocketBinaryType,
  ): HandledSocket {
    const handlers = this.#handlers;
    const keeper = this.#keeper;
    return new HandledSocket({ channel, handlers, head, keeper, data, binaryType });
  }
}

/** The head with the client's own address, where a web server lies between. */
function withClientAddr(head: RequestHead): RequestHead {
  const { peer } = head;
  if (peer.endpoint === "http") return head;
  const { endpoint, scheme, localAddr, isForwarded } = peer;
  const remoteAddr = clientOf(head);
  head.peer = { endpoint, scheme, localAddr, remoteAddr, isForwarded };
  return head;
}
