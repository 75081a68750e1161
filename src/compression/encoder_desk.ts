/**
 * The work of the thread that compresses: takes bodies off a ring, one part of one body at a time, and sends
 * back what becomes of them.
 *
 * @module
 */

import { concatenated } from "../base/bytes.ts";
import { EMPTY } from "../base/empty.ts";
import { ByteQueue } from "../base/byte_queue.ts";
import { Queue } from "../base/queue.ts";
import { copyOf } from "../base/captured.ts";
import type { RingReader, RingWriter } from "../ring/ring.ts";
import { CodedBody } from "./coded_body.ts";
import type { CodingLevel } from "./codec/settings.ts";
import { MAX_STORED_BYTES } from "./codec/stored.ts";
import { encodeWhole } from "./engine.ts";
import {
  CLOSE,
  CREDIT,
  DONE,
  FAULT,
  FINISH,
  FLUSHES,
  MAX_PART_BYTES,
  OPEN,
  OUTPUT_WINDOW_BYTES,
  PART,
  PIECE,
  TAKEN,
  WHOLE,
} from "./frames.ts";

/** Encoders at a time: each takes up to some 2.5 MiB. The one that was used longest ago makes room. */
const MAX_ENGINES = 32;
/** How long a body keeps its encoder while nothing comes, in milliseconds. */
const IDLE_MS = 5_000;
/** How often that is looked at. */
const LOOK_MS = 1_000;
/** Work on what is on the ring before the rest has its turn, in bytes. */
const MAX_BYTES_AT_A_TIME = 262_144;

/** A body that comes in parts. */
class Job {
  readonly body: CodedBody;
  readonly waiting = new ByteQueue();
  /** Bytes that may be sent. */
  room = OUTPUT_WINDOW_BYTES;
  isFinishing = false;
  isClosed = false;
  /** Whether it waits for its turn. */
  isQueued = false;
  usedAt = 0;

  constructor(readonly id: number, terms: CodingLevel, readonly flushes: boolean) {
    this.body = new CodedBody(terms);
  }

  /** Whether there is something to do. */
  get isDue(): boolean {
    return !this.isClosed && this.room > 0 && (this.waiting.length > 0 || this.isFinishing);
  }

  /** Takes what is there of it, as much as goes into a step. */
  takePart(): Uint8Array {
    const taken: Uint8Array[] = [];
    for (let room = MAX_STORED_BYTES; room > 0;) {
      const next = this.waiting.shift(room);
      if (next === null) break;
      room -= next.length;
      taken.push(next);
    }
    return taken.length === 1 ? taken[0] : concatenated(taken);
  }
}

/** Encodes what comes on one ring, and answers on another. */
export class EncoderDesk {
  readonly #codings: readonly CodingLevel[];
  readonly #reader: RingReader;
  readonly #writer: RingWriter;
  readonly #jobs = new Map<number, Job>();
  readonly #due = new Queue<Job>();
  /** Those that have an encoder, the one that was used longest ago first. */
  readonly #engaged = new Set<Job>();
  #isWorking = false;
  #idleTimer: ReturnType<typeof setInterval> | undefined;

  /** Makes a desk for `codings`. */
  constructor(codings: readonly CodingLevel[], reader: RingReader, writer: RingWriter) {
    this.#codings = codings;
    this.#reader = reader;
    this.#writer = writer;
  }

  /** Is called when the gateway rings. */
  onDoorbell(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#work();
  }

