/**
 * "Did you mean …?"
 *
 * @module
 */

// @ts-types="../types/std_levenshtein_distance.d.ts"
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/**
 * The end of a message about the unknown `word`: `; did you mean X?`, or nothing where no name is near:
 * one of the same letters, or with one letter in three of another kind, too many or missing.
 */
export function nearest(word: string, known: readonly string[]): string {
  // One letter is as near to one name as to any other.
  if (word.length < 2) return "";
  const most = Math.max(1, Math.floor(word.length / 3));
  const near = known
    .map((name) => ({ name, distance: distanceOf(word.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance);
  return near.length === 0 ? "" : `; did you mean ${near[0].name}?`;
}

/** Letters that differ; those of a word whose letters are in another order count as one. */
function distanceOf(word: string, name: string): number {
  const letters = (text: string) => [...text].sort().join("");
  return letters(word) === letters(name) ? 1 : levenshteinDistance(word, name);
}
