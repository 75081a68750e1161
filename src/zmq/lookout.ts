/**
 * Waits for the sockets of several owners at a time, and while there is much to do, on this very thread: to
 * have another one wait, and be woken by it, costs several times as much as to take a message.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { descriptorOf, DescriptorPoll } from "./descriptor_poll.ts";
import { ZmqContext } from "./socket.ts";
import type { ZmqSocket } from "./socket.ts";
import type { Watch } from "./socket_watch.ts";

/** Time that this thread is kept from others at the most, in milliseconds, besides what messages take. */
const HOLD_MS = 1;
const HOLD_TIMEOUT = BigInt(HOLD_MS);
const NOW = Promise.resolve();

/**
 * Keeps watch for owners of sockets. What else there is to do on their thread can wait for a
 * millisecond, and does while messages come one after the other.
 */
export class Lookout implements AsyncDisposable {
  readonly #context = new ZmqContext();
  readonly #poll = new DescriptorPoll(this.#context);
  readonly #posts = new Set<Post>();
  #isLookDue = false;
  /** Whether messages come so fast that the next one is worth holding this thread for. */
  #isBusy = false;
  #turnedAt = 0;
  #waitingThere: Promise<void> | null = null;

  /** A watch of `sockets`, which are open. Close it before them. */
  post(sockets: readonly ZmqSocket[]): Watch {
    const post = new Post(sockets.map(descriptorOf), {
      look: () => this.#lookSoon(),
      nextTurn: (from) => this.#nextTurn(from),
      leave: (leaving) => this.#remove(leaving),
    });
    this.#posts.add(post);
    return post;
  }

  /** Closes it, after all its posts. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#posts, (post) => post[Symbol.asyncDispose]()));
    await this.#poll.close();
    await this.#context[Symbol.asyncDispose]();
  }

  #lookSoon(): void {
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    queueMicrotask(this.#look);
  }

  readonly #look = (): void => {
    this.#isLookDue = false;
    if (this.#waitingThere !== null) {
      // It does not know of all who wait.
      this.#poll.wake();
      return;
    }
    const waiting = Array.from(this.#posts).filter(({ isWaiting }) => isWaiting);
    if (waiting.length === 0) return;
    const now = performance.now();
    if (!this.#isBusy || waiting.length < this.#posts.size) {
      this.#waitThere(waiting, now);
    } else if (now - this.#turnedAt >= HOLD_MS) {
      this.#isLookDue = true;
      setImmediate(this.#onTurn);
    } else {
      this.#poll.set(waiting.flatMap(({ descriptors }) => descriptors));
      this.#isBusy = this.#poll.here(HOLD_TIMEOUT) > 0;
      this.#settle(waiting);
    }
  };

  readonly #onTurn = (): void => {
    this.#turnedAt = performance.now();
    this.#look();
  };

  #waitThere(waiting: readonly Post[], now: number): void {
    this.#poll.set(waiting.flatMap(({ descriptors }) => descriptors));
    const until = Math.min(...waiting.map(({ deadline }) => deadline));
    const timeoutMs = until === Infinity ? -1 : Math.max(until - now, 0);
    this.#waitingThere = this.#poll.there(timeoutMs).then(() => {
      this.#waitingThere = null;
      this.#turnedAt = performance.now();
      this.#isBusy = true;
      this.#settle(waiting);
    });
  }

  /** Ends the waits for which there is something, and those that have lasted long enough. */
  #settle(polled: readonly Post[]): void {
    const now = performance.now();
    let at = 0;
    for (const post of polled) {
      let isFound = post.deadline <= now;
      for (let i = 0; i < post.descriptors.length; i++) isFound ||= this.#poll.found(at + i);
      at += post.descriptors.length;
      if (isFound) post.resolve();
    }
    this.#lookSoon();
  }

  /** What `from` has taken may be all that there is, but others have waited for that. */
  async #nextTurn(from: Post): Promise<void> {
    if (performance.now() - this.#turnedAt >= HOLD_MS) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#turnedAt = performance.now();
    }
    for (const post of this.#posts) if (post !== from) post.resolve();
  }

  async #remove(post: Post): Promise<void> {
    post.resolve();
    this.#posts.delete(post);
    if (this.#waitingThere === null) return;
    this.#poll.wake();
    await this.#waitingThere;
  }
}

interface PostHost {
  look(): void;
  nextTurn(from: Post): Promise<void>;
  leave(post: Post): Promise<void>;
}

/** One owner's watch. */
class Post implements Watch {
  readonly descriptors: readonly number[];
  deadline = Infinity;
  readonly #host: PostHost;
  #waiting: PromiseWithResolvers<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(descriptors: readonly number[], host: PostHost) {
    this.descriptors = descriptors;
    this.#host = host;
  }

  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  wait(timeoutMs = -1): Promise<void> {
    if (this.#closing !== null) return NOW;
    if (this.#waiting !== null) return this.#waiting.promise;
    this.deadline = timeoutMs < 0 ? Infinity : performance.now() + timeoutMs;
    this.#waiting = Promise.withResolvers();
    this.#host.look();
    return this.#waiting.promise;
  }

  nextTurn(): Promise<void> {
    return this.#host.nextTurn(this);
  }

  interrupt(): Promise<void> {
    this.resolve();
    return NOW;
  }

  /** Ends the wait, if there is one. */
  resolve(): void {
    this.#waiting?.resolve();
    this.#waiting = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#host.leave(this);
  }
}
