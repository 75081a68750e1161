/** Scrambles the rings that it was given last, for a while. */

import { Random } from "../support/random.ts";

interface Scope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<Order>) => void) | null;
}

/** Rings to scramble. */
interface Order {
  readonly toGateway: SharedArrayBuffer;
  readonly toWorker: SharedArrayBuffer;
  readonly seed: number;
}

const scope = globalThis as unknown as Scope;
const CONTROL_WORDS = 64;
const TAIL = 0;
const WRITES = 20_000;

scope.onmessage = ({ data: { toGateway, toWorker, seed } }) => {
  const random = new Random(seed);
  const rings = [toGateway, toWorker].map((buffer) => new Uint32Array(buffer));
  const units = (rings[0].length - CONTROL_WORDS) / 2;
  scope.postMessage("begun");
  let tail = 0;
  for (let i = 0; i < WRITES; i++) {
    const ring = rings[random.below(8) === 0 ? 1 : 0];
    switch (random.below(4)) {
      case 0: {
        // A frame that is one, for a moment.
        const at = CONTROL_WORDS + (tail % units) * 2;
        const { length } = ring;
        if (at + 4 > length) {
          rings[0][at] = 0;
          tail++;
        } else {
          const header = [2 + random.below(6), random.below(4), random.pick([0, 8, 16]), 1];
          for (const [index, word] of header.entries()) rings[0][at + index] = word;
          tail += 2 + header[2] / 8;
        }
        Atomics.store(rings[0], TAIL, tail >>> 0);
        break;
      }
      case 1: {
        const at = CONTROL_WORDS + (tail % units) * 2 + random.below(8);
        ring[Math.min(at, ring.length - 1)] = random.pick([0, 1, 8, 2 ** 32 - 1]);
        break;
      }
      case 2:
        ring[random.pick([0, 16, 17, 32, 48])] = random.pick([0, 1, tail, tail + 64]);
        break;
      case 3:
        ring[random.below(ring.length)] = random.below(2 ** 32);
    }
  }
};
