/**
 * Values of JSON that may be anything.
 *
 * @module
 */

/** `value` if it is an object, or else an empty one. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}
