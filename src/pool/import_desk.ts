/**
 * Passes imports that a worker's apps make at run time to those that can find them, as many at a
 * time as one worker may have.
 *
 * @module
 */

import type { Imported, ImportRequest } from "../worker/protocol.ts";
import { MAX_PENDING_IMPORT_CHARS, MAX_PENDING_IMPORTS } from "../worker/protocol.ts";
import { timerMs } from "../base/timers.ts";
import { RateLimit } from "./rate_limit.ts";

/** Imports of one worker that are looked for in a period; others wait. */
const MAX_IMPORTS = 1_000;
const IMPORT_PERIOD_MS = 1_000;
/** Longest specifier or URL, in characters; `data:` URLs are long. */
const MAX_SPECIFIER_LENGTH = 16 * 1_048_576;
/** What import attributes may ask for; the loader says which of it there is. */
const TYPE = /^\w{0,64}$/;

/** The finder of modules, and the workers that asked. */
export interface ImportDeskOwner {
  /** Finds a module. */
  supply(request: ImportRequest): Promise<Imported>;
  /** Takes the answer to the import that the worker calls `id`. */
  answer(id: number, answer: Imported): void;
  /** A module could not be looked for, which is a fault of the gateway's. */
  onBroken(error: unknown): void;
}

/** An import that was asked for. */
interface PendingImport {
  readonly id: number;
  readonly request: ImportRequest;
}

/** The imports of one worker. */
export class ImportDesk {
  readonly #owner: ImportDeskOwner;
  readonly #limit = new RateLimit(MAX_IMPORTS, IMPORT_PERIOD_MS);
  #waiting: PendingImport[] = [];
  #pending = 0;
  #pendingChars = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** Makes an empty desk. */
  constructor(owner: ImportDeskOwner) {
    this.#owner = owner;
  }

  /** Takes what may be an import; `false` if modules do not import like this, or not so much. */
  take(id: unknown, request: unknown): boolean {
    const { specifier, referrer, type, told = 0 } = (request ?? {}) as {
      [Key in keyof ImportRequest]: unknown;
    };
    if (typeof id !== "number" || !isUrlLike(specifier) || !isUrlLike(referrer)) return false;
    if (typeof type !== "string" || !TYPE.test(type)) return false;
    if (typeof told !== "number") return false;
    this.#pending++;
    this.#pendingChars += specifier.length;
    const isTooMuch = this.#pending > MAX_PENDING_IMPORTS ||
      (this.#pendingChars > MAX_PENDING_IMPORT_CHARS && this.#pending > 1);
    if (isTooMuch) return false;
    this.#waiting.push({
      id,
      request: { specifier, referrer, type: type as ImportRequest["type"], told },
    });
    if (this.#timer === undefined) this.#supplyWaiting();
    return true;
  }

  /** Forgets all imports. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    clearTimeout(this.#timer);
  }

  readonly #supplyWaiting = (): void => {
    this.#timer = undefined;
    const waiting = this.#waiting;
    let supplied = 0;
    while (supplied < waiting.length && this.#limit.admits()) this.#supply(waiting[supplied++]);
    this.#waiting = waiting.slice(supplied);
    if (this.#waiting.length === 0) return;
    this.#timer = setTimeout(this.#supplyWaiting, timerMs(this.#limit.untilNextPeriodMs()));
  };

  async #supply({ id, request }: PendingImport): Promise<void> {
    try {
      const answer = await this.#owner.supply(request);
      this.#pending--;
      this.#pendingChars -= request.specifier.length;
      if (!this.#isClosed) this.#owner.answer(id, answer);
    } catch (error) {
      this.#owner.onBroken(error);
    }
  }
}

function isUrlLike(text: unknown): text is string {
  return typeof text === "string" && text.length <= MAX_SPECIFIER_LENGTH;
}
