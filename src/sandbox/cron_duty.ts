/**
 * Which worker runs the jobs that apps have given `Deno.cron()`: every worker has them, and at each
 * minute one runs them. Worker and gateway share two numbers in memory: minutes, counted from 1970,
 * between which the jobs are the worker's.
 *
 * @module
 */

const { Int32Array, SharedArrayBuffer } = globalThis;
const { load, store } = Atomics;
const { now } = Date;
const { ceil, floor } = Math;

/** Times of jobs are whole minutes. */
const MINUTE_MS = 60_000;
/** The first minute that is the worker's own, and the first one that no longer is. */
const FROM = 0;
const UNTIL = 1;
const NEVER = 0x7fff_ffff;

/** Memory for a worker that runs no jobs. */
export function allocateCronDuty(): SharedArrayBuffer {
  const duty = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(duty)[FROM] = NEVER;
  return duty;
}

/** Gives the jobs to a worker: those due from now on, or all if no worker had them before. */
export function giveCronDuty(duty: SharedArrayBuffer, since: "now" | "ever", nowMs = now()): void {
  const minutes = new Int32Array(duty);
  store(minutes, UNTIL, NEVER);
  store(minutes, FROM, since === "ever" ? 0 : ceil(nowMs / MINUTE_MS));
}

/** Takes from a worker the jobs that are due from now on. */
export function takeCronDuty(duty: SharedArrayBuffer, nowMs = now()): void {
  store(new Int32Array(duty), UNTIL, ceil(nowMs / MINUTE_MS));
}

/** Whether a job whose time has come is this worker's. */
export function isOnDuty(minutes: Int32Array, nowMs: number = now()): boolean {
  const minute = floor(nowMs / MINUTE_MS);
  return load(minutes, FROM) <= minute && minute < load(minutes, UNTIL);
}
