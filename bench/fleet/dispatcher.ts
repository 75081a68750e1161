/**
 * A dispatcher: it gives requests to nodes, has a queue before them, and finds the dead.
 *
 * @module
 */

import type { Agenda, Happening } from "./agenda.ts";
import { Member } from "./member.ts";
import type { FleetNode } from "./node.ts";
import { Attempt } from "./node.ts";
import type { Placement } from "./placement.ts";
import type { Outcomes, Request } from "./request.ts";
import type { Place } from "./waiting.ts";

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
  readonly #placement: Placement;
  readonly #settings: DispatcherSettings;
  readonly #outcomes: Outcomes;
  readonly #members = new Map<FleetNode, Member>();
  #waiting = 0;
  #given = 0;

  constructor(
    agenda: Agenda,
    placement: Placement,
    settings: DispatcherSettings,
    outcomes: Outcomes,
  ) {
    this.#agenda = agenda;
    this.#placement = placement;
    this.#settings = settings;
    this.#outcomes = outcomes;
  }

  /** A request has come. */
  arrived(request: Request): void {
    const { maxQueue } = this.#settings;
    for (
      let member = this.#placement.choose(request);
      member !== null;
      member = this.#placement.choose(request)
    ) {
      if (this.#give(request, member)) return;
    }
    if (this.#waiting < maxQueue && this.#placement.canWait(request, maxQueue)) {
      this.#wait(request, "fresh");
    } else {
      this.#outcomes.ended(request, "queueFull");
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
    this.#placement.changed(member);
    this.#serveWaiting(member);
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
    this.#placement.add(member);
    this.#serveWaiting(null);
  }

  /** A node says that it leaves. */
  dismiss(node: FleetNode): void {
    const member = this.#members.get(node);
    if (member === undefined || member.isClosed) return;
    member.isClosed = true;
    this.#placement.remove(member);
  }

  /** The connection to a node is reset. */
  lose(node: FleetNode): void {
    const member = this.#members.get(node);
    if (member !== undefined) this.#bury(member);
  }

  /** The connection to a node was reset: this is noticed when something is sent to it, a ping at the latest. */
  loseAtSending(node: FleetNode): void {
    const member = this.#members.get(node);
    if (member === undefined) return;
    member.isUnreachable = true;
    const { pingIntervalMs, firstPingMs } = this.#settings;
    const pings = Math.floor((this.#agenda.nowMs - firstPingMs) / pingIntervalMs) + 1;
    this.#agenda.at(firstPingMs + pings * pingIntervalMs, { happen: () => this.lose(node) });
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
    if (!member.isClosed) this.#placement.remove(member);
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
        this.#wait(request, "again");
      }
    }
    member.inFlight.clear();
    this.#serveWaiting(null);
  }

  /** Gives a request to a node; whether that can be reached. */
  #give(request: Request, member: Member): boolean {
    if (member.isUnreachable) {
      this.#bury(member);
      return false;
    }
    const attempt = new Attempt(this.#agenda, request, member);
    request.tries++;
    member.lastGiven = this.#given++;
    member.inFlight.add(attempt);
    this.#placement.changed(member);
    request.node = member.node.shape.index;
    this.#outcomes.given(request);
    member.node.send(attempt);
    return true;
  }

  #wait(request: Request, place: Place): void {
    this.#waiting++;
    this.#placement.push(request, place);
    const { queueTimeoutMs } = this.#settings;
    if (queueTimeoutMs === null) return;
    const deadlineMs = request.deadlineMs = this.#agenda.nowMs + queueTimeoutMs;
    this.#agenda.at(deadlineMs, {
      happen: () => {
        if (request.waitsIn === null || request.deadlineMs !== deadlineMs) return;
        this.#endWait(request);
        this.#outcomes.ended(request, "queueTimeout");
      },
    });
  }

  #endWait(request: Request): void {
    request.waitsIn?.remove(request);
    this.#waiting--;
  }

  /** Gives to nodes what waits: to that alone which has room now, or to any. */
  #serveWaiting(changed: Member | null): void {
    while (this.#waiting > 0) {
      const placed = this.#placement.next(changed);
      if (placed === null) return;
      const { request, member } = placed;
      if (member.isUnreachable) {
        this.#bury(member);
        return;
      }
      this.#endWait(request);
      this.#give(request, member);
    }
  }
}
