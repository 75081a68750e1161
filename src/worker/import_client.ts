/**
 * Asks the gateway for the modules that apps import while they run, as many at a time as it takes.
 *
 * @module
 */

import { SafeMap } from "../base/captured.ts";
import type { Imported, ImportRequest } from "./protocol.ts";
import { MAX_PENDING_IMPORT_CHARS, MAX_PENDING_IMPORTS } from "./protocol.ts";

const { Promise } = globalThis;

/** An import that was asked for. */
interface PendingImport {
  readonly request: ImportRequest;
  readonly resolve: (answer: Imported) => void;
  /** The one that waits behind it. */
  next: PendingImport | null;
}

/** The imports of a worker. */
export class ImportClient {
  readonly #post: (id: number, request: ImportRequest) => void;
  readonly #asked = new SafeMap<number, PendingImport>();
  #nextId = 1;
  #askedChars = 0;
  #first: PendingImport | null = null;
  #last: PendingImport | null = null;

  /** Makes a client; `post` sends the gateway a request. */
  constructor(post: (id: number, request: ImportRequest) => void) {
    this.#post = post;
  }

  /** Asks for a module. */
  ask(request: ImportRequest): Promise<Imported> {
    return new Promise((resolve) => {
      const added: PendingImport = { request, resolve, next: null };
      if (this.#last === null) this.#first = added;
      else this.#last.next = added;
      this.#last = added;
      this.#askWaiting();
    });
  }

  /** Takes the answer to the request number `id`. */
  onAnswer(id: number, answer: Imported): void {
    const pending = this.#asked.get(id);
    if (pending === undefined) return;
    this.#asked.delete(id);
    this.#askedChars -= pending.request.specifier.length;
    pending.resolve(answer);
    this.#askWaiting();
  }

  #askWaiting(): void {
    for (let pending = this.#first; pending !== null; pending = pending.next) {
      const { request } = pending;
      const chars = this.#askedChars + request.specifier.length;
      const isTooMuch = this.#asked.size >= MAX_PENDING_IMPORTS ||
        (chars > MAX_PENDING_IMPORT_CHARS && this.#asked.size > 0);
      if (isTooMuch) break;
      this.#first = pending.next;
      if (pending.next === null) this.#last = null;
      this.#askedChars = chars;
      const id = this.#nextId++;
      this.#asked.set(id, pending);
      this.#post(id, request);
    }
  }
}
