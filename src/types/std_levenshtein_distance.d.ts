/** What is used of `@std/text/levenshtein-distance`. */

export function levenshteinDistance(str1: string, str2: string): number;
