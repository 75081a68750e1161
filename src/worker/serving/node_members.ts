/**
 * What objects of Node's kind have in common.
 *
 * @module
 */

import type { Members, Method } from "../../sandbox/locks.ts";

const { Error, RangeError, TypeError } = globalThis;
const {
  assign,
  defineProperty,
  getOwnPropertyDescriptor,
  getOwnPropertyNames,
  getPrototypeOf,
  hasOwn,
} = Object;
const { isPrototypeOf } = Object.prototype;
const { apply } = Reflect;

/**
 * Lets objects that `isOurs` knows find the members of `own` wherever one of Node's prototypes, `natives`, is
 * asked for them, and all others what they found before. Frameworks put prototypes of their own before Node's
 * in the place of the one that an object has, and call methods of Node's on it: so it is only there that all
 * find them. Each prototype gets those that it has; the first one, those that it does not inherit either.
 */
export function shareMembers(
  own: object,
  natives: readonly object[],
  isOurs: (object: object) => boolean,
): void {
  for (const name of getOwnPropertyNames(own)) {
    if (name === "constructor") continue;
    const having = natives.filter((native) => hasOwn(native, name));
    const ours = getOwnPropertyDescriptor(own, name)!;
    // In Deno 2.6, responses do not extend the class of outgoing messages.
    const isFound = having.some((native) =>
      native === natives[0] || apply(isPrototypeOf, native, [natives[0]])
    );
    for (const native of isFound ? having : [natives[0], ...having]) {
      shareMember(name, ours, native, isOurs);
    }
  }
}

function shareMember(
  name: string,
  ours: PropertyDescriptor,
  native: object,
  isOurs: (object: object) => boolean,
): void {
  // Node's accessors that stay as they are do for ours what they do for all.
  if (getOwnPropertyDescriptor(native, name)?.configurable === false) return;
  const theirs = descriptorOf(native, name);
  if (typeof ours.value !== "function") {
    defineProperty(native, name, sharedAccessor(ours, theirs, name, isOurs));
    return;
  }
  const value = sharedMethod(ours.value as Method, native, name, theirs, isOurs);
  defineProperty(value, "name", { value: name });
  defineProperty(native, name, { value, writable: true, enumerable: true, configurable: true });
}

function sharedMethod(
  method: Method,
  native: object,
  name: string,
  theirs: PropertyDescriptor | undefined,
  isOurs: (object: object) => boolean,
): Method {
  const isOwn = getOwnPropertyDescriptor(native, name) !== undefined;
  const base = getPrototypeOf(native) as Members;
  return function (this: unknown, ...args: unknown[]): unknown {
    if (isOurs(this as object)) return apply(method, this, args);
    // What is inherited may be another one by now.
    return apply((isOwn ? theirs!.value : base[name]) as Method, this, args);
  };
}

function sharedAccessor(
  ours: PropertyDescriptor,
  theirs: PropertyDescriptor | undefined,
  name: string,
  isOurs: (object: object) => boolean,
): PropertyDescriptor {
  return {
    get(this: object): unknown {
      if (isOurs(this)) return apply(ours.get!, this, []);
      return theirs?.get !== undefined ? apply(theirs.get, this, []) : theirs?.value;
    },
    set(this: object, value: unknown): void {
      if (isOurs(this)) {
        if (ours.set !== undefined) apply(ours.set, this, [value]);
      } else if (theirs?.set !== undefined) {
        apply(theirs.set, this, [value]);
      } else {
        const writable = { writable: true, enumerable: true, configurable: true };
        defineProperty(this, name, { value, ...writable });
      }
    },
    enumerable: true,
    configurable: true,
  };
}

function descriptorOf(object: object, name: string): PropertyDescriptor | undefined {
  for (let each: object | null = object; each !== null; each = getPrototypeOf(each)) {
    const descriptor = getOwnPropertyDescriptor(each, name);
    if (descriptor !== undefined) return descriptor;
  }
  return undefined;
}

/** An error with a code of Node's. */
export function nodeError(
  code: string,
  message: string,
  kind: "error" | "type" | "range" = "error",
): Error {
  const Kind = kind === "type" ? TypeError : kind === "range" ? RangeError : Error;
  return assign(new Kind(message), { code });
}
