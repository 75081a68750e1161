import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { until } from "../support/reloading.ts";
import { LoadError } from "../../src/base/errors.ts";
import type { WorkerLimits } from "../../src/limits/worker_limits.ts";
import type { AppWorker } from "../../src/pool/app_worker.ts";
import { WorkerSlot } from "../../src/pool/slot.ts";
import { WorkerCounts } from "../../src/pool/counts.ts";

const LIMITS: WorkerLimits = {
  hangTimeoutMs: 0,
  loadTimeoutMs: 0,
  maxWorkerRequests: 0,
  maxWorkerAgeMs: 0,
  maxWorkerMemoryBytes: 0,
  maxWorkerDescriptors: 0,
  maxQueue: 0,
  queueTimeoutMs: 0,
};

/** What a slot sees of a worker, which ends its work when it is told to. */
class FakeWorker {
  endReason: string | null = null;
  requestLimit = 0;
  readonly requestCount = 0;
  readonly memoryBytes = 0;
  readonly #drained = Promise.withResolvers<void>();
  readonly drained = this.#drained.promise;

  constructor(readonly name: string) {}

  drain(): Promise<void> {
    return this.drained;
  }

  finish(): void {
    this.#drained.resolve();
  }

  terminate(): void {
    this.endReason ??= "it was ended";
    this.#drained.resolve();
  }

  get asWorker(): AppWorker {
    return this as unknown as AppWorker;
  }
}

/** A slot of such workers: the first ones meet with `fates` between their word and when it is heard. */
class SlotLab {
  readonly made: FakeWorker[] = [];
  readonly ready: FakeWorker[] = [];
  readonly log: string[] = [];
  readonly counts = new WorkerCounts();
  readonly slot: WorkerSlot;

  constructor(fates: ((lab: SlotLab, worker: FakeWorker) => void)[]) {
    this.slot = new WorkerSlot(1, {
      makeWorker: () => {
        const worker = new FakeWorker(`worker 1, number ${this.made.length + 1}`);
        this.made.push(worker);
        return worker.asWorker;
      },
      untilReady: async () => {
        await null;
        fates.shift()?.(this, this.made.at(-1)!);
      },
      onReady: (worker) => void this.ready.push(worker as unknown as FakeWorker),
      onLost: () => {},
      onSettled: () => {},
    }, {
      limits: LIMITS,
      drainTimeoutMs: 60_000,
      label: "",
      counts: this.counts,
      log: (level, text) => void this.log.push(`${level}: ${text}`),
    });
  }

  /** The worker ends, as if it had done so by itself. */
  die(worker: FakeWorker): void {
    worker.terminate();
    worker.endReason = "on purpose";
    this.slot.onDeath(worker.asWorker, "on purpose");
  }

  /** How often the log says `text`. */
  count(text: string): number {
    return this.log.filter((line) => line.includes(text)).length;
  }

  [Symbol.dispose](): void {
    this.slot.terminate();
    for (const worker of this.made) worker.terminate();
  }
}

const dies = (lab: SlotLab, worker: FakeWorker) => lab.die(worker);
const errs = (lab: SlotLab, worker: FakeWorker) =>
  lab.slot.onUncaught(worker.asWorker, "on purpose");

Deno.test("a slot does not give requests to a worker that ends before it is heard to be ready", async () => {
  using lab = new SlotLab([dies]);
  const error = await assertRejects(() => lab.slot.start(), LoadError);
  assertMatch(error.message, /^worker 1, number 1 ended as soon as it was ready: on purpose$/);
  assertEquals([lab.slot.worker, lab.ready.length], [null, 0]);
});

Deno.test("a slot whose next worker ends before it is heard to be ready starts another one", async () => {
  using lab = new SlotLab([() => {}, dies, dies]);
  await lab.slot.start();
  lab.die(lab.made[0]);
  await until("a worker serves", () => lab.ready.length === 2);
  assertEquals([lab.made.length, lab.slot.worker === lab.made[3].asWorker], [4, true]);
  assertEquals(lab.count("ended as soon as it was ready: on purpose"), 2);
  assertEquals([lab.count("restarts in 0.2 s"), lab.count("restarts in 0.4 s")], [1, 1]);
});

