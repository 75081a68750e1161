import { assert, assertEquals } from "../support/assert.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";
import type { Header } from "../support/hostile_ring.ts";
import {
  ASLEEP,
  BLOCKED,
  HEAD,
  HonestNeighbour,
  HostileRing,
  TAIL,
} from "../support/hostile_ring.ts";

const RING_BYTES = 1_024;
const UNITS = RING_BYTES / 8;

/** Kinds of frames, those that there are and others. */
const KINDS = [...Array(18).keys(), 99, 255];

/** Lengths that a frame may claim, `untilEnd` bytes before the end of its ring. */
function lengthsAt(untilEnd: number): number[] {
  const lengths = [0, 1, 8, 16, 100, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
  for (const offset of [-24, -17, -16, -15, -8, 0, 1]) {
    if (untilEnd + offset >= 0) lengths.push(untilEnd + offset);
  }
  return lengths;
}

/** A ring whose next frame is due at `unit`, for a request that waits and one that is answered. */
function ringAt(unit: number): [HostileRing, CheckedExchange] {
  const ring = new HostileRing(RING_BYTES);
  const exchange = new CheckedExchange(headOf("/", { method: "POST", bodyLength: -1 }));
  ring.request(exchange);
  exchange.deliver(new Uint8Array(8));
  ring.advanceTo(unit);
  assertEquals([ring.fault, ring.tail % UNITS], [null, unit]);
  return [ring, exchange];
}

Deno.test("whatever the header of a frame says, wherever it is, the gateway goes on", () => {
  const neighbour = new HonestNeighbour();
  let faults = 0;
  let attempts = 0;
  // Everywhere near the ends, and here and there between; there is no header at the second one.
  const units = [...Array(UNITS).keys()].filter((unit) =>
    unit !== 1 && (unit < 8 || unit >= UNITS - 16 || unit % 8 === 5)
  );
  for (const unit of units) {
    const untilEnd = RING_BYTES - unit * 8;
    for (const kind of KINDS) {
      for (const length of lengthsAt(untilEnd)) {
        const [ring, exchange] = ringAt(unit);
        const header: Header = {
          kind,
          flags: attempts % 256,
          id: attempts % 3,
          length,
          value: [0, 1, 200, 502, 2 ** 31, 2 ** 32 - 1][attempts % 6],
        };
        ring.forge(header);
        // More than the frame, less than it, or all that there is.
        ring.claim([2, 1, UNITS, 64][attempts % 4]);
        ring.port.exchangeFrames();
        if (ring.fault !== null) {
          faults++;
          assert(exchange.isOver, "its requests end with the worker");
        }
        ring.port.end(502);
        if (attempts++ % 16 === 0) neighbour.check();
      }
    }
  }
  assert(attempts > 10_000, `${attempts} attempts`);
  assert(faults > attempts / 2, `${faults} faults`);
});

const beyond: Record<string, [unit: number, header: Partial<Header>, claimed: number]> = {
  "a header 8 bytes before the end": [UNITS - 1, { kind: 6, id: 1 }, 1],
  "a header 8 bytes before the end, and what follows": [UNITS - 1, { kind: 6, id: 1 }, 4],
  "a header of no kind 8 bytes before the end": [UNITS - 1, { kind: 99, id: 1 }, 1],
  "a header whose end was not written": [0, { kind: 6, id: 1 }, 1],
  "a payload beyond the end": [UNITS - 2, { kind: 3, id: 1, length: 8 }, 4],
  "a wrap mark beyond what was written": [UNITS - 4, { kind: 0 }, 2],
};
for (const [name, [unit, header, claimed]] of Object.entries(beyond)) {
  Deno.test(`a worker that writes ${name} is at fault`, () => {
    const [ring, exchange] = ringAt(unit);
    ring.forge({ kind: 0, flags: 0, id: 0, length: 0, value: 0, ...header });
    ring.claim(claimed);
    ring.port.exchangeFrames();
    assert(/beyond/.test(`${ring.fault}`), `${ring.fault}`);
    assertEquals(exchange.status, 502);
  });
}

Deno.test("a frame that ends with its ring is read", () => {
  for (const units of [2, 3, 10]) {
    const [ring, exchange] = ringAt(UNITS - units);
    // A failure of the request, with a payload that nobody looks at.
    ring.forge({ kind: 8, flags: 0, id: 1, length: units * 8 - 16, value: 503 });
    ring.claim(units);
    ring.port.exchangeFrames();
    assertEquals([ring.fault, exchange.status], [null, 503]);
  }
});

Deno.test("wherever a reader claims to be, the gateway writes frames, or ends the worker", () => {
  const neighbour = new HonestNeighbour();
  const claims = [...Array(2 * UNITS + 2).keys(), -1, -2, -UNITS, 2 ** 31 - 1, -(2 ** 31)];
  let faults = 0;
  for (const claim of claims) {
    for (const blocked of [0, 1, 2, -1]) {
      const ring = new HostileRing(RING_BYTES);
      const exchange = new CheckedExchange(headOf("/", { method: "POST", bodyLength: -1 }));
      ring.request(exchange);
      ring.port.exchangeFrames();
      ring.otherControl[HEAD] = claim;
      ring.otherControl[BLOCKED] = ring.otherControl[ASLEEP] = blocked;
      for (let i = 0; i < 20 && ring.fault === null; i++) {
        exchange.deliver(new Uint8Array(100).fill(i));
        ring.port.ask();
        ring.port.exchangeFrames();
      }
      if (ring.fault !== null) {
        faults++;
        assert(/at an impossible place/.test(ring.fault.message), ring.fault.message);
        assertEquals(exchange.status, 502);
      }
      // Nothing is written but frames, and what the gateway has to say about them.
      ring.otherControl.forEach((word, index) => {
        assert([TAIL, HEAD, ASLEEP, BLOCKED].includes(index) || word === 0, `${index}: ${word}`);
      });
      ring.port.end(502);
    }
    neighbour.check();
  }
  assert(faults > claims.length && faults < 4 * claims.length, `${faults} faults`);
});
