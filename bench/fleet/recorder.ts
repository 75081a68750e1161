/**
 * What came of a simulation.
 *
 * @module
 */

import type { Agenda } from "./agenda.ts";
import type { End, Outcomes, Request } from "./request.ts";
import { ENDS } from "./request.ts";
import { Histogram } from "../../src/load/histogram.ts";
import type { TimelinePart } from "../../src/load/timeline.ts";
import { Timeline } from "../../src/load/timeline.ts";

/** What came of one policy. */
export interface Outcome {
  /** Requests that were counted. */
  readonly requests: number;
  /** What became of them. */
  readonly ends: Readonly<Record<End, number>>;
  /** Those that nobody answered until the end: no node was left, or none that could be told from a dead one. */
  readonly unanswered: number;
  /** Times that a request was given to another node than before, those of the warm-up included. */
  readonly retries: number;
  /** Answers of nodes that had been taken for dead, which nobody got. */
  readonly lateAnswers: number;
  /** Times of those that were answered, from the client's request to its response. */
  readonly latency: Histogram;
  /** What happened in each part of the time, the warm-up included. */
  readonly timeline: readonly TimelinePart[];
  /** Share of the requests that went to the node to which their key's last one went. */
  readonly keptShare: number;
  /** How many requests each node was given, by its number. */
  readonly givenTo: readonly number[];
  /** How many each node has answered, of those that were counted. */
  readonly answeredBy: readonly number[];
  /** When the last request came. */
  readonly durationMs: number;
}

/** What share of the requests were not answered. */
export function lossOf({ requests, ends }: Outcome): number {
  return requests === 0 ? 0 : 1 - ends.answered / requests;
}

/** Counts what becomes of requests. */
export class Recorder implements Outcomes {
  readonly #agenda: Agenda;
  readonly #warmUpMs: number;
  readonly #clientMs: number;
  readonly #onEnd: () => void;
  readonly #ends = Object.fromEntries(ENDS.map((end) => [end, 0])) as Record<End, number>;
  readonly #latency = new Histogram();
  readonly #timeline: Timeline;
  /** The last node of each key, from 1. */
  readonly #lastNodes: Uint16Array;
  readonly #givenTo: number[];
  readonly #answeredBy: number[];
  #lastEndMs = 0;
  #requests = 0;
  #retries = 0;
  #lateAnswers = 0;
  #given = 0;
  #kept = 0;

  constructor(
    agenda: Agenda,
    { warmUpMs, clientMs, keys, nodes, partMs }: {
      readonly warmUpMs: number;
      readonly clientMs: number;
      readonly keys: number;
      readonly nodes: number;
      /** Length of the timeline's parts. */
      readonly partMs: number;
    },
    onEnd: () => void,
  ) {
    this.#agenda = agenda;
    this.#warmUpMs = warmUpMs;
    this.#clientMs = clientMs;
    this.#onEnd = onEnd;
    this.#timeline = new Timeline(partMs);
    this.#lastNodes = new Uint16Array(keys);
    this.#givenTo = new Array(nodes).fill(0);
    this.#answeredBy = new Array(nodes).fill(0);
  }

  /** A request has come. */
  came({ arrivedMs }: Request): void {
    if (arrivedMs >= this.#warmUpMs) this.#requests++;
  }

  ended(request: Request, end: End): void {
    const nowMs = this.#lastEndMs = this.#agenda.nowMs;
    const us = 1_000 * (nowMs - request.arrivedMs + this.#clientMs);
    if (end === "answered") this.#timeline.answered(nowMs, us);
    else this.#timeline.failed(nowMs);
    if (request.arrivedMs >= this.#warmUpMs) {
      this.#ends[end]++;
      if (end === "answered") {
        this.#latency.record(us);
        this.#answeredBy[request.node]++;
      }
    }
    this.#onEnd();
  }

  given({ key, node }: Request): void {
    this.#givenTo[node]++;
    // The first request of a key can go anywhere.
    const last = this.#lastNodes[key];
    if (last !== 0) {
      this.#given++;
      if (last === node + 1) this.#kept++;
    }
    this.#lastNodes[key] = node + 1;
  }

  retried(): void {
    this.#retries++;
  }

  answeredLate(): void {
    this.#lateAnswers++;
  }

  /** All of it; `durationMs` is when the last request came. */
  finish(durationMs: number): Outcome {
    const ends = { ...this.#ends };
    return {
      requests: this.#requests,
      ends,
      unanswered: this.#requests - ENDS.reduce((sum, end) => sum + ends[end], 0),
      retries: this.#retries,
      lateAnswers: this.#lateAnswers,
      latency: this.#latency,
      timeline: this.#timeline.finish(Math.max(durationMs, this.#lastEndMs)),
      keptShare: this.#given === 0 ? 1 : this.#kept / this.#given,
      givenTo: this.#givenTo,
      answeredBy: this.#answeredBy,
      durationMs,
    };
  }
}
