/**
 * Bytes as lines of text, however they are split.
 *
 * @module
 */

const FIRST_HIGH_SURROGATE = 0xd800;
const LAST_HIGH_SURROGATE = 0xdbff;

const { TextDecoder } = globalThis;

/** Finds the lines in a stream of bytes; its work, and what it keeps, is bounded by what comes in. */
export class LineSplitter {
  readonly #maxChars: number;
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder();
  /** What has come of the line that is not complete. */
  #rest = "";

  /** Calls `onLine` with each line, without its end; one of more than `maxChars` comes in parts. */
  constructor(maxChars: number, onLine: (line: string) => void) {
    this.#maxChars = maxChars;
    this.#onLine = onLine;
  }

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Takes what was left without an end of line. */
  end(): void {
    this.#take(this.#decoder.decode());
    if (this.#rest !== "") this.#passOn();
  }

  #take(text: string): void {
    let start = 0;
    // What came before has been looked through: only what is new can have an end of line in it.
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#add(text.slice(start, end));
      this.#passOn();
      start = end + 1;
    }
    this.#add(text.slice(start));
  }

  #add(text: string): void {
    let start = 0;
    while (this.#rest.length + text.length - start > this.#maxChars) {
      let end = start + this.#maxChars - this.#rest.length;
      const isAmid = end > start && isHighSurrogate(text.charCodeAt(end - 1));
      if (isAmid && (this.#rest !== "" || end > start + 1)) end--;
      this.#rest += text.slice(start, end);
      this.#passOn();
      start = end;
    }
    this.#rest += text.slice(start);
  }

  #passOn(): void {
    const line = this.#rest;
    this.#rest = "";
    this.#onLine(line);
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= FIRST_HIGH_SURROGATE && code <= LAST_HIGH_SURROGATE;
}
