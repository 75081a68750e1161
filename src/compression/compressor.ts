/**
 * The thread that compresses, as the gateway's thread knows it: gives it bodies, and takes what becomes of them.
 *
 * @module
 */

import { copyShared } from "../base/buffers.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import { allocateBells, Bell } from "../ring/bell.ts";
import type { RingReader } from "../ring/ring.ts";
import { allocateRing, RingReader as Reader, RingWriter } from "../ring/ring.ts";
import type { Coding, CodingLevel } from "./codec/settings.ts";
import type { StartMessage } from "./frames.ts";
import {
  CLOSE,
  CREDIT,
  DONE,
  DOORBELL,
  FAULT,
  FINISH,
  FLUSHES,
  GATEWAY_BELL,
  MAX_PART_BYTES,
  OPEN,
  PART,
  PIECE,
  RING_BYTES,
  TAKEN,
  THREAD_BELL,
  WHOLE,
} from "./frames.ts";

/** What runs in the thread. */
const SERVICE = new URL("./service.ts", import.meta.url);

/** What may wait for the thread before further responses are sent as they are, in bytes. */
const MAX_WAITING_BYTES = 8_388_608;
/** How long a thread that has failed is done without, in milliseconds. */
const RESTART_MS = 1_000;
/** Ids of bodies go from 1 to this, and then from 1 again. */
const MAX_ID = 0xffff_ffff;

/** Is told what becomes of a body. */
export interface BodyUser {
  /** A piece has come, borrowed. */
  onPiece(piece: Uint8Array): void;
  /** So many bytes of what was written are encoded. */
  onTaken(bytes: number): void;
  /** All is encoded; `body`, borrowed, is the whole if it was given whole. Nothing more is told. */
  onDone(body: Uint8Array): void;
  /** It cannot be encoded. Nothing more is told. */
  onFault(): void;
}

/** What encodes bodies. */
export interface BodyEncoder {
  /** Whether so much waits that more would have to wait for long. */
  readonly isBusy: boolean;
  /** Encodes up to `MAX_PART_BYTES` that are a whole body. Returns its number. */
  encodeWhole(user: BodyUser, coding: Coding, body: Uint8Array): number;
  /** Begins a body; if it `flushes`, what has come of it can be read at once. Returns its number. */
  open(user: BodyUser, coding: Coding, flushing: "flushes" | "gathers"): number;
  /** Adds to a body. */
  write(id: number, part: Uint8Array): void;
  /** Ends a body. */
  finish(id: number): void;
  /** So much of what came has gone on. */
  credit(id: number, bytes: number): void;
  /** Nobody wants the body any more. */
  close(id: number): void;
}

/** A thread that compresses. One that fails is replaced; what it had then is lost. */
export class Compressor implements BodyEncoder {
  readonly #codings: readonly CodingLevel[];
  readonly #log: Log;
  readonly #service: URL;
  readonly #users = new Map<number, BodyUser>();
  /** Bytes of whole bodies that were not answered. */
  readonly #wholes = new Map<number, number>();
  #wholeBytes = 0;
  #nextId = 1;
  #thread: Worker | null = null;
  #writer!: RingWriter;
  #reader!: Reader;
  #threadBell!: Bell;
  #gatewayBell!: Bell;
  #isPublishing = false;
  #restart: ReturnType<typeof setTimeout> | undefined;

  /** Starts the thread. */
  constructor(codings: readonly CodingLevel[], log: Log, service: URL = SERVICE) {
    this.#codings = codings;
    this.#log = log;
    this.#service = service;
    this.#start();
  }

  get isBusy(): boolean {
    return this.#thread === null ||
      this.#wholeBytes + this.#writer.overflowBytes > MAX_WAITING_BYTES;
  }

  /** Bodies that are being encoded. */
  get load(): number {
    return this.#users.size;
  }

  encodeWhole(user: BodyUser, coding: Coding, body: Uint8Array): number {
    const id = this.#add(user);
    this.#wholes.set(id, body.length);
    this.#wholeBytes += body.length;
    this.#writing().write(WHOLE, 0, id, this.#indexOf(coding), body);
    return id;
  }

  open(user: BodyUser, coding: Coding, flushing: "flushes" | "gathers"): number {
    const id = this.#add(user);
    const flags = flushing === "flushes" ? FLUSHES : 0;
    this.#writing().reserve(OPEN, flags, id, this.#indexOf(coding), 0);
    return id;
  }

