import { assertEquals } from "../support/assert.ts";
import { allocateBells, Bell, HAS_BELLS } from "../../src/ring/bell.ts";

/** Two ends of a bell; the listener's notes how often it was rung. */
function pair(): { buffer: SharedArrayBuffer; ringer: Bell; listener: Bell; heard: () => number } {
  const buffer = allocateBells(2);
  const [ringer, listener] = [new Bell(buffer, 1), new Bell(buffer, 1)];
  let rings = 0;
  listener.listen(() => rings++);
  return { buffer, ringer, listener, heard: () => rings };
}

const turns = () => new Promise((resolve) => setTimeout(resolve, 5));

/** For versions of Deno with bells. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !HAS_BELLS, fn });
}

test("two threads that do nothing else wake each other", async () => {
  const worker = new Worker(new URL("./bell_worker.ts", import.meta.url), { type: "module" });
  const buffer = allocateBells(2);
  await new Promise((resolve) => {
    worker.onmessage = resolve;
    worker.postMessage(buffer);
  });
  const there = new Bell(buffer, 0);
  const back = new Bell(buffer, 1);
  let heard = () => {};
  back.listen(() => heard());
  for (let i = 0; i < 200; i++) {
    await new Promise<void>((resolve) => {
      heard = resolve;
      assertEquals(there.ring(), true);
    });
  }
  back.close();
  worker.terminate();
});

Deno.test("a bell at which nobody listens, or nobody can, says so", () => {
  const buffer = allocateBells(2);
  if (!HAS_BELLS) new Bell(buffer, 0).listen(() => {});
  assertEquals(new Bell(buffer, 0).ring(), false);
  assertEquals(new Bell(buffer, 1).ring(), false);
});

Deno.test("a bell that was closed is not heard any more, and one of its rings on the way is not either", async () => {
  const { ringer, listener, heard } = pair();
  ringer.ring();
  listener.close();
  await turns();
  assertEquals([ringer.ring(), heard()], [false, 0]);
});

test("many rings are heard once until they are heard, and again after that", async () => {
  const { ringer, listener, heard } = pair();
  for (let i = 0; i < 1_000; i++) ringer.ring();
  await turns();
  assertEquals(heard(), 1);
  ringer.ring();
  await turns();
  assertEquals(heard(), 2);
  listener.close();
});

test("whatever the word of a bell says, its listener goes on, and others have their turn", async () => {
  for (const word of [-1, 0, 1, 2, 3, 0x7fff_ffff]) {
    const { buffer, ringer, listener, heard } = pair();
    const words = new Int32Array(buffer);
    words.fill(word);
    Atomics.notify(words, 16);
    await turns();
    const before = heard();
    ringer.ring();
    await turns();
    assertEquals(heard(), before + 1, `word ${word}`);
    listener.close();
  }
});
