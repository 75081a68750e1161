/**
 * "Did you mean …?"
 *
 * @module
 */

// @ts-types="../types/std_closest_string.d.ts"
import { closestString } from "@std/text/closest-string";

/**
 * The end of a message about the unknown `word`: `; did you mean X?`, or nothing where there is no
 * telling.
 */
export function nearest(word: string, known: readonly string[]): string {
  // One letter is as near to one name as to any other.
  if (word.length < 2 || known.length === 0) return "";
  return `; did you mean ${closestString(word, known)}?`;
}
