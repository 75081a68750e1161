/** Changes of inputs that are valid, and ways to split them. */

import type { Random } from "../support/random.ts";

/** Changes `text` a little; `snippets` are what has a meaning somewhere in it, and what has none anywhere. */
export function mutated(random: Random, text: string, snippets: readonly string[]): string {
  let at = random.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + random.below(random.pick([1, 4, 30])));
  switch (random.below(8)) {
    case 0: // Replaces a byte.
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 1: // Replaces some bytes.
      return text.slice(0, at) + random.pick(snippets) + text.slice(end);
    case 2: // Inserts some.
      return text.slice(0, at) + random.pick(snippets) + text.slice(at);
    case 3: // Inserts some at the start of a line.
      at = text.indexOf("\n", at) + 1;
      return text.slice(0, at) + random.pick(snippets) + text.slice(at);
    case 4: // Replaces a digit.
      at += Math.max(0, text.slice(at).search(/\d/));
      return text.slice(0, at) + random.below(10) + text.slice(at + 1);
    case 5: // Removes some.
      return text.slice(0, at) + text.slice(end);
    case 6: // Repeats some.
      return text.slice(0, end) + text.slice(at);
    default: // Moves some to the end.
      return text.slice(0, at) + text.slice(end) + text.slice(at, end);
  }
}

/** `text` after up to `atMost` changes, perhaps none. */
export function perhapsMutated(
  random: Random,
  text: string,
  snippets: readonly string[],
  atMost = 3,
): string {
  let result = text;
  for (let left = random.below(atMost + 1); left > 0; left--) {
    result = mutated(random, result, snippets);
  }
  return result;
}

/** `bytes` in pieces: large ones, small ones, or each byte alone. */
export function randomPieces(random: Random, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(random.pick([1, 3, 30, 300]));
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}