Deno.test("a worker is kept if the one that is to replace it ends before it is heard to be ready", async () => {
  using lab = new SlotLab([() => {}, dies]);
  await lab.slot.start();
  await lab.slot.replace({ reason: "age", text: "it is old" });
  assert(lab.slot.worker === lab.made[0].asWorker && lab.made[0].endReason === null);
  await until("it is replaced", () => lab.slot.worker === lab.made[2]?.asWorker);
});

Deno.test("an error before a worker is heard to be ready has it replaced, and finish what it has", async () => {
  using lab = new SlotLab([errs]);
  await lab.slot.start();
  assertEquals([lab.slot.worker, lab.slot.workers.length], [null, 1]);
  await until("another one serves", () => lab.slot.worker === lab.made[1]?.asWorker);
  assertEquals([lab.count("on purpose"), lab.made[0].endReason], [1, null]);
  lab.made[0].finish();
  await until("it has gone", () => lab.slot.workers.length === 1);
});

Deno.test("errors of several workers in a row let each finish what it has", async () => {
  using lab = new SlotLab([]);
  await lab.slot.start();
  for (let i = 0; i < 3; i++) {
    errs(lab, lab.made[i]);
    await until("the next one serves", () => lab.slot.worker === lab.made[i + 1]?.asWorker);
    assertEquals(lab.made[i].endReason, null);
  }
  assertEquals(lab.count("it finishes its requests and is replaced: on purpose"), 3);
  for (const worker of lab.made.slice(0, 3)) worker.finish();
  await until("they have gone", () => lab.slot.workers.length === 1);
});

Deno.test("an error while a slot drains lets its worker finish, and nothing takes its place", async () => {
  using lab = new SlotLab([]);
  await lab.slot.start();
  const drained = lab.slot.drain();
  errs(lab, lab.made[0]);
  assertEquals([lab.made[0].endReason, lab.count("on purpose")], [null, 1]);
  lab.made[0].finish();
  await drained;
  assertEquals([lab.made.length, lab.count("cut off")], [1, 0]);
});

for (const what of ["a slot drains", "a worker that was replaced finishes"] as const) {
  Deno.test(`an error while ${what} leaves it no more than a moment`, async () => {
    using lab = new SlotLab([]);
    await lab.slot.start();
    if (what === "a slot drains") lab.slot.drain();
    else await lab.slot.replace({ reason: "age", text: "it is old" });
    errs(lab, lab.made[0]);
    assertEquals(lab.made[0].endReason, null);
    await until("it is cut off", () => lab.made[0].endReason !== null);
    assertEquals(lab.count("had an error that nobody caught, and is cut off"), 1);
  });
}

/** How a worker ends as soon as it has loaded its app, if it is not the last one. */
const ENDS: Readonly<Record<string, string>> = {
  "calls Deno.exit() in a timer": "setTimeout(() => Deno.exit(3), 0);",
  "calls self.close() in a timer": "setTimeout(() => self.close(), 0);",
  "calls self.close() in setImmediate()":
    "(await import('node:timers')).setImmediate(() => self.close());",
  "throws in a timer": "setTimeout(() => { throw new Error('on purpose'); }, 0);",
  "throws in a microtask": "queueMicrotask(() => { throw new Error('on purpose'); });",
  "rejects while it loads": "Promise.reject(new Error('on purpose'));",
};

for (const workers of [1, 2]) {
  for (const [how, code] of Object.entries(ENDS)) {
    Deno.test(`an app that ${how} when it has loaded is answered for in the end (--workers=${workers})`, async () => {
      const folder = await Deno.makeTempDir();
      const app = `${folder}/app.ts`;
      const isBad = `await Deno.stat("${folder}/good").then(() => false, () => true)`;
      await Deno.writeTextFile(
        app,
        `if (${isBad}) { ${code} }\nexport default { fetch: () => new Response("fine") };\n`,
      );
      try {
        const starting = startGateway([app, `--workers=${workers}`]);
        // It is as good an answer that it cannot be started, and why.
        const gateway = await starting.catch((error: Error) => error);
        if (gateway instanceof Error) {
          assertMatch(gateway.message, /ended (?:as soon as|while)|on purpose/);
          return;
        }
        await using _ = gateway;
        await gateway.logged(/^error: worker \d/);
        await Deno.writeTextFile(`${folder}/good`, "");
        await until("all is well again", async () => {
          const answers = await Promise.all(
            Array.from({ length: 8 }, () => fetch(gateway.url).then((each) => each.text())),
          );
          return answers.every((each) => each === "fine");
        });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
}
