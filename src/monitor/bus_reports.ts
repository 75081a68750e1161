/**
 * Reports over the bus: processes send them every second and when they are asked, and the supervisor
 * collects them.
 *
 * The supervisor asks over {@linkcode ASK}; a process `KEY` reports over `monitor/report/KEY`, and is told over
 * `monitor/order/KEY` that its last report has come, or to retire a worker.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { timerMs } from "../base/timers.ts";
import type { Bus } from "../bus/bus.ts";
import type { Readiness } from "./health.ts";
import { notReady, READY } from "./health.ts";
import type { ProcessReport, Totals } from "./report.ts";
import { NO_TOTALS, sumOfTotals } from "./report.ts";
import type { ReportMessage } from "./report_reader.ts";
import { readReport } from "./report_reader.ts";
import type { Collected, ReportSource, WorkerName } from "./report_source.ts";
import type { Samples } from "./samples.ts";
import { addSamples } from "./samples.ts";

const ASK = "monitor/ask";
const REPORT = "monitor/report/";
const ORDER = "monitor/order/";
const DONE = "monitor/done/";

/** Time between two reports that nobody has asked for, in milliseconds. */
const REPORT_INTERVAL_MS = 1_000;
/** A process that has not answered by then is blocked: what it said last counts, in milliseconds. */
const ANSWER_TIMEOUT_MS = 1_000;
/** One that has said nothing for so long does not live, in milliseconds. */
const SILENCE_MS = 10_000;

/** Names of samples that processes that have ended leave behind, in characters: what would be more is not counted. */
const MAX_ENDED_CHARS = 16_777_216;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Apps on this thread may change it. */
const { stringify } = JSON;

/** What a process is told. */
type OrderMessage =
  | { readonly kind: "seen" }
  | { readonly kind: "retire"; readonly id: number; readonly worker: WorkerName };

/** Whose reports are sent. */
export interface ReportingProcess {
  /** How it does. */
  report(): ProcessReport;
  /** Replaces a worker; `false` if that cannot be done. */
  retire(worker: WorkerName): boolean;
}

/** Sends the reports of a process. */
export class ReportSender implements Disposable {
  readonly #bus: Bus;
  readonly #key: string;
  readonly #process: ReportingProcess;
  readonly #subscriptions = new DisposableStack();
  readonly #seen = Promise.withResolvers<void>();

  /** Reports over `bus`, as the process `key`. */
  constructor(bus: Bus, key: string, process: ReportingProcess) {
    this.#bus = bus;
    this.#key = key;
    this.#process = process;
    this.#subscriptions.use(bus.subscribe(ASK, {
      onMessage: (_channel, payload) => this.#send(Number(decoder.decode(payload)), false),
      onLoss() {},
    }));
    this.#subscriptions.use(bus.subscribe(ORDER + key, {
      onMessage: (_channel, payload) => this.#onOrder(payload),
      onLoss() {},
    }));
    const timer = setInterval(() => this.#send(0, false), timerMs(REPORT_INTERVAL_MS));
    this.#subscriptions.defer(() => clearInterval(timer));
    this.#send(0, false);
  }

  /** Tells at once that something has changed. */
  send(): void {
    this.#send(0, false);
  }

  /** Sends the last report; resolves when it has come, or after a second. */
  async finish(): Promise<void> {
    this.#send(0, true);
    await inTime(this.#seen.promise, ANSWER_TIMEOUT_MS);
  }

  /** Reports no more. */
  [Symbol.dispose](): void {
    this.#subscriptions.dispose();
  }

  #send(answers: number, isLast: boolean): void {
    const message: ReportMessage = { answers, isLast, report: this.#process.report() };
    this.#bus.publish(REPORT + this.#key, encoder.encode(stringify(message)));
  }

  #onOrder(payload: Uint8Array): void {
    const order = parsed<OrderMessage>(payload);
    if (order?.kind === "seen") this.#seen.resolve();
    if (order?.kind !== "retire") return;
    const done = { id: order.id, isDone: this.#process.retire(order.worker) };
    this.#bus.publish(DONE + this.#key, encoder.encode(stringify(done)));
  }
}

/** A process that the supervisor has started. */
export interface Member {
  /** Names it: no other has had this name. */
  readonly key: string;
  /** Its number, from 1. */
  readonly number: number;
  /** Whether it has said that it serves. */
  readonly isReady: boolean;
}

/** What the supervisor tells of its processes. */
export interface Members {
  /** Those that run. */
  readonly members: readonly Member[];
  /** Whether the gateway finishes what is in flight. */
  readonly isStopping: boolean;
}

interface Known {
  readonly report: ProcessReport;
  /** When it came, on the clock of `performance`. */
  readonly at: number;
}

