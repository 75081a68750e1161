import { assertEquals } from "../support/assert.ts";
import { CronDuty } from "../../src/pool/cron_duty.ts";
import {
  allocateCronDuty,
  giveCronDuty,
  isOnDuty,
  takeCronDuty,
} from "../../src/sandbox/cron_duty.ts";

const MINUTE_MS = 60_000;
const NOON_MS = 29_000_000 * MINUTE_MS;

Deno.test("when jobs change hands, each minute is one worker's, whenever in it that is", () => {
  for (const atMs of [NOON_MS - 1, NOON_MS, NOON_MS + 1, NOON_MS + 59_999]) {
    const old = allocateCronDuty();
    const next = allocateCronDuty();
    giveCronDuty(old, "ever", NOON_MS - 10 * MINUTE_MS);
    takeCronDuty(old, atMs);
    giveCronDuty(next, "now", atMs);
    for (let minute = -3; minute <= 3; minute++) {
      for (const lateMs of [0, 5, 59_999]) {
        const timeMs = NOON_MS + minute * MINUTE_MS + lateMs;
        const [mine, theirs] = [old, next].map((duty) => isOnDuty(new Int32Array(duty), timeMs));
        assertEquals(mine, !theirs, `${timeMs - NOON_MS} ms after noon, ${atMs - NOON_MS}`);
        assertEquals(theirs, NOON_MS + minute * MINUTE_MS >= atMs);
      }
    }
  }
});

Deno.test("a pool has one worker on duty, and another one when that is gone", () => {
  const jobs = new CronDuty();
  const [a, b, c] = Array.from({ length: 3 }, () => ({ cronDuty: allocateCronDuty() }));
  const laterMs = Date.now() + 2 * MINUTE_MS;
  const onDuty = () => [a, b, c].map(({ cronDuty }) => isOnDuty(new Int32Array(cronDuty), laterMs));
  assertEquals(onDuty(), [false, false, false]);
  jobs.settle([a]);
  assertEquals(onDuty(), [false, false, false], "before it begins");
  jobs.begin("ever", []);
  jobs.settle([b]);
  assertEquals(isOnDuty(new Int32Array(b.cronDuty)), true, "at once, as nobody was before");
  jobs.settle([a, b]);
  assertEquals(onDuty(), [false, true, false], "it stays");
  jobs.settle([a, c]);
  assertEquals(onDuty(), [true, false, false], "b is gone");
  jobs.settle([]);
  assertEquals(onDuty(), [false, false, false]);
  jobs.settle([c]);
  assertEquals(onDuty(), [false, false, true]);
  jobs.end();
  jobs.settle([a, b, c]);
  assertEquals(onDuty(), [false, false, false], "somebody else has the jobs");
});
