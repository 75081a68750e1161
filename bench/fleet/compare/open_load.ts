/**
 * Sends the requests of a scenario to a real dispatcher, when they are due whatever is answered, and counts what
 * becomes of them.
 *
 * @module
 */

import type { FakeMongrel2 } from "../../../tests/support/fake_mongrel2.ts";
import { Histogram } from "../../../src/load/histogram.ts";
import { Fleet } from "../fleet.ts";
import { RequestSource } from "../request_source.ts";
import type { Scenario } from "../scenario.ts";
import { KEY_HEADER } from "./real_fleet.ts";

/** What became of the requests that were counted. */
export interface RealOutcome {
  readonly requests: number;
  readonly answered: number;
  /** By their statuses: 502 and 503. */
  readonly refused: Readonly<Record<number, number>>;
  /** Connections that were closed without an answer. */
  readonly closed: number;
  readonly unanswered: number;
  readonly latency: Histogram;
  readonly answeredBy: readonly number[];
  /** Mean of what answers took beyond what was asked for, in milliseconds. */
  readonly overheadMs: number;
}

/** Something that is done to the fleet. */
export interface Deed {
  readonly atMs: number;
  do(): void;
}

/** Time that answers are waited for after the last request, in milliseconds. */
const PATIENCE_MS = 10_000;
/** Longest time that the socket is waited for. */
const WAIT_MS = 20;
/** The head of a reply of Mongrel2's handlers: `UUID LENGTH:CONNECTION, `. */
const REPLY = /^\S+ \d+:(\d+), ([^]*)$/;
const STATUS = /^HTTP\/1\.1 (\d{3}) /;

/** A request that is under way. */
interface Pending {
  readonly dueMs: number;
  readonly serviceMs: number;
  readonly isCounted: boolean;
  /** What has come of its answer. */
  text: string;
}

/** Sends the requests of `scenario`, an open loop, to its dispatchers, and does `deeds` meanwhile. */
export async function loadOpenly(
  scenario: Scenario,
  mongrel2s: readonly FakeMongrel2[],
  deeds: readonly Deed[] = [],
): Promise<RealOutcome> {
  const load = new OpenLoad(scenario, mongrel2s, deeds);
  await load.run();
  return load.outcome();
}

class OpenLoad {
  readonly #scenario: Scenario;
  readonly #mongrel2s: readonly FakeMongrel2[];
  readonly #source: RequestSource;
  readonly #deeds: Deed[];
  readonly #pending = new Map<number, Pending>();
  readonly #latency = new Histogram();
  readonly #refused: Record<number, number> = { 502: 0, 503: 0 };
  readonly #answeredBy: number[];
  #requests = 0;
  #closed = 0;
  #unanswered = 0;
  #overheadMs = 0;
  #isOver = false;

  constructor(scenario: Scenario, mongrel2s: readonly FakeMongrel2[], deeds: readonly Deed[]) {
    this.#scenario = scenario;
    this.#mongrel2s = mongrel2s;
    this.#source = new RequestSource(scenario);
    this.#deeds = deeds.toSorted((a, b) => a.atMs - b.atMs);
    this.#answeredBy = new Array(Fleet.shapesOf(scenario).length).fill(0);
  }

  async run(): Promise<void> {
    const startMs = performance.now();
    const receiving = this.#mongrel2s.map((each) => this.#receive(each, startMs));
    await this.#send(startMs);
    this.#isOver = true;
    await Promise.all(receiving);
    for (const { isCounted } of this.#pending.values()) if (isCounted) this.#unanswered++;
  }

  async #receive(mongrel2: FakeMongrel2, startMs: number): Promise<void> {
    while (!this.#isOver) {
      const reply = await mongrel2.replyWithin(WAIT_MS);
      if (reply !== null) this.#take(reply, performance.now() - startMs);
    }
  }

  /** Sends all, and waits until nothing more can be expected. */
  async #send(startMs: number): Promise<void> {
    const { requests } = this.#scenario;
    let sent = 0;
    let dueMs = this.#source.nextGapMs();
    let endMs = Infinity;
    for (;;) {
      const nowMs = performance.now() - startMs;
      while (this.#deeds.length > 0 && this.#deeds[0].atMs <= nowMs) this.#deeds.shift()!.do();
      if (sent < requests! && dueMs <= nowMs) {
        await this.#ask(sent++, dueMs);
        dueMs += this.#source.nextGapMs();
        if (sent === requests) endMs = dueMs + PATIENCE_MS;
        continue;
      }
      if (sent === requests && this.#pending.size === 0 || nowMs > endMs) break;
      const waitMs = sent === requests ? WAIT_MS : Math.min(WAIT_MS, Math.max(0, dueMs - nowMs));
      await new Promise((resolve) => setTimeout(resolve, Math.ceil(waitMs)));
    }
  }

  outcome(): RealOutcome {
    const answered = this.#latency.count;
    return {
      requests: this.#requests,
      answered,
      refused: this.#refused,
      closed: this.#closed,
      unanswered: this.#unanswered,
      latency: this.#latency,
      answeredBy: this.#answeredBy,
      overheadMs: answered === 0 ? 0 : this.#overheadMs / answered,
    };
  }

  async #ask(connection: number, dueMs: number): Promise<void> {
    const { serviceMs, key, isSafe, dispatcher } = this.#source.next();
    const isCounted = dueMs >= this.#scenario.warmUpMs;
    if (isCounted) this.#requests++;
    this.#pending.set(connection, { dueMs, serviceMs, isCounted, text: "" });
    const uri = `/?ms=${serviceMs}`;
    await this.#mongrel2s[dispatcher].request(connection, "/", {
      METHOD: isSafe ? "GET" : "POST",
      URI: uri,
      QUERY: `ms=${serviceMs}`,
      [KEY_HEADER]: String(key),
    });
  }

  #take(reply: string, nowMs: number): void {
    const [, connection, part] = REPLY.exec(reply) ?? [];
    const pending = this.#pending.get(Number(connection));
    if (pending === undefined) return;
    // Nothing after the comma: the connection is to be closed.
    if (part === "" && pending.text === "") {
      this.#pending.delete(Number(connection));
      if (pending.isCounted) this.#closed++;
      return;
    }
    pending.text += part;
    const status = Number(STATUS.exec(pending.text)?.[1]);
    const bodyStart = pending.text.indexOf("\r\n\r\n") + 4;
    // An answer of the app is the number of its node.
    if (bodyStart < 4 || status === 200 && pending.text.length === bodyStart) return;
    this.#pending.delete(Number(connection));
    if (!pending.isCounted) return;
    if (status === 200) {
      this.#latency.record((nowMs - pending.dueMs) * 1_000);
      this.#overheadMs += nowMs - pending.dueMs - pending.serviceMs;
      this.#answeredBy[Number(pending.text.slice(bodyStart))]++;
    } else {
      this.#refused[status] = (this.#refused[status] ?? 0) + 1;
    }
  }
}