  async #work(): Promise<void> {
    for (;;) {
      const isAsleep = this.#reader.drain(this.#onFrame, MAX_BYTES_AT_A_TIME);
      this.#writer.publish();
      const job = this.#due.shift();
      if (job !== undefined) await this.#step(job);
      else if (isAsleep) break;
    }
    this.#isWorking = false;
  }

  readonly #onFrame = (frame: RingReader): void => {
    const { kind, id, value } = frame;
    if (kind === WHOLE) {
      this.#encodeWhole(id, value, copyOf(frame.bytes, frame.at, frame.at + frame.length));
      return;
    }
    if (kind === OPEN) {
      const job = new Job(id, this.#codings[value], (frame.flags & FLUSHES) !== 0);
      this.#jobs.set(id, job);
      return;
    }
    const job = this.#jobs.get(id);
    // It failed, and the gateway has not seen that yet.
    if (job === undefined) return;
    switch (kind) {
      case PART:
        job.waiting.push(frame.payload);
        break;
      case FINISH:
        job.isFinishing = true;
        break;
      case CREDIT:
        job.room += value;
        break;
      case CLOSE:
        this.#drop(job);
    }
    this.#queue(job);
  };

  #encodeWhole(id: number, coding: number, body: Uint8Array): void {
    let encoded: Uint8Array;
    try {
      encoded = encodeWhole(this.#codings[coding], body);
    } catch {
      this.#writer.write(FAULT, 0, id, 0, EMPTY);
      return;
    }
    this.#writer.write(DONE, 0, id, 0, encoded);
  }

  #queue(job: Job): void {
    if (job.isQueued || !job.isDue) return;
    job.isQueued = true;
    this.#due.push(job);
  }

  /** Encodes some of a body. */
  async #step(job: Job): Promise<void> {
    job.isQueued = false;
    if (!job.isDue) return;
    try {
      if (job.body.needsEngine && this.#engaged.size >= MAX_ENGINES) {
        const [oldest] = this.#engaged;
        await this.#park(oldest);
      }
      const part = job.takePart();
      const isLast = job.isFinishing && job.waiting.length === 0;
      // What comes next would flush it, too.
      const mayWait = !job.flushes || job.waiting.length > 0;
      const pieces = await job.body.encode(
        part,
        isLast ? "finish" : mayWait ? "continue" : "flush",
      );
      this.#noteUse(job);
      this.#send(job, pieces);
      if (part.length > 0) this.#writer.write(TAKEN, 0, job.id, part.length, EMPTY);
      if (isLast) {
        this.#writer.write(DONE, 0, job.id, 0, EMPTY);
        this.#drop(job);
      }
    } catch {
      this.#writer.write(FAULT, 0, job.id, 0, EMPTY);
      this.#drop(job);
    }
    this.#queue(job);
  }

  #send(job: Job, pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; at += MAX_PART_BYTES) {
        const end = Math.min(piece.length, at + MAX_PART_BYTES);
        this.#writer.write(PIECE, 0, job.id, 0, piece, at, end);
        job.room -= end - at;
      }
    }
  }

  /** Takes note that a body has used its encoder, or has none any more. */
  #noteUse(job: Job): void {
    this.#disengage(job);
    if (!job.body.hasEngine) return;
    job.usedAt = performance.now();
    this.#engaged.add(job);
    this.#idleTimer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  #disengage(job: Job): void {
    this.#engaged.delete(job);
    if (this.#engaged.size > 0) return;
    clearInterval(this.#idleTimer);
    this.#idleTimer = undefined;
  }

  /** Looks for bodies that need their encoders no more. */
  #look(): void {
    // In the middle of a step, others may not touch encoders; there is a next time.
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#parkIdle().finally(() => {
      this.#isWorking = false;
      this.onDoorbell();
    });
  }

  async #parkIdle(): Promise<void> {
    const since = performance.now() - IDLE_MS;
    for (const job of this.#engaged) {
      if (job.usedAt > since) break;
      await this.#park(job);
    }
  }

  /** Takes the encoder of a body away; it can go on without. */
  async #park(job: Job): Promise<void> {
    this.#disengage(job);
    try {
      this.#send(job, await job.body.park());
    } catch {
      this.#writer.write(FAULT, 0, job.id, 0, EMPTY);
      this.#drop(job);
    }
  }

  #drop(job: Job): void {
    job.isClosed = true;
    job.body.close();
    this.#disengage(job);
    this.#jobs.delete(job.id);
  }
}
