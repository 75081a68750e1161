/**
 * How much code there is in a module. TypeScript's tree takes memory for each token, many times
 * that of the text; a thread that runs out of memory ends the whole process.
 *
 * @module
 */

import { LoadError } from "../../base/errors.ts";
import type { MediaType } from "../names/sources.ts";

/** Words and signs of a module that is JavaScript or JSON: 200 bytes each, about. */
export const MAX_PLAIN_TOKENS = 6_000_000;
/** Tokens of one that has to be transpiled: 650 bytes each. */
export const MAX_OTHER_TOKENS = 1_500_000;

/**
 * Refuses code that is too long.
 *
 * @throws {LoadError} when it is
 */
export function checkExtent(url: string, text: string, mediaType: MediaType): void {
  if (!isTooLong(text, mediaType)) return;
  throw new LoadError(
    url,
    `cannot load ${
      url.length > 200 ? `${url.slice(0, 100)}…` : url
    }: it is too long: it has more than ${limitOf(mediaType) / 1_000_000} million tokens`,
  );
}

/** Whether there is more in `text` than a module of this type may have. */
export function isTooLong(text: string, mediaType: MediaType): boolean {
  const limit = limitOf(mediaType);
  // Each takes a character.
  return text.length > limit && tokensIn(text) > limit;
}

function limitOf(mediaType: MediaType): number {
  const isPlain = mediaType === "javascript" || mediaType === "json";
  return isPlain ? MAX_PLAIN_TOKENS : MAX_OTHER_TOKENS;
}

/** Words and signs in `text`, those in strings and comments included. */
export function tokensIn(text: string): number {
  let tokens = 0;
  let isInWord = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Letters, digits, "$" and "_", and whatever is not ASCII.
    const isWord = code >= 97 && code <= 122 || code >= 65 && code <= 90 ||
      code >= 48 && code <= 57 || code === 36 || code === 95 || code > 127;
    if (isWord ? !isInWord : code > 32) tokens++;
    isInWord = isWord;
  }
  return tokens;
}
