/**
 * Who may come in at a dispatcher's port: with CURVE, those whose keys are admitted. Without it anybody
 * may; but whoever says nothing of use cannot keep others out.
 *
 * @module
 */

import { timerMs } from "../../base/timers.ts";
import type { FaultLog } from "../../net/fault_log.ts";
import type { CurveKeys } from "../../zmq/curve.ts";
import { serveCurve } from "../../zmq/curve.ts";
import { cutConnection, openPeerCalls, peerAddress } from "../../zmq/peer.ts";
import {
  EVENT_ACCEPTED,
  EVENT_DISCONNECTED,
  EVENT_HANDSHAKE_BROKEN,
  EVENT_HANDSHAKE_FAILED,
  HANDSHAKE_CRYPTOGRAPHIC,
  HANDSHAKE_MISMATCH,
  parseMonitorEvent,
} from "../../zmq/monitor_events.ts";
import type { MonitorEvent } from "../../zmq/monitor_events.ts";
import type { ZmqContext, ZmqSocket } from "../../zmq/socket.ts";
import { SocketWatch } from "../../zmq/socket_watch.ts";
import { parseZapRequest, ZAP_ENDPOINT, zapPermission, zapRefusal } from "../../zmq/zap.ts";
import type { ClientKeys } from "./client_keys.ts";

/** How a {@linkcode Door} knows who may come in. */
export interface DoorKeys {
  /** The dispatcher's own keys. */
  readonly own: CurveKeys;
  /** Keys of those who may. */
  readonly clients: ClientKeys;
}

/** A connection that was accepted. */
export interface Visitor {
  /** Its descriptor. */
  readonly descriptor: number;
  /** Address of its other end. */
  readonly address: string;
  /** Its public key, once it is admitted; empty without CURVE. */
  key: string;
}

/** Time that a peer has for its handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Connections that may be open without being of use. A new one takes the place of the oldest. */
const MAX_IDLE_VISITORS = 256;
/** Time that a peer has to read why its connection ends, in milliseconds. */
const CUT_DELAY_MS = 500;
const UNKNOWN = "an unknown address";
/** Name of the port where peers are asked about. */
const DOMAIN = "gatehouse-dispatch";

/** Watches over a ROUTER that others connect to. Make it before the socket is bound. */
export class Door implements AsyncDisposable {
  readonly #faults: FaultLog;
  readonly #clients: ClientKeys | null;
  readonly #monitor: ZmqSocket;
  readonly #questions: ZmqSocket | null;
  readonly #watch: SocketWatch;
  /** The connections that are open, by their descriptors. */
  readonly #visitors = new Map<number, Visitor>();
  /** Those of them that are of no use yet, or no more, the oldest first. */
  readonly #idle = new Map<number, Visitor>();
  readonly #watching: Promise<void>;
  /** Why the next connection ends that does, if a handshake has just failed. */
  #failure: string | null = null;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isClosed = false;

  /**
   * Makes the door of `router`. With `keys`, connections are encrypted, and only those keys admitted.
   *
   * @throws {ZmqLibraryError} if there are keys, and libzmq cannot encrypt
   */
  constructor(context: ZmqContext, router: ZmqSocket, keys: DoorKeys | null, faults: FaultLog) {
    this.#faults = faults;
    this.#clients = keys?.clients ?? null;
    if (keys !== null) serveCurve(router, keys.own, DOMAIN);
    router.setOption("handshakeTimeout", HANDSHAKE_TIMEOUT_MS);
    this.#questions = keys === null ? null : context.socket("rep");
    this.#questions?.bind(ZAP_ENDPOINT);
    openPeerCalls();
    this.#monitor = router.monitor();
    const sockets = this.#questions === null ? [this.#monitor] : [this.#monitor, this.#questions];
    this.#watch = new SocketWatch(context, sockets);
    this.#watching = this.#work();
  }

  /**
   * The connection with this descriptor and key, which is of use from here on, so that it is not closed to
   * make room; `null` if it has ended.
   */
  admit(descriptor: number, key: string): Visitor | null {
    this.#takeEvents();
    this.#idle.delete(descriptor);
    const visitor = this.#visitors.get(descriptor) ?? null;
    if (visitor !== null) visitor.key = key;
    return visitor;
  }

