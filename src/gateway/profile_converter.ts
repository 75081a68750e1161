/**
 * Makes profiles readable, in a thread of its own, one after another.
 *
 * @module
 */

import type { ConvertedProfile } from "./profile_thread.ts";

/** The module of the thread. */
const THREAD = new URL("./profile_thread.ts", import.meta.url);

/** Converts profiles until it is disposed of. */
export class ProfileConverter implements Disposable {
  #thread: Worker | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #fail: (error: Error) => void = () => {};
  #hasEnded = false;

  /**
   * The profile `text` with the places of sources.
   *
   * @throws {Error} if it is no profile, or this has ended
   */
  convert(text: string): Promise<string> {
    const converted = this.#last.then(() => this.#convert(text));
    this.#last = converted.catch(() => {});
    return converted;
  }

  /** Ends the thread, with what it is at. */
  [Symbol.dispose](): void {
    this.#hasEnded = true;
    this.#thread?.terminate();
    this.#thread = null;
    this.#fail(new Error("it came too late"));
  }

  #convert(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) throw new Error("it came too late");
      this.#fail = reject;
      const thread = this.#thread ??= new Worker(THREAD, { type: "module", name: "profiles" });
      thread.onmessage = ({ data }: MessageEvent<ConvertedProfile>) => {
        if ("text" in data) resolve(data.text);
        else reject(new Error(data.problem));
      };
      thread.onerror = (event) => {
        event.preventDefault();
        if (this.#thread === thread) this.#thread = null;
        reject(new Error(event.message));
      };
      thread.postMessage(text);
    });
  }
}
