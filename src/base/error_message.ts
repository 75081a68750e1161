/**
 * Describes thrown values.
 *
 * @module
 */

/** The message of `error`, or as a text what was thrown instead of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
