/**
 * The rings under a worker that does what it likes with their memory, in turn with the gateway, and at the
 * same time.
 */

import * as frames from "../../src/ring/frames.ts";
import { assert } from "../support/assert.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";
import * as place from "../support/hostile_ring.ts";
import type { Header } from "../support/hostile_ring.ts";
import { HonestNeighbour, HostileRing } from "../support/hostile_ring.ts";
import type { Random } from "../support/random.ts";
import type { FuzzTarget } from "./target.ts";
import { ROUND_ATTEMPTS } from "./target.ts";

const RING_BYTES = 1_024;
const UNITS = RING_BYTES / 8;
/** Steps that the worker and its clients take in an attempt. */
const STEPS = 24;

/** High word of the lengths that are none. */
const SPECIAL = 0xffff_ffff;

/** Numbers at the edges of what there are. */
const EDGES = [0, 1, 2, 7, 8, 15, 16, 17, 200, 500, 502, 1_024, 65_536, 65_537];
const LARGE = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1];

function edge(random: Random): number {
  return random.below(4) === 0 ? random.pick(LARGE) : random.pick(EDGES);
}

function anyNumber(random: Random): number {
  return random.below(3) === 0 ? random.below(2 ** 32) : edge(random);
}

/** A request of some kind. */
function anyExchange(random: Random): CheckedExchange {
  return new CheckedExchange(
    headOf("/", {
      method: "POST",
      bodyLength: random.pick([0, 5, 100_000, -1]),
      expectsContinue: random.below(4) === 0,
      role: random.pick(["responder", "filter"]),
    }),
  );
}

/** One of the things that a client may do. */
function actForClient(random: Random, exchange: CheckedExchange): void {
  const { receiver } = exchange;
  switch (random.below(8)) {
    case 0:
      exchange.deliver(new Uint8Array(1 + random.below(300)));
      break;
    case 1:
      exchange.beginChunk(1 + random.below(1_000_000));
      break;
    case 2:
      exchange.deliverData(new Uint8Array(1 + random.below(300)));
      break;
    case 3:
      exchange.giveCredit(random.below(10_000));
      break;
    case 4:
      receiver.onEnd(new Uint8Array(0));
      break;
    case 5:
      receiver.onAbort("client-half-closed");
      break;
    case 6:
      // Nothing that comes afterwards is of interest to anybody.
      if (random.below(4) > 0) break;
      receiver.onAbort("client-gone");
      exchange.isOver = true;
      break;
    case 7:
      if (exchange.isOver && exchange.reportSent) receiver.onSent();
  }
}

/** A frame as an honest worker might write it, with the words of its payload. */
function anyFrame(random: Random): [Header, number[]] {
  const id = 1 + random.below(3);
  const signal = { flags: 0, id, length: 0, value: 0 };
  const small = random.below(40);
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2: {
      const fieldBytes = random.pick([0, 0, 8, 40]);
      const [low, high] = random.pick([[1, SPECIAL], [1, SPECIAL], [2, SPECIAL], [small, 0], [
        100_000,
        0,
      ]]);
      const length = 16 + fieldBytes + small;
      return [
        { kind: frames.RESPONSE, flags: random.below(2), id, length, value: 200 },
        [fieldBytes, low, high],
      ];
    }
    case 3:
    case 4:
      return [{ ...signal, kind: frames.BODY, length: 1 + small }, []];
    case 5:
      return [{ ...signal, kind: frames.END }, []];
    case 6:
      return [{
        ...signal,
        kind: frames.CREDIT,
        flags: random.below(2),
        value: 1 + random.below(200),
      }, []];
    case 7:
      return [{ ...signal, kind: random.pick([frames.FAULT, frames.FAIL]), value: 502 }, []];
    case 8:
      if (random.below(3) === 0) {
        return [{ ...signal, kind: random.pick([frames.PONG, frames.DRAINED]), id: 0 }, []];
      }
      return [{ ...signal, kind: frames.LOG, id: 0, length: small }, []];
    default:
      // A frame for whatever there is.
      return [{ ...signal, kind: random.below(26), length: small }, []];
  }
}

