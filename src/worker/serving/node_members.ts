/**
 * What objects of Node's kind have in common.
 *
 * @module
 */

const { Error, TypeError } = globalThis;
const { assign } = Object;

/**
 * Gives an object members of its prototype for its own: frameworks put prototypes of their own before Node's
 * in the place of the one that it has.
 */
export function keepMembers(object: object, names: readonly string[]): void {
  const members = object as Record<string, unknown>;
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const member = members[name];
    members[name] = member;
  }
}

/** An error with a code of Node's. */
export function nodeError(code: string, message: string, kind: "error" | "type" = "error"): Error {
  return assign(kind === "type" ? new TypeError(message) : new Error(message), { code });
}
