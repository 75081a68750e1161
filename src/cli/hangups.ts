/**
 * SIGHUP, which would else end the process: from the first moment to the last.
 *
 * @module
 */

/** Hears SIGHUP. What comes before there is something to reload is kept until there is. */
export class Hangups implements Disposable {
  #listener: (() => void) | null = null;
  #isKept = false;
  readonly #onSignal = (): void => {
    if (this.#listener === null) this.#isKept = true;
    else this.#listener();
  };

  /** Begins to listen, where the system has such a signal. */
  constructor() {
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", this.#onSignal);
  }

  /** Calls `listener` for each hangup from now on; at once, if there were any before. */
  tell(listener: () => void): void {
    this.#listener = listener;
    if (this.#isKept) listener();
    this.#isKept = false;
  }

  [Symbol.dispose](): void {
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGHUP", this.#onSignal);
  }
}