  write(id: number, part: Uint8Array): void {
    if (!this.#users.has(id)) return;
    const writer = this.#writing();
    for (let at = 0; at < part.length;) {
      const bytes = Math.min(part.length - at, MAX_PART_BYTES);
      if (!writer.extend(PART, id, bytes, MAX_PART_BYTES)) writer.reserveOpen(PART, id, bytes);
      copyShared(writer.bytes, writer.at, part, at, at + bytes, "target");
      at += bytes;
    }
  }

  finish(id: number): void {
    if (this.#users.has(id)) this.#writing().reserve(FINISH, 0, id, 0, 0);
  }

  credit(id: number, bytes: number): void {
    if (this.#users.has(id)) this.#writing().reserve(CREDIT, 0, id, bytes, 0);
  }

  close(id: number): void {
    // A whole body is done soon, and its answer goes nowhere.
    const isWhole = this.#wholes.has(id);
    if (this.#users.delete(id) && !isWhole) this.#writing().reserve(CLOSE, 0, id, 0, 0);
  }

  /** Ends the thread; nobody is told anything more. */
  end(): void {
    clearTimeout(this.#restart);
    this.#users.clear();
    this.#stop();
  }

  #start(): void {
    const toThread = allocateRing(RING_BYTES);
    const toGateway = allocateRing(RING_BYTES);
    const bells = allocateBells(2);
    const thread = this.#thread = new Worker(this.#service, { type: "module", name: "compressor" });
    const threadBell = this.#threadBell = new Bell(bells, THREAD_BELL);
    this.#gatewayBell = new Bell(bells, GATEWAY_BELL);
    const ring = () => {
      if (!threadBell.ring()) thread.postMessage(DOORBELL);
    };
    this.#writer = new RingWriter(toThread, ring);
    this.#reader = new Reader(toGateway, ring);
    this.#gatewayBell.listen(this.#exchange);
    thread.onmessage = this.#exchange;
    thread.onerror = (event) => {
      event.preventDefault();
      if (thread === this.#thread) this.#onEnded(event.message);
    };
    const start: StartMessage = { codings: this.#codings, toThread, toGateway, bells };
    thread.postMessage(start);
  }

  #stop(): void {
    this.#thread?.terminate();
    this.#thread = null;
    this.#gatewayBell.close();
    this.#wholes.clear();
    this.#wholeBytes = 0;
  }

  /** The thread has failed: all that it had fails. */
  #onEnded(message: string): void {
    this.#log(
      "error",
      `compression: its thread failed (${
        message.split("\n", 1)[0]
      }); responses are not compressed ` +
        `for ${RESTART_MS / 1000} s`,
    );
    this.#stop();
    const users = [...this.#users.values()];
    this.#users.clear();
    for (const user of users) user.onFault();
    this.#restart = setTimeout(() => this.#start(), timerMs(RESTART_MS));
  }

  #add(user: BodyUser): number {
    let id: number;
    do {
      id = this.#nextId;
      this.#nextId = id === MAX_ID ? 1 : id + 1;
    } while (this.#users.has(id) || this.#wholes.has(id));
    this.#users.set(id, user);
    return id;
  }

  #indexOf(coding: Coding): number {
    return this.#codings.findIndex((each) => each.coding === coding);
  }

  /** The ring to the thread; what is written to it is published soon, once for all that is. */
  #writing(): RingWriter {
    if (!this.#isPublishing) {
      this.#isPublishing = true;
      queueMicrotask(this.#publish);
    }
    return this.#writer;
  }

  readonly #publish = (): void => {
    this.#isPublishing = false;
    this.#exchange();
  };

  /** Writes what waits, and reads what has come. */
  readonly #exchange = (): void => {
    if (this.#thread === null) return;
    this.#writer.publish();
    this.#reader.drain(this.#onFrame);
  };

  readonly #onFrame = (frame: RingReader): void => {
    const { kind, id } = frame;
    const wholeBytes = this.#wholes.get(id);
    if (wholeBytes !== undefined) {
      this.#wholes.delete(id);
      this.#wholeBytes -= wholeBytes;
    }
    const user = this.#users.get(id);
    // It was closed meanwhile.
    if (user === undefined) return;
    switch (kind) {
      case PIECE:
        user.onPiece(frame.payload);
        break;
      case TAKEN:
        user.onTaken(frame.value);
        break;
      case DONE:
        this.#users.delete(id);
        user.onDone(frame.payload);
        break;
      case FAULT:
        this.#users.delete(id);
        user.onFault();
    }
  };
}