  /** The connection is of no more use. */
  dismiss(visitor: Visitor): void {
    this.#takeEvents();
    const { descriptor } = visitor;
    if (this.#visitors.get(descriptor) === visitor) this.#idle.set(descriptor, visitor);
  }

  /** IP address of the other end of the connection with this descriptor. */
  addressOf(descriptor: number): string {
    this.#takeEvents();
    return (this.#visitors.get(descriptor)?.address ?? UNKNOWN).replace(/:\d+$/, "");
  }

  /** Closes a connection after what was sent to it had time to be read. */
  cutLater(visitor: Visitor): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#takeEvents();
      const { descriptor } = visitor;
      if (this.#visitors.get(descriptor) === visitor) cutConnection(descriptor);
    }, timerMs(CUT_DELAY_MS));
    this.#timers.add(timer);
  }

  /** Whether messages may come from the owner of this key, which is empty without CURVE. */
  admits(publicKey: string): boolean {
    return this.#clients === null || this.#clients.has(publicKey);
  }

  /** Watches no more. Close the socket after it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#watch.interrupt();
    await this.#watching;
    await this.#watch[Symbol.asyncDispose]();
    await this.#monitor.close();
    await this.#questions?.close();
  }

  async #work(): Promise<void> {
    while (!this.#isClosed) {
      this.#takeEvents();
      this.#answerQuestions();
      await this.#watch.wait();
    }
  }

  #answerQuestions(): void {
    const socket = this.#questions;
    if (socket === null) return;
    for (let parts = socket.receive(); parts !== null; parts = socket.receive()) {
      const request = parseZapRequest(parts);
      const isAdmitted = request !== null && this.admits(request.publicKey);
      socket.send(
        isAdmitted ? zapPermission(request.requestId, request.publicKey) : zapRefusal(parts[1]),
      );
      if (request === null || isAdmitted) continue;
      this.#faults.warn(
        `dispatch: a peer at ${request.address} is refused, since --curve-clients does not have ` +
          `its key, ${request.publicKey}`,
      );
    }
  }

  #takeEvents(): void {
    const monitor = this.#monitor;
    for (let parts = monitor.receive(); parts !== null; parts = monitor.receive()) {
      const event = parseMonitorEvent(parts);
      const failure = this.#failure;
      this.#failure = failureOf(event);
      if (event.event === EVENT_ACCEPTED) this.#onAccepted(event.value);
      if (event.event !== EVENT_DISCONNECTED) continue;
      const address = this.#visitors.get(event.value)?.address ?? UNKNOWN;
      this.#visitors.delete(event.value);
      this.#idle.delete(event.value);
      if (failure !== null) this.#faults.warn(`dispatch: a peer at ${address} ${failure}`);
    }
  }

  #onAccepted(descriptor: number): void {
    const visitor = { descriptor, address: peerAddress(descriptor) ?? UNKNOWN, key: "" };
    this.#visitors.set(descriptor, visitor);
    this.#idle.delete(descriptor);
    this.#idle.set(descriptor, visitor);
    if (this.#idle.size <= MAX_IDLE_VISITORS) return;
    const [oldest] = this.#idle.values();
    this.#idle.delete(oldest.descriptor);
    cutConnection(oldest.descriptor);
    this.#faults.warn(
      `dispatch: ${MAX_IDLE_VISITORS} peers are connected that are not handlers: the oldest, at ` +
        `${oldest.address}, is disconnected`,
    );
  }
}

/** What a peer did whose handshake has failed; `null` if that is not worth telling. */
function failureOf({ event, value }: MonitorEvent): string | null {
  if (event === EVENT_HANDSHAKE_FAILED) {
    return value === TIMED_OUT ? "did not finish its handshake in time" : null;
  }
  if (event !== EVENT_HANDSHAKE_BROKEN) return null;
  switch (value) {
    case HANDSHAKE_MISMATCH:
      return "is refused: one of the two sides uses CURVE, and the other does not";
    case HANDSHAKE_CRYPTOGRAPHIC:
      return "is refused: it has another public key for this dispatcher, or no good key itself";
  }
  return "is refused: it does not keep to ZeroMQ's protocol";
}

/** What a handshake fails with that takes too long: there is nothing to be read. */
const TIMED_OUT = Deno.build.os === "darwin" || Deno.build.os === "freebsd" ? 35 : 11;
