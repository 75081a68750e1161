/**
 * One connection of a load over the system's own sockets: it connects, sends, receives, and begins anew
 * when it is lost.
 *
 * @module
 */

import { messageOf } from "../../base/error_message.ts";
import { ProtocolError } from "../../base/errors.ts";
import type { Conversation } from "../../client/conversation.ts";
import type { PreparedRequest } from "../../client/prepared_request.ts";
import { EMPTY } from "../../base/empty.ts";
import type { GroupPlan, GroupRecord } from "../group_record.ts";
import { REPEATABLE } from "../group_record.ts";
import type { PolledSockets } from "./sockets.ts";
import { AGAIN, BROKEN, errorText, READABLE, WRITABLE } from "./sockets.ts";

/** What happens to a connection. */
export interface PolledOwner {
  /** Its request was answered, or has failed: it can have another. */
  onFree(connection: PolledConnection): void;
  /** It could not be made: it is to have another request after a while. */
  onRefused(connection: PolledConnection): void;
}

/** What all connections of a group have in common. */
export interface PolledGroup {
  readonly plan: GroupPlan;
  readonly record: GroupRecord;
  readonly sockets: PolledSockets;
  /** Where the server is, as the system takes it. */
  readonly addresses: readonly Uint8Array[];
  /** What is received goes here first: nobody keeps it. */
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly owner: PolledOwner;
}

/** Where it stands. */
const CLOSED = 0;
const CONNECTING = 1;
const OPENING = 2;
const IDLE = 3;
const ASKING = 4;

/** A connection. */
export class PolledConnection {
  /** Its number among those that are waited for. */
  readonly id: number;
  /** When its request was due. */
  dueMs = 0;
  /** When its request was sent; 0 if none is under way. */
  sentMs = 0;

  readonly #group: PolledGroup;
  #state = CLOSED;
  #fd = -1;
  #conversation: Conversation | null = null;
  #place = 0;
  /** Responses on this connection, and whether something has come in answer to the last request. */
  #answered = 0;
  #isAnswering = false;
  #isRepeated = false;

  // What is to be sent.
  #out: Uint8Array = EMPTY;
  #outAt = 0;
  #request: PreparedRequest | null = null;
  #piecesLeft = 0;
  #awaitsRoom = false;

  /** Makes a connection, which is not made yet. */
  constructor(id: number, group: PolledGroup) {
    this.id = id;
    this.#group = group;
  }

  /** Asks, over a new connection if need be. */
  ask(dueMs: number): void {
    this.dueMs = dueMs;
    this.sentMs = performance.now();
    this.#isRepeated = false;
    this.#begin();
  }

  /** Gives up what is under way. */
  giveUp(reason: string): void {
    if (this.sentMs > 0) this.#fail(reason);
    else this.close();
  }

