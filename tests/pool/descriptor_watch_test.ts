import type { OpeningWorker } from "../../src/pool/descriptor_watch.ts";
import { DescriptorWatch } from "../../src/pool/descriptor_watch.ts";
import { assert, assertEquals } from "../support/assert.ts";

/** Workers that have things open, and what becomes of them. */
class Lab implements Disposable {
  readonly log: string[] = [];
  readonly ended: string[] = [];
  readonly workers: (OpeningWorker & { opens: number; holds: number })[] = [];
  /** What is open besides. */
  others = 50;
  readonly watch: DescriptorWatch;

  constructor(
    names: readonly string[],
    { processLimit = Infinity, frees = true, coming = 0 } = {},
  ) {
    for (const name of names) {
      const worker = {
        name,
        opens: 0,
        holds: 0,
        giveUp: (reason: string, status: number) => {
          assertEquals(status, 503);
          assert(reason.includes("--max-worker-descriptors"), reason);
          this.ended.push(name);
          if (frees) worker.holds = 0;
          this.workers.splice(this.workers.indexOf(worker), 1);
          if (!frees) this.others += worker.holds;
        },
      };
      this.workers.push(worker);
    }
    this.watch = DescriptorWatch.start({
      maxPerWorker: 100,
      processLimit,
      count: () => this.others + this.workers.reduce((sum, { holds }) => sum + holds, 0),
      coming,
      workers: () => this.workers,
      log: (_, text) => this.log.push(text),
    })!;
  }

  look(times: number): void {
    for (let i = 0; i < times; i++) this.watch.look();
  }

  [Symbol.dispose](): void {
    this.watch[Symbol.dispose]();
  }
}

const PLENTY_OF_LOOKS = 100;

Deno.test("no worker is ended for what is within the limit of all", () => {
  using lab = new Lab(["a", "b"]);
  lab.workers[0].holds = 200;
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, []);
});

Deno.test("of workers whose apps have too much open, the one that has opened most is ended, and it alone", () => {
  using lab = new Lab(["a", "b", "c"]);
  lab.workers[1].holds = 301;
  lab.workers[1].opens = 301;
  lab.workers[2].opens = 300;
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["b"]);
});

Deno.test("what a worker opened long ago does not make it a suspect", () => {
  using lab = new Lab(["a", "b"]);
  lab.workers[0].opens = 10_000;
  lab.look(1);
  lab.workers[1].holds = lab.workers[1].opens = 201;
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["b"]);
});

Deno.test("a worker that does not count what it opens is found, after others", () => {
  using lab = new Lab(["a", "b"]);
  lab.workers[0].opens = 5;
  lab.workers[1].holds = 500;
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a", "b"]);
});

Deno.test("a worker that takes its time to end is waited for before another one is", () => {
  using lab = new Lab(["a", "b"], { frees: false });
  lab.workers[0].holds = lab.workers[0].opens = 300;
  lab.look(2);
  assertEquals(lab.ended, ["a"]);
  lab.others = 50;
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a"]);
});

Deno.test("who replaces a worker that was ended in vain is not ended, too, before others", () => {
  using lab = new Lab(["a", "b", "c"]);
  lab.workers[2].holds = 500;
  const replacements: string[] = [];
  for (let i = 0; i < PLENTY_OF_LOOKS; i++) {
    lab.watch.look();
    const ended = lab.ended[replacements.length];
    if (ended === undefined) continue;
    replacements.push(ended);
    lab.workers.unshift({
      name: ended,
      // What it opens while it loads.
      opens: 5,
      holds: 0,
      giveUp: () => lab.ended.push(`new ${ended}`),
    });
  }
  assertEquals(lab.ended, ["a", "b", "c"]);
});

Deno.test("who has started since it was too much, and has opened more than it may, is ended first", () => {
  using lab = new Lab(["a", "b", "c"], { frees: false });
  lab.workers[0].holds = lab.workers[0].opens = 301;
  lab.look(1);
  lab.others = 50;
  const again = {
    name: "a",
    opens: 302,
    holds: 302,
    giveUp: () => {
      lab.ended.push("new a");
      again.holds = 0;
    },
  };
  lab.workers.push(again);
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a", "new a"]);
});

Deno.test("of workers whose counts say nothing, the one whose end helped before is ended first", () => {
  using lab = new Lab(["a", "b"]);
  const [, b] = lab.workers;
  b.holds = 500;
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a", "b"]);
  for (const name of ["a", "b"]) {
    const worker = {
      name,
      opens: 0,
      holds: name === "b" ? 500 : 0,
      giveUp: () => {
        lab.ended.push(`new ${name}`);
        worker.holds = 0;
      },
    };
    lab.workers.push(worker);
  }
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a", "b", "new b"]);
});

Deno.test("what no end of a worker gives back is said once, and costs no other worker", () => {
  using lab = new Lab(["a", "b"], { frees: false });
  lab.workers[0].holds = lab.workers[0].opens = 300;
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a", "b"]);
  assertEquals(lab.log.length, 1);
  assert(/^300 files and sockets of apps stay open/.test(lab.log[0]), lab.log[0]);
  lab.workers.push({ name: "c", opens: 0, holds: 1, giveUp: () => lab.ended.push("c") });
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a", "b"]);
});

Deno.test("apps have half of what the process may have at the most", () => {
  using lab = new Lab(["a", "b"], { processLimit: 256 });
  assertEquals(lab.watch.limit, 128);
  lab.workers[0].holds = 129;
  lab.watch.onShortage();
  assertEquals(lab.ended.length, 1);
});

Deno.test("nothing is watched where descriptors cannot be counted", () => {
  const workers: OpeningWorker[] = [];
  const options = { maxPerWorker: 1, processLimit: 1, workers: () => workers, log: () => {} };
  assertEquals(DescriptorWatch.start({ ...options, count: () => null }), null);
});

Deno.test("what workers take that start later is none of the apps'", () => {
  using lab = new Lab(["a"], { coming: 120 });
  lab.others += 110;
  lab.look(PLENTY_OF_LOOKS);
  lab.watch.settle();
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, []);
});

Deno.test("what was allowed for workers, and they did not take, the apps may not have", () => {
  using lab = new Lab(["a"], { coming: 120 });
  lab.watch.settle();
  lab.workers[0].holds = 110;
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a"]);
});

Deno.test("what apps open while workers start is theirs, beyond what was allowed for these", () => {
  using lab = new Lab(["a"], { coming: 20 });
  lab.workers[0].holds = 130;
  lab.watch.settle();
  lab.look(PLENTY_OF_LOOKS);
  assertEquals(lab.ended, ["a"]);
});
