/**
 * How what apps are not to have is put out of their reach: replaced for good, since the runtime itself,
 * or an app that finds the place, would ask for it there.
 *
 * @module
 */

const { defineProperty, getOwnPropertyDescriptor } = Object;
const { apply } = Reflect;
const { NotSupported } = Deno.errors;

/** A function or class whose parts are looked at by name. */
export interface Members {
  [name: PropertyKey]: unknown;
}

/** A function of the platform. */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

/** The members of `node:process` that the sandbox needs. */
export interface NodeProcess extends Members {
  /** A builtin module's object, without the permission that an import would need. */
  getBuiltinModule(name: string): Members | undefined;
}

/** Replaces the member `key` of `target` with `value`, for good. */
export function lock(target: object, key: PropertyKey, value: unknown): void {
  const enumerable = getOwnPropertyDescriptor(target, key)?.enumerable ?? false;
  defineProperty(target, key, { value, writable: false, enumerable, configurable: false });
}

/**
 * Replaces the member `key` of `target` with `value`. Apps may put something of their own there, as
 * some libraries do: what was there before is out of their reach all the same.
 */
export function replace(target: object, key: PropertyKey, value: unknown): void {
  const enumerable = getOwnPropertyDescriptor(target, key)?.enumerable ?? false;
  defineProperty(target, key, { value, writable: true, enumerable, configurable: true });
}

/** {@linkcode lock}s the member `key` of `target` if there is one of its own. */
export function lockIfThere(target: object, key: PropertyKey, value: unknown): void {
  if (getOwnPropertyDescriptor(target, key) !== undefined) lock(target, key, value);
}

/** What gets a member of the platform, which may not be loaded before it is used. */
export function lazyMember(target: object, name: string): () => Method {
  const { value, get } = getOwnPropertyDescriptor(target, name)!;
  return get === undefined ? () => value : () => apply(get, target, []) as Method;
}

/**
 * Something that always throws when called or constructed; `why` completes the sentence about
 * `what`.
 */
export function refusal(what: string, why: string): (...args: unknown[]) => never {
  return function (): never {
    refuse(what, why);
  };
}

/** @throws {Deno.errors.NotSupported} always */
export function refuse(what: string, why: string): never {
  throw new NotSupported(`${what} is not available to apps in workers: ${why}`);
}
