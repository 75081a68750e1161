/**
 * What one thread wakes another one by, in shared memory: no message has to be made, queued and taken
 * apart for it, and however often it is rung, nothing piles up.
 *
 * Neither side trusts the other: whatever the word of a bell says, all that comes of it is a ring, or
 * none.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { settle } from "../base/captured.ts";

const { exchange, load, notify, store, waitAsync } = Atomics;
const { Int32Array, Number, SharedArrayBuffer } = globalThis;

/** Nobody listens: there has to be a message. */
const UNHEARD = 0;
/** Somebody waits for a ring. */
const AWAITED = 1;
/** It was rung, and the waiting side will notice. */
const RUNG = 2;

/** Words between two bells, so that each is on a cache line of its own. */
const BELL_WORDS = 16;

const [major, minor] = Deno.version.deno.split(".");
/** Whether there are bells: before 2.8, nothing in shared memory wakes a thread of Deno that is idle. */
export const HAS_BELLS: boolean = Number(major) > 2 || Number(major) === 2 && Number(minor) >= 8;

/** What `Atomics.waitAsync` returns: an immediate result, or a promise. */
interface Wait {
  readonly async: boolean;
  readonly value: unknown;
}

/** Shared memory for `count` bells. */
export function allocateBells(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count * BELL_WORDS * 4);
}

/** A bell, on either side. */
export class Bell {
  readonly #words: Int32Array;
  readonly #at: number;
  #onRing: (() => void) | null = null;

  /** Takes the bell with the number `index` in `buffer`, which {@linkcode allocateBells} made. */
  constructor(buffer: SharedArrayBuffer, index: number) {
    this.#words = new Int32Array(buffer);
    this.#at = index * BELL_WORDS;
  }

  /** Rings; `false` if nobody listens, so that a message is needed. */
  ring(): boolean {
    const words = this.#words;
    const at = this.#at;
    if (load(words, at) === UNHEARD) return false;
    if (exchange(words, at, RUNG) === AWAITED) notify(words, at);
    return true;
  }

  /** Calls `onRing` soon after each ring, once for many of them. Does nothing where Deno cannot wait so. */
  listen(onRing: () => void): void {
    if (!HAS_BELLS) return;
    this.#onRing = onRing;
    this.#wait();
  }

  /** Stops listening, and releases the memory. */
  close(): void {
    if (this.#onRing === null) return;
    this.#onRing = null;
    store(this.#words, this.#at, UNHEARD);
    notify(this.#words, this.#at);
  }

  #wait(): void {
    store(this.#words, this.#at, AWAITED);
    const wait: Wait = waitAsync(this.#words, this.#at, AWAITED);
    // It may be rung at any time, and in a row without end: others are to have their turn.
    if (wait.async) settle(wait.value as Promise<unknown>, this.#onWoken, this.#onWoken);
    else setImmediate(this.#onWoken);
  }

  readonly #onWoken = (): void => {
    const onRing = this.#onRing;
    if (onRing === null) return;
    this.#wait();
    onRing();
  };
}
