import { assert, assertEquals } from "../support/assert.ts";
import type { LifeEnd } from "../../src/pool/lifetime.ts";
import { Lifetime } from "../../src/pool/lifetime.ts";
import { DEFAULT_WORKER_LIMITS } from "../../src/limits/worker_limits.ts";

const fresh = { requestCount: 0, memoryBytes: 0 };

Deno.test("without limits a worker serves for ever", () => {
  const life = new Lifetime(DEFAULT_WORKER_LIMITS, 0);
  const worn = { requestCount: 1e9, memoryBytes: 1e12 };
  assertEquals(life.reasonToEnd(worn, 1e12), null);
});

Deno.test("limits are lowered by up to a tenth, so that workers do not all end at once", () => {
  const limits = { ...DEFAULT_WORKER_LIMITS, maxWorkerRequests: 1_000, maxWorkerAgeMs: 10_000 };
  const lives = Array.from({ length: 200 }, () => new Lifetime(limits, 5_000));
  for (const { maxRequests, endsAt } of lives) {
    assert(maxRequests >= 900 && maxRequests <= 1_000, `${maxRequests}`);
    assert(endsAt >= 14_000 && endsAt <= 15_000, `${endsAt}`);
  }
  assert(new Set(lives.map(({ maxRequests }) => maxRequests)).size > 20);
  assert(new Set(lives.map(({ endsAt }) => endsAt)).size > 20);
});

Deno.test("a limit of one request is one request", () => {
  for (let i = 0; i < 50; i++) {
    const life = new Lifetime({ ...DEFAULT_WORKER_LIMITS, maxWorkerRequests: 1 }, 0);
    assertEquals(life.maxRequests, 1);
  }
});

const reasons: Record<string, [worker: typeof fresh, now: number, end: LifeEnd | null]> = {
  "a fresh worker": [fresh, 0, null],
  "one within its limits": [{ requestCount: 89, memoryBytes: 2 ** 20 }, 8_900, null],
  "one with many requests": [
    { ...fresh, requestCount: 100 },
    0,
    { reason: "requests", text: "it has had 100 requests (--max-worker-requests)" },
  ],
  "an old one": [fresh, 10_000, { reason: "age", text: "it is 10 s old (--max-worker-age)" }],
  "one that has grown": [
    { ...fresh, memoryBytes: 3 * 2 ** 19 },
    0,
    { reason: "memory", text: "it uses 1.5 MiB of memory (--max-worker-memory 1.0 MiB)" },
  ],
};
for (const [name, [worker, now, end]] of Object.entries(reasons)) {
  Deno.test(`whether a worker is to be replaced: ${name}`, () => {
    const limits = {
      ...DEFAULT_WORKER_LIMITS,
      maxWorkerRequests: 100,
      maxWorkerAgeMs: 10_000,
      maxWorkerMemoryBytes: 2 ** 20,
    };
    assertEquals(new Lifetime(limits, 0).reasonToEnd(worker, now), end);
  });
}
