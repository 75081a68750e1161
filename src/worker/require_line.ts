/**
 * Asks the gateway for ES modules that CommonJS requires: the thread has to wait, as `require()` returns what
 * it is asked for.
 *
 * @module
 */

import { receiveMessageOnPort } from "node:worker_threads";
import type { Imported, ImportRequest, RequireAnswer, RequireLineStart } from "./protocol.ts";
import { LINE_CLOSED } from "./protocol.ts";

const { Int32Array } = globalThis;
const { load, wait } = Atomics;
/** Interval at which it is checked whether an answer has come, in milliseconds. */
const LOOK_MS = 1_000;

/** The way to the gateway and back, on which the thread waits. */
export class RequireLine {
  readonly #port: MessagePort;
  readonly #word: Int32Array;
  readonly #post: (id: number, request: ImportRequest) => void;
  #nextId = 1;

  /** A line of which the gateway has the other end; `post` sends it a request. */
  constructor(
    { port, word }: RequireLineStart,
    post: (id: number, request: ImportRequest) => void,
  ) {
    this.#port = port;
    this.#word = new Int32Array(word);
    this.#post = post;
  }

  /** Asks for a module, and waits for the answer. */
  ask(request: ImportRequest): Imported {
    const id = this.#nextId++;
    this.#post(id, request);
    for (;;) {
      const seen = load(this.#word, 0);
      const received = receiveMessageOnPort(this.#port as never) as
        | { readonly message: RequireAnswer }
        | undefined;
      if (received?.message.id === id) return received.message.answer;
      if (received !== undefined) continue;
      if (seen === LINE_CLOSED) return { message: "the worker is ending" };
      wait(this.#word, 0, seen, LOOK_MS);
    }
  }
}