/** Writes a frame, one word of which may be wrong. */
function writeFrame(random: Random, ring: HostileRing): void {
  const [right, payload] = anyFrame(random);
  const untilEnd = UNITS - ring.tail % UNITS;
  const units = 2 + Math.ceil(right.length / 8);
  if (units > untilEnd && random.below(6) > 0) {
    ring.forge({ kind: 0, flags: 0, id: 0, length: 0, value: 0 });
    ring.claim(untilEnd);
  }
  const isWrong = random.below(12) === 0;
  const wrong: Partial<Header> = isWrong
    ? { [random.pick(["kind", "flags", "id", "length", "value"])]: anyNumber(random) }
    : {};
  const start = (ring.tail % UNITS) * 2 + 4;
  for (const [index, word] of payload.entries()) {
    ring.words[start + index] = random.below(30) === 0 ? anyNumber(random) : word;
  }
  ring.forge({ ...right, ...wrong });
  ring.claim(random.below(40) === 0 ? random.below(UNITS * 2) : units);
}

/** One of the things that a worker may do with its memory. */
function actForWorker(random: Random, ring: HostileRing): void {
  const { control, otherControl, words, otherWords } = ring;
  switch (random.below(30)) {
    case 0:
      words[random.below(words.length)] = anyNumber(random);
      break;
    case 1:
      otherWords[random.below(otherWords.length)] = anyNumber(random);
      break;
    case 2: {
      const words = random.pick([control, otherControl]);
      const { TAIL, HEAD, PROGRESS, ASLEEP, BLOCKED } = place;
      const index = random.pick([TAIL, HEAD, PROGRESS, ASLEEP, BLOCKED, random.below(64)]);
      words[index] = random.below(2) === 0 ? anyNumber(random) : words[index] + random.below(64);
      break;
    }
    case 3:
    case 4:
    case 5:
      // It reads what it is sent.
      otherControl[place.HEAD] = otherControl[place.TAIL];
      break;
    default:
      writeFrame(random, ring);
  }
}

function attempt(random: Random): void {
  const ring = new HostileRing(RING_BYTES);
  const exchanges = Array.from({ length: 1 + random.below(3) }, () => anyExchange(random));
  for (const exchange of exchanges) ring.request(exchange);
  const unit = random.below(4) === 0 ? UNITS - 1 - random.below(4) : random.below(UNITS);
  if (unit !== 1) ring.advanceTo(unit);
  for (let step = random.below(STEPS); step >= 0; step--) {
    if (random.below(3) === 0) actForClient(random, random.pick(exchanges));
    else if (random.below(10) === 0) ring.port.ask();
    else if (random.below(20) === 0) ring.port.askForEnd();
    else actForWorker(random, ring);
    if (random.below(2) === 0) ring.port.exchangeFrames();
  }
  ring.port.exchangeFrames();
  if (ring.fault === null) ring.port.end(502);
  for (const { isOver } of exchanges) assert(isOver, "a request outlives its worker");
}

/** A worker that writes what it likes when the gateway does not look. */
export const RING: FuzzTarget = {
  name: "ring",
  attempts: ROUND_ATTEMPTS,
  // deno-lint-ignore require-await
  async run(random) {
    const neighbour = new HonestNeighbour();
    for (let i = 0; i < ROUND_ATTEMPTS; i++) {
      attempt(random);
      neighbour.check();
    }
  },
};

/** A worker that writes while the gateway reads. */
export const RING_BETWEEN_THREADS: FuzzTarget = {
  name: "ring-threads",
  attempts: ROUND_ATTEMPTS,
  async run(random) {
    const neighbour = new HonestNeighbour();
    const scrambler = new Worker(new URL("./scrambler.ts", import.meta.url), { type: "module" });
    try {
      for (let done = 0; done < ROUND_ATTEMPTS; done++) {
        const ring = new HostileRing(RING_BYTES);
        const exchanges = [anyExchange(random), anyExchange(random)];
        for (const exchange of exchanges) ring.request(exchange);
        ring.port.exchangeFrames();
        const scrambling = new Promise((resolve) => scrambler.onmessage = resolve);
        const { toGateway, toWorker } = ring.port;
        scrambler.postMessage({ toGateway, toWorker, seed: random.below(2 ** 32) });
        await scrambling;
        for (let look = 0; look < 50 && ring.fault === null; look++) {
          actForClient(random, random.pick(exchanges));
          ring.port.exchangeFrames();
        }
        ring.port.end(502);
        for (const { isOver } of exchanges) assert(isOver, "a request outlives its worker");
        neighbour.check();
      }
    } finally {
      scrambler.terminate();
    }
  },
};
