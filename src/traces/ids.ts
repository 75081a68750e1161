/**
 * Random numbers of traces and spans.
 *
 * @module
 */

const POOL_BYTES = 4_096;
const SPAN_BYTES = 8;
const TRACE_BYTES = 16;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/** A new number of a trace, in 32 hexadecimal digits. */
export function newTraceId(): string {
  return random(TRACE_BYTES);
}

/** A new number of a span, in 16 hexadecimal digits. */
export function newSpanId(): string {
  return random(SPAN_BYTES);
}

/** Never all zeros, which is no number. */
function random(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let text = "";
  let sum = 0;
  for (let i = 0; i < bytes; i++) {
    const byte = pool[used++];
    sum |= byte;
    text += HEX[byte];
  }
  return sum === 0 ? random(bytes) : text;
}
