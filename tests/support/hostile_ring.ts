/**
 * A worker that does what it likes with its rings, opposite the gateway's own end of them, and beside it
 * an honest one. All of it is on one thread.
 */

import type { Exchange } from "../../src/message/exchange.ts";
import { WHOLE_BODY } from "../../src/message/exchange.ts";
import { GatewayPort } from "../../src/pool/gateway_port.ts";
import { RingError, RingReader, RingWriter } from "../../src/ring/ring.ts";
import { WorkerPort } from "../../src/worker/port.ts";
import { assertEquals } from "./assert.ts";
import { CheckedExchange, headOf } from "./checked_exchange.ts";

/** Bytes before the frames. */
const CONTROL_BYTES = 256;
/** Places of control words. */
export const TAIL = 0;
export const HEAD = 16;
export const PROGRESS = 17;
export const ASLEEP = 32;
export const BLOCKED = 48;

/** A frame's header. */
export interface Header {
  readonly kind: number;
  readonly flags: number;
  readonly id: number;
  readonly length: number;
  readonly value: number;
}

/** The gateway's end of two rings of 1 KiB, and hands for the memory of both. */
export class HostileRing {
  /** The gateway's end. */
  readonly port: GatewayPort;
  /** Control words and frames of the ring to the gateway. */
  readonly control: Int32Array;
  readonly words: Uint32Array;
  /** Control words and frames of the ring to the worker. */
  readonly otherControl: Int32Array;
  readonly otherWords: Uint32Array;
  /** What the worker was found to have done wrong. */
  fault: RingError | null = null;
  /** Where the forger writes next, in units of 8 bytes. */
  tail = 0;

  readonly #units: number;

  constructor(ringBytes = 1_024) {
    this.port = new GatewayPort({ name: "hostile", ringBytes }, {
      ring() {},
      onFrame() {},
      onBroken: (error) => {
        // Any other error is one of the gateway's.
        if (!(error instanceof RingError)) throw error;
        this.fault ??= error;
        this.port.end(502);
      },
    }, () => {});
    const { toGateway, toWorker } = this.port;
    this.#units = ringBytes / 8;
    this.control = new Int32Array(toGateway, 0, CONTROL_BYTES / 4);
    this.words = new Uint32Array(toGateway, CONTROL_BYTES);
    this.otherControl = new Int32Array(toWorker, 0, CONTROL_BYTES / 4);
    this.otherWords = new Uint32Array(toWorker, CONTROL_BYTES);
  }

  /** Gives the worker a request. */
  request(exchange: Exchange): void {
    this.port.handle(exchange);
  }

  /** Writes the header of a frame where the next one is due, beyond the end if need be. */
  forge({ kind, flags, id, length, value }: Header): void {
    const at = (this.tail % this.#units) * 2;
    const words = [(kind & 0xff) | (flags << 8), id, length, value];
    for (const [index, word] of words.entries()) this.words[at + index] = word;
  }

  /** Claims `units` more to be written. */
  claim(units: number): void {
    this.tail += units;
    Atomics.store(this.control, TAIL, this.tail | 0);
  }

  /**
   * Has the gateway read frames of no use until the next one is due at `unit` of the ring. No frame can
   * be due at 1: those at the beginning take 2 at the least.
   */
  advanceTo(unit: number): void {
    if (unit === 1) throw new RangeError("no frame is due at 1");
    const useless = { kind: 6, flags: 0, id: 1, length: 0, value: 0 };
    for (;;) {
      const left = (unit - this.tail % this.#units + this.#units) % this.#units;
      if (left === 0) return;
      const untilEnd = this.#units - this.tail % this.#units;
      if (untilEnd === 1) {
        this.forge({ ...useless, kind: 0 });
        this.claim(1);
      } else {
        const units = left === 1 || left === 3 ? 3 : 2;
        const fitting = Math.min(units, untilEnd);
        this.forge({ ...useless, length: fitting * 8 - 16 });
        this.claim(fitting);
      }
      this.port.exchangeFrames();
    }
  }
}

/** A worker that plays by the rules: it answers each request with its target. */
export class HonestNeighbour {
  readonly #gateway: GatewayPort;
  readonly #worker: WorkerPort;
  #asked = 0;

  constructor() {
    const port = this.#gateway = new GatewayPort({ name: "honest", ringBytes: 4_096 }, {
      ring() {},
      onFrame() {},
      onBroken(error) {
        throw error;
      },
    }, () => {});
    this.#worker = new WorkerPort(
      new RingReader(port.toWorker, () => {}),
      new RingWriter(port.toGateway, () => {}),
      () => 0,
    );
    this.#worker.start({
      handle(exchange) {
        const { block, targetStart, targetEnd } = exchange.head;
        const target = new TextDecoder().decode(block.subarray(targetStart, targetEnd));
        exchange.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, target);
      },
      adopt() {},
    }, () => {});
  }

  /** Asks for something, and checks the answer. */
  check(): void {
    const target = `/${this.#asked++}`;
    const exchange = new CheckedExchange(headOf(target));
    this.#gateway.handle(exchange);
    this.#gateway.exchangeFrames();
    this.#worker.onDoorbell();
    this.#gateway.exchangeFrames();
    assertEquals([exchange.status, exchange.body, exchange.isOver], [200, target, true]);
  }
}
