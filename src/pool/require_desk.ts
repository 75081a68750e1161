/**
 * The gateway's end of the line on which a worker waits for ES modules that its CommonJS requires.
 *
 * @module
 */

import type {
  Imported,
  ImportRequest,
  RequireAnswer,
  RequireLineStart,
} from "../worker/protocol.ts";
import { LINE_CLOSED } from "../worker/protocol.ts";
import { ImportDesk } from "./import_desk.ts";

/** Who finds the modules. */
export interface RequireDeskOwner {
  /** Finds a module. */
  supply(request: ImportRequest): Promise<Imported>;
  /** A module could not be looked for, which is a fault of the gateway's. */
  onBroken(error: unknown): void;
}

/** What one worker requires. */
export class RequireDesk {
  /** The worker's end, to be transferred to it. */
  readonly start: RequireLineStart;
  readonly #word = new Int32Array(new SharedArrayBuffer(4));
  readonly #port: MessagePort;
  readonly #desk: ImportDesk;

  /** Makes a line. */
  constructor(owner: RequireDeskOwner) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.start = { port: port2, word: this.#word.buffer as SharedArrayBuffer };
    this.#desk = new ImportDesk({
      supply: (request) => owner.supply(request),
      answer: (id, answer) => this.#answer({ id, answer }),
      onBroken: (error) => owner.onBroken(error),
    });
  }

  /** Takes what may be a request; `false` if modules are not required like this. */
  take(id: unknown, request: unknown): boolean {
    return this.#desk.take(id, request);
  }

  /** Ends the line: a thread that waits goes on, without a module. */
  close(): void {
    this.#desk.close();
    this.#port.close();
    this.#wake(LINE_CLOSED);
  }

  #answer(answer: RequireAnswer): void {
    this.#port.postMessage(answer);
    // The worker may have written there; it waits for another word, and wakes by itself after a while.
    this.#wake((Atomics.load(this.#word, 0) + 1) & 0x7fff_ffff);
  }

  #wake(word: number): void {
    Atomics.store(this.#word, 0, word);
    Atomics.notify(this.#word, 0);
  }
}
