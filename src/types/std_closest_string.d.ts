/** What is used of `@std/text/closest-string`. */

export function closestString(givenWord: string, possibleWords: readonly string[]): string;