/** The reports of all processes. */
export class BusReports implements ReportSource, Disposable {
  readonly #bus: Bus;
  readonly #members: Members;
  readonly #known = new Map<string, Known>();
  readonly #endedSamples: Samples = {};
  #endedTotals: Totals = NO_TOTALS;
  readonly #subscriptions = new DisposableStack();
  #lastId = 0;
  /** Questions that are not answered by all, with those that have not. */
  readonly #questions = new Map<number, { readonly missing: Set<string>; done(): void }>();
  readonly #orders = new Map<number, (isDone: boolean) => void>();

  /** Collects over `bus` what `members` report. */
  constructor(bus: Bus, members: Members) {
    this.#bus = bus;
    this.#members = members;
    this.#subscriptions.use(bus.subscribe(REPORT, {
      onMessage: (channel, payload) => this.#onReport(channel.slice(REPORT.length), payload),
      onLoss() {},
    }));
    this.#subscriptions.use(bus.subscribe(DONE, {
      onMessage: (_channel, payload) => {
        const done = parsed<{ id: number; isDone: boolean }>(payload);
        if (done !== null) this.#orders.get(done.id)?.(done.isDone);
      },
      onLoss() {},
    }));
  }

  get readiness(): Readiness {
    if (this.#members.isStopping) return notReady("the gateway is draining");
    const ready = this.#members.members.filter(({ isReady }) => isReady);
    if (ready.length === 0) return notReady("no process has loaded the apps");
    const now = performance.now();
    const serves = ({ key }: Member) => {
      const known = this.#known.get(key);
      // One that has just begun to serve may have said so on one way, and not yet on the other.
      return known === undefined ||
        known.report.state !== "draining" && now - known.at < SILENCE_MS &&
          (known.report.isAlive || known.report.state === "starting");
    };
    return ready.some(serves) ? READY : notReady("no process has a worker that is alive");
  }

  async collect(): Promise<Collected> {
    const missing = new Set(this.#members.members.map(({ key }) => key));
    if (missing.size > 0) await this.#ask(missing);
    return this.latest();
  }

  latest(): Collected {
    const processes = this.#members.members
      .flatMap(({ key }) => this.#known.get(key)?.report ?? [])
      .sort((a, b) => a.process - b.process);
    return {
      processes,
      ended: { samples: this.#endedSamples, totals: this.#endedTotals },
    };
  }

  /** Has a process replace a worker. */
  async retire(worker: WorkerName): Promise<boolean> {
    const member = this.#members.members.find(({ number, isReady }) =>
      isReady && number === worker.process
    );
    if (member === undefined) return false;
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), timerMs(ANSWER_TIMEOUT_MS));
    this.#orders.set(id, resolve);
    this.#order(member.key, { kind: "retire", id, worker });
    const isDone = await promise;
    clearTimeout(timer);
    this.#orders.delete(id);
    return isDone;
  }

  /** Is told that the process `key` has ended: what it has counted stays counted. */
  forget(key: string): void {
    const known = this.#known.get(key);
    this.#known.delete(key);
    for (const question of this.#questions.values()) answer(question, key);
    if (known === undefined) return;
    if (charsOf(this.#endedSamples) < MAX_ENDED_CHARS) {
      addSamples(this.#endedSamples, known.report.samples, "growing");
    }
    this.#endedTotals = sumOfTotals([this.#endedTotals, known.report.totals]);
  }

  /** Collects no more. */
  [Symbol.dispose](): void {
    this.#subscriptions.dispose();
    for (const { done } of this.#questions.values()) done();
    for (const resolve of this.#orders.values()) resolve(false);
  }

  async #ask(missing: Set<string>): Promise<void> {
    const id = ++this.#lastId;
    const { promise, resolve: done } = Promise.withResolvers<void>();
    const timer = setTimeout(done, timerMs(ANSWER_TIMEOUT_MS));
    this.#questions.set(id, { missing, done });
    this.#bus.publish(ASK, encoder.encode(String(id)));
    await promise;
    clearTimeout(timer);
    this.#questions.delete(id);
  }

  #onReport(key: string, payload: Uint8Array): void {
    const member = this.#members.members.find((member) => member.key === key);
    const message = readReport(decoder.decode(payload));
    // A process says nothing for another one.
    if (member === undefined || message?.report.process !== member.number) return;
    this.#known.set(key, { report: message.report, at: performance.now() });
    const question = this.#questions.get(message.answers);
    if (question !== undefined) answer(question, key);
    if (message.isLast) this.#order(key, { kind: "seen" });
  }

  #order(key: string, order: OrderMessage): void {
    this.#bus.publish(ORDER + key, encoder.encode(stringify(order)));
  }
}

/** Characters of the names of all samples. */
function charsOf(samples: Samples): number {
  return Object.values(samples).reduce(
    (sum, values) => Object.keys(values).reduce((sum, key) => sum + key.length, sum),
    0,
  );
}

function answer(question: { readonly missing: Set<string>; done(): void }, key: string): void {
  question.missing.delete(key);
  if (question.missing.size === 0) question.done();
}

function parsed<Message>(payload: Uint8Array): Message | null {
  try {
    return JSON.parse(decoder.decode(payload)) as Message;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