  /** Closes it. */
  close(): void {
    if (this.#fd >= 0) this.#group.sockets.close(this.#fd);
    this.#fd = -1;
    this.#state = CLOSED;
    this.#conversation = null;
    this.#out = EMPTY;
    this.#request = null;
    this.#piecesLeft = 0;
    this.#awaitsRoom = false;
  }

  /** Takes what has happened to its socket. */
  onEvents(events: number): void {
    // An event of a socket that it had before.
    if (this.#fd < 0) return;
    if (this.#state === CONNECTING) {
      if ((events & (WRITABLE | BROKEN)) !== 0) this.#onConnected();
      return;
    }
    if ((events & WRITABLE) !== 0 && this.#awaitsRoom) this.#flush();
    if (this.#fd >= 0 && (events & (READABLE | BROKEN)) !== 0) this.#receive();
  }

  #begin(): void {
    this.#isAnswering = false;
    if (this.#state === IDLE && this.#conversation!.isReusable) {
      this.#state = ASKING;
      this.#send(this.#group.plan.request);
      return;
    }
    this.close();
    this.#place = 0;
    this.#connect();
  }

  #connect(): void {
    const { sockets, addresses } = this.#group;
    const fd = sockets.connect(addresses[this.#place], this.id);
    if (fd < 0) {
      this.#onUnreachable(fd);
      return;
    }
    this.#fd = fd;
    this.#state = CONNECTING;
    this.#awaitsRoom = true;
  }

  #onConnected(): void {
    const { sockets, plan, record } = this.#group;
    const error = sockets.outcome(this.#fd);
    if (error < 0) {
      this.#onUnreachable(error);
      return;
    }
    this.#answered = 0;
    this.#conversation = plan.converse();
    const { opening } = this.#conversation;
    this.#state = opening === null ? ASKING : OPENING;
    if (opening === null) record.connects++;
    this.#send(opening ?? plan.request);
  }

  /** Tries the next address, if there is one. */
  #onUnreachable(error: number): void {
    const { plan, addresses, record, owner } = this.#group;
    this.close();
    if (++this.#place < addresses.length) {
      this.#connect();
      return;
    }
    this.sentMs = 0;
    record.noteFailure(
      this.dueMs,
      `${plan.server.target.text} cannot be reached: ${errorText(error)}`,
    );
    owner.onRefused(this);
  }

  #send(request: PreparedRequest): void {
    this.#out = this.#conversation!.begin(request);
    this.#outAt = 0;
    this.#request = request;
    this.#piecesLeft = request.pieceCount;
    this.#flush();
  }

  /** Sends as much as there is room for. */
  #flush(): void {
    const { sockets, record } = this.#group;
    for (;;) {
      if (this.#outAt === this.#out.length && !this.#nextPart()) break;
      const sent = sockets.send(
        this.#fd,
        this.#outAt === 0 ? this.#out : this.#out.subarray(this.#outAt),
      );
      if (sent === AGAIN) {
        this.#awaitRoom(READABLE | WRITABLE);
        return;
      }
      if (sent < 0) {
        // What the server has said before it closed is still to be read.
        this.#request = null;
        this.#piecesLeft = 0;
        this.#outAt = this.#out.length;
        break;
      }
      record.bytesSent += sent;
      this.#outAt += sent;
    }
    if (this.#awaitsRoom) this.#awaitRoom(READABLE);
  }

  #nextPart(): boolean {
    const request = this.#request;
    if (request === null) return false;
    this.#outAt = 0;
    if (this.#piecesLeft > 0) {
      this.#piecesLeft--;
      this.#out = request.piece;
      return true;
    }
    this.#out = request.last;
    this.#request = null;
    return this.#out.length > 0;
  }

  #awaitRoom(events: number): void {
    this.#awaitsRoom = (events & WRITABLE) !== 0;
    this.#group.sockets.await(this.#fd, this.id, events);
  }

  #receive(): void {
    const { sockets, buffer, record } = this.#group;
    const count = sockets.receive(this.#fd, buffer);
    if (count === AGAIN) return;
    if (count < 0) {
      this.#fail(`the connection was lost: ${errorText(count)}`);
      return;
    }
    try {
      const conversation = this.#conversation!;
      if (count === 0) {
        if (this.#state === IDLE) this.close();
        else if (conversation.close()) this.#onAnswered(conversation);
        else this.#fail("the server closed the connection");
        return;
      }
      record.bytesReceived += count;
      this.#isAnswering = true;
      const isOver = conversation.push(buffer, count);
      this.#answerBack(conversation);
      if (isOver) this.#onAnswered(conversation);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail(messageOf(error));
    }
  }

  /** Sends what the conversation has to say by itself; it is short, and never waits. */
  #answerBack(conversation: Conversation): void {
    for (let out = conversation.takeOutput(); out !== null; out = conversation.takeOutput()) {
      const sent = this.#awaitsRoom ? AGAIN : this.#group.sockets.send(this.#fd, out);
      if (sent !== out.length) throw new ProtocolError(502, "more pings than room for pongs", "");
    }
  }

  #onAnswered(conversation: Conversation): void {
    const { plan, record, owner } = this.#group;
    if (this.#state === OPENING) {
      record.connects++;
      this.#state = ASKING;
      this.#isAnswering = false;
      this.#send(plan.request);
      return;
    }
    const { sentMs } = this;
    this.sentMs = 0;
    this.#answered++;
    // What was not sent yet can no longer be, on this connection.
    const isWhole = this.#request === null && this.#outAt === this.#out.length;
    if (conversation.isReusable && isWhole) this.#state = IDLE;
    else this.close();
    record.noteAnswer(this.dueMs, sentMs, conversation);
    owner.onFree(this);
  }

  #fail(reason: string): void {
    const { plan, record, owner } = this.#group;
    const isUnderWay = this.sentMs > 0;
    // The server may have closed a connection that was kept just then (RFC 9112 9.3.1).
    const mayRepeat = isUnderWay && !this.#isRepeated && this.#answered > 0 &&
      !this.#isAnswering && REPEATABLE.has(plan.request.method);
    this.close();
    if (mayRepeat) {
      this.#isRepeated = true;
      record.repeated++;
      this.#begin();
      return;
    }
    if (!isUnderWay) return;
    this.sentMs = 0;
    record.noteFailure(this.dueMs, reason);
    owner.onFree(this);
  }
}
