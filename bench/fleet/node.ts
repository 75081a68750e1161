/**
 * A node: it works on a few requests at the same time, others wait in it. It can die, stand still, or be
 * cut off.
 *
 * @module
 */

import type { Agenda, Happening } from "./agenda.ts";
import type { Member } from "./member.ts";
import type { Request } from "./request.ts";
import { Queue } from "../../src/base/queue.ts";

/** How a node does. One that begins anew after its death is another one, of the same shape. */
export type NodeState = "up" | "frozen" | "gone";

/** A request that was given to a node. The node works on it even if nobody wants its answer anymore. */
export class Attempt implements Happening {
  readonly request: Request;
  /** The node, as the dispatcher that gave the request knows it. */
  readonly member: Member;
  /** When the node sends the first part of the answer; infinite while it has not begun. */
  beginsMs = Infinity;
  /** When it is done; infinite while it has not begun. */
  dueMs = Infinity;
  /** Whether the agenda has its end, or what was to be its end. */
  isPlanned = false;
  #phase: "to node" | "at node" | "to dispatcher" = "to node";
  readonly #agenda: Agenda;

  constructor(agenda: Agenda, request: Request, member: Member) {
    this.#agenda = agenda;
    this.request = request;
    this.member = member;
  }

  happen(): void {
    this.isPlanned = false;
    const { node, dispatcher } = this.member;
    if (this.#phase === "to node") {
      this.#phase = "at node";
      node.take(this);
    } else if (this.#phase === "to dispatcher") {
      dispatcher.answered(this);
    } else {
      node.reachEnd(this);
    }
  }

  /** Sends it on its way; it arrives after `delayMs`. */
  travel(direction: "to node" | "to dispatcher", delayMs: number): void {
    this.#phase = direction;
    if (delayMs === 0) this.happen();
    else this.#agenda.in(delayMs, this);
  }
}

/** What a node is like. */
export interface NodeShape {
  /** Its number: what rendezvous hashing knows it by. */
  readonly index: number;
  readonly workers: number;
  readonly capacity: number;
  readonly speed: number;
}

/** A node. */
export class FleetNode {
  readonly shape: NodeShape;
  state: NodeState = "up";
  isCut = false;
  /** Since when dispatchers hear nothing of it; infinite if they do. */
  silentSinceMs = Infinity;
  /** Whether it has said that it leaves. */
  isLeaving = false;
  /** Requests that it has begun. */
  taken = 0;
  /** What it sends while its link is cut, or cannot arrive. */
  #heldUp: { readonly attempt: Attempt; readonly direction: "to node" | "to dispatcher" }[] = [];
  #running = new Set<Attempt>();
  #waiting = new Queue<Attempt>();
  readonly #agenda: Agenda;
  readonly #networkMs: number;
  readonly #answerBeginsAt: number;

  constructor(
    agenda: Agenda,
    shape: NodeShape,
    times: { readonly networkMs: number; readonly answerBeginsAt: number },
  ) {
    this.#agenda = agenda;
    this.shape = shape;
    this.#networkMs = times.networkMs;
    this.#answerBeginsAt = times.answerBeginsAt;
  }

  /** Whether nothing ails it. */
  get isWell(): boolean {
    return this.state === "up" && !this.isCut && !this.isLeaving;
  }

  /** A dispatcher sends it a request. */
  send(attempt: Attempt): void {
    this.#pass(attempt, "to node");
  }

  /** A request has come. */
  take(attempt: Attempt): void {
    if (this.state === "gone") return;
    this.#waiting.push(attempt);
    this.#beginWork();
  }

  /** An attempt is done, unless the node stands still, or has since it was planned, or has died. */
  reachEnd(attempt: Attempt): void {
    if (this.state === "frozen" || !this.#running.has(attempt)) return;
    if (attempt.dueMs > this.#agenda.nowMs) {
      this.#planEnd(attempt);
      return;
    }
    this.#running.delete(attempt);
    this.#pass(attempt, "to dispatcher");
    this.#beginWork();
  }

  /** Dies: nothing of what it had will be answered. */
  die(): void {
    this.state = "gone";
    this.isCut = false;
    this.silentSinceMs = this.#agenda.nowMs;
    this.#running.clear();
    this.#waiting.clear();
    this.#heldUp = [];
  }

  /** Stands still. */
  freeze(): void {
    this.state = "frozen";
    this.silentSinceMs = this.#agenda.nowMs;
  }

  /** Goes on where it stood still. */
  thaw(): void {
    const stoodMs = this.#agenda.nowMs - this.silentSinceMs;
    this.state = "up";
    for (const attempt of this.#running) {
      if (attempt.beginsMs > this.silentSinceMs) attempt.beginsMs += stoodMs;
      attempt.dueMs += stoodMs;
      this.#planEnd(attempt);
    }
    this.silentSinceMs = Infinity;
    this.#beginWork();
  }

  /** Loses its link. */
  cut(): void {
    this.isCut = true;
    this.silentSinceMs = this.#agenda.nowMs;
  }

  /** Has its link again: what was sent meanwhile arrives. */
  heal(): void {
    this.isCut = false;
    this.silentSinceMs = Infinity;
    const held = this.#heldUp;
    this.#heldUp = [];
    for (const { attempt, direction } of held) this.#pass(attempt, direction);
  }

  #planEnd(attempt: Attempt): void {
    if (attempt.isPlanned) return;
    attempt.isPlanned = true;
    this.#agenda.at(attempt.dueMs, attempt);
  }

  #pass(attempt: Attempt, direction: "to node" | "to dispatcher"): void {
    if (this.isCut) this.#heldUp.push({ attempt, direction });
    else attempt.travel(direction, this.#networkMs);
  }

  #beginWork(): void {
    if (this.state === "frozen") return;
    while (this.#running.size < this.shape.workers) {
      const attempt = this.#waiting.shift();
      if (attempt === undefined) return;
      // Who gave it has taken the node for dead, and tells it so.
      if (attempt.member.isOver) continue;
      this.taken++;
      const { nowMs } = this.#agenda;
      const workMs = attempt.request.serviceMs / this.shape.speed;
      attempt.beginsMs = nowMs + workMs * this.#answerBeginsAt;
      attempt.dueMs = nowMs + workMs;
      this.#running.add(attempt);
      this.#planEnd(attempt);
    }
  }
}
