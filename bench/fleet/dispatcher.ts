/**
 * A dispatcher: it gives requests to nodes, has a queue before them, and finds the dead.
 *
 * @module
 */

import type { Agenda, Happening } from "./agenda.ts";
import { Member } from "./member.ts";
import type { FleetNode } from "./node.ts";
import { Attempt } from "./node.ts";
import type { Policy } from "./policies.ts";
import type { Outcomes, Request } from "./request.ts";
import { Queue } from "../../src/base/queue.ts";

/** What dispatchers are told. */
export interface DispatcherSettings {
  readonly maxQueue: number;
  readonly queueTimeoutMs: number | null;
  readonly networkMs: number;
  readonly pingIntervalMs: number;
  /** When its first ping goes out. */
  readonly firstPingMs: number;
  /** To how many nodes a request is given at the most. */
  readonly maxTries: number;
}

/** A dispatcher. It knows what it has given to nodes itself, not what others have. */
export class Dispatcher {
  readonly #agenda: Agenda;
  readonly #policy: Policy;
  readonly #settings: DispatcherSettings;
  readonly #outcomes: Outcomes;
  readonly #members = new Map<FleetNode, Member>();
  /** Those whose node has died come before others. */
  readonly #again = new Queue<Request>();
  readonly #queue = new Queue<Request>();
  #queued = 0;
  #given = 0;

  constructor(agenda: Agenda, policy: Policy, settings: DispatcherSettings, outcomes: Outcomes) {
    this.#agenda = agenda;
    this.#policy = policy;
    this.#settings = settings;
    this.#outcomes = outcomes;
  }

  /** A request has come. */
  arrived(request: Request): void {
    const member = this.#queued === 0 ? this.#policy.choose(request.key) : null;
    if (member !== null) {
      this.#give(request, member);
    } else if (this.#queued >= this.#settings.maxQueue) {
      this.#outcomes.ended(request, "queueFull");
    } else {
      this.#queue.push(request);
      this.#wait(request);
    }
  }

  /** A node has answered. */
  answered(attempt: Attempt): void {
    const { member } = attempt;
    if (member.isOver) {
      this.#outcomes.answeredLate();
      return;
    }
    member.heardMs = this.#agenda.nowMs;
    member.inFlight.delete(attempt);
    this.#outcomes.ended(attempt.request, "answered");
    if (member.isClosed) return;
    this.#policy.changed(member);
    this.#serveQueue();
  }

  /** A node announces itself. */
  welcome(node: FleetNode): void {
    const before = this.#members.get(node);
    // It was silent for a moment only, and not missed.
    if (before !== undefined) {
      before.heardMs = this.#agenda.nowMs;
      return;
    }
    const member = new Member(node, this, this.#agenda.nowMs);
    this.#members.set(node, member);
    this.#policy.add(member);
    this.#serveQueue();
  }

  /** A node says that it leaves. */
  dismiss(node: FleetNode): void {
    const member = this.#members.get(node);
    if (member === undefined || member.isClosed) return;
    member.isClosed = true;
    this.#policy.remove(member);
  }

  /** The connection to a node is reset. */
  lose(node: FleetNode): void {
    const member = this.#members.get(node);
    if (member !== undefined) this.#bury(member);
  }

  /** A node has become silent: plans when that is noticed. */
  watch(node: FleetNode): void {
    const member = this.#members.get(node);
    if (member === undefined) return;
    member.heardMs = Math.max(member.heardMs, this.#lastPongMs(node));
    const check: Happening = {
      happen: () => {
        if (member.isOver || member.node.silentSinceMs === Infinity) return;
        const dueMs = this.#missedAtMs(member.heardMs);
        if (dueMs <= this.#agenda.nowMs) this.#bury(member);
        // An answer that was under way has come since.
        else this.#agenda.at(dueMs, check);
      },
    };
    this.#agenda.at(this.#missedAtMs(member.heardMs), check);
  }

  /** When the answer to the last ping came that the node still had got. */
  #lastPongMs(node: FleetNode): number {
    const { networkMs, pingIntervalMs, firstPingMs } = this.#settings;
    const pings = Math.floor((node.silentSinceMs - networkMs - firstPingMs) / pingIntervalMs);
    return firstPingMs + pings * pingIntervalMs + 2 * networkMs;
  }

  /** The ping at which a node is missed that was heard of last at `heardMs`: not since the ping before. */
  #missedAtMs(heardMs: number): number {
    const { pingIntervalMs, firstPingMs } = this.#settings;
    const pings = Math.floor((heardMs - firstPingMs) / pingIntervalMs);
    return firstPingMs + (pings + 2) * pingIntervalMs;
  }

  #bury(member: Member): void {
    if (!member.isClosed) this.#policy.remove(member);
    member.isClosed = member.isOver = true;
    this.#members.delete(member.node);
    const { silentSinceMs } = member.node;
    for (const { request, beginsMs } of member.inFlight) {
      if (beginsMs <= silentSinceMs) {
        this.#outcomes.ended(request, "broken");
      } else if (!request.isSafe || request.tries >= this.#settings.maxTries) {
        this.#outcomes.ended(request, "failed");
      } else {
        this.#outcomes.retried(request);
        this.#again.push(request);
        this.#wait(request);
      }
    }
    member.inFlight.clear();
    this.#serveQueue();
  }

  #give(request: Request, member: Member): void {
    const attempt = new Attempt(this.#agenda, request, member);
    request.tries++;
    member.lastGiven = this.#given++;
    member.inFlight.add(attempt);
    this.#policy.changed(member);
    this.#outcomes.given(request, member.node.shape.index);
    member.node.send(attempt);
  }

  #wait(request: Request): void {
    this.#queued++;
    request.isQueued = true;
    const { queueTimeoutMs } = this.#settings;
    if (queueTimeoutMs === null) return;
    const deadlineMs = request.deadlineMs = this.#agenda.nowMs + queueTimeoutMs;
    this.#agenda.at(deadlineMs, {
      happen: () => {
        if (!request.isQueued || request.deadlineMs !== deadlineMs) return;
        request.isQueued = false;
        this.#queued--;
        this.#outcomes.ended(request, "queueTimeout");
      },
    });
  }

  #serveQueue(): void {
    while (this.#queued > 0) {
      const queue = this.#next();
      const request = queue.first!;
      const member = this.#policy.choose(request.key);
      if (member === null) return;
      queue.shift();
      request.isQueued = false;
      this.#queued--;
      this.#give(request, member);
    }
  }

  /** The queue that has the first request which still waits, with that in front. */
  #next(): Queue<Request> {
    for (const queue of [this.#again, this.#queue]) {
      while (queue.first?.isQueued === false) queue.shift();
      if (queue.length > 0) return queue;
    }
    throw new Error("nothing waits, although it was counted");
  }
}
