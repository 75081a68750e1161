/**
 * Methods and collections of the platform for code that shares a thread with apps, taken aside before an
 * app can have changed them. Their behaviour is that of the originals.
 *
 * Code that apps could mislead, or take something from, looks nothing up on the platform's
 * prototypes: a method that an app put there would be called with the data. Constructors and
 * functions of the global scope are taken aside by each module for itself, at its top.
 *
 * @module
 */

const { bind, call } = Function.prototype;
const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf } = Object;
const { ownKeys } = Reflect;
const { Promise, Uint8Array } = globalThis;
const typedArrays = getPrototypeOf(Uint8Array.prototype);

/** Makes a function of a method: what it is called on becomes the first argument. */
export const uncurried: <Self, Args extends unknown[], Result>(
  method: (this: Self, ...args: Args) => Result,
) => (self: Self, ...args: Args) => Result = bind.bind(call) as never;

/** Makes a function of the getter `name` on `prototype`. */
export function getterOf<Self, Value>(prototype: object, name: PropertyKey): (self: Self) => Value {
  return uncurried(getOwnPropertyDescriptor(prototype, name)!.get!) as (self: Self) => Value;
}

const isPrototypeOf: (prototype: object, value: unknown) => boolean = uncurried(
  Object.prototype.isPrototypeOf as (this: object, value: unknown) => boolean,
);

/**
 * `value instanceof type`, for a constructor of the platform or a class. The operator would ask the constructor
 * or what it extends for `Symbol.hasInstance`, which an app can put there, and be handed the value.
 */
export function isInstance<Instance>(
  value: unknown,
  type: { readonly prototype: Instance & object },
): value is Instance {
  return isPrototypeOf(type.prototype, value);
}

/** `text.charCodeAt(index)`. */
export const charCodeAt: (text: string, index: number) => number = uncurried(
  String.prototype.charCodeAt,
);

/** `bytes.length`. */
export const lengthOf: (bytes: Uint8Array) => number = getterOf(typedArrays, "length");

/** `bytes.buffer`. */
export const bufferOf: (bytes: Uint8Array) => ArrayBufferLike = getterOf(typedArrays, "buffer");

/** `bytes.byteOffset`. */
export const byteOffsetOf: (bytes: Uint8Array) => number = getterOf(typedArrays, "byteOffset");

const sharedMemory = SharedArrayBuffer.prototype;

/** Whether `bytes` are in shared memory. `instanceof` could be an app's function, which would be handed the memory. */
export function isShared(bytes: Uint8Array): boolean {
  return getPrototypeOf(bufferOf(bytes)) === sharedMemory;
}

/** `target.set(source, at)`. */
export const setBytes: (target: Uint8Array, source: Uint8Array, at: number) => void = uncurried(
  typedArrays.set,
);

/** `bytes.subarray(start, end)`, for a range that lies in `bytes`. */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  // subarray() and slice() ask the array for its constructor, and would hand the memory to that.
  return new Uint8Array(bufferOf(bytes), byteOffsetOf(bytes) + start, end - start);
}

/** `bytes.slice(start, end)`, for a range that lies in `bytes`. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - start);
  setBytes(copy, viewOf(bytes, start, end), 0);
  return copy;
}

/** What a {@linkcode SafeMap} can do: what a `Map` can, but for what needs iterators. */
export interface SafeMap<Key, Value> {
  /** Number of entries. */
  readonly size: number;
  /** The value of `key`. */
  get(key: Key): Value | undefined;
  /** Whether there is an entry for `key`. */
  has(key: Key): boolean;
  /** Sets the value of `key`. */
  set(key: Key, value: Value): unknown;
  /** Removes an entry; whether there was one. */
  delete(key: Key): boolean;
  /** Removes all entries. */
  clear(): void;
  /** Calls `onEntry` for each entry, the oldest first. */
  forEach(onEntry: (value: Value, key: Key) => void): void;
}

/** What a {@linkcode SafeSet} can do: what a `Set` can, but for what needs iterators. */
export interface SafeSet<Value> {
  /** Number of values. */
  readonly size: number;
  /** Whether `value` is in it. */
  has(value: Value): boolean;
  /** Puts `value` in. */
  add(value: Value): unknown;
  /** Takes `value` out; whether it was in. */
  delete(value: Value): boolean;
  /** Takes all values out. */
  clear(): void;
  /** Calls `onValue` for each value, the oldest first. */
  forEach(onValue: (value: Value) => void): void;
}

/** Keeps a class of its own: its methods are the platform's, and cannot be changed. */
function sealed(own: { readonly prototype: object }, platforms: { readonly prototype: object }) {
  for (const key of ownKeys(platforms.prototype)) {
    if (key === "constructor") continue;
    defineProperty(own.prototype, key, getOwnPropertyDescriptor(platforms.prototype, key)!);
  }
  delete (own.prototype as { constructor?: unknown }).constructor;
  setPrototypeOf(own.prototype, null);
  freeze(own.prototype);
  return freeze(own);
}

/** A `Map` that no app can change. */
export const SafeMap: new <Key, Value>() => SafeMap<Key, Value> = sealed(
  class SafeMap extends Map {},
  Map,
) as never;

/** A `Set` that no app can change. */
export const SafeSet: new <Value>() => SafeSet<Value> = sealed(
  class SafeSet extends Set {},
  Set,
) as never;

/** A promise, and what settles it. */
export interface Deferred<Value> {
  /** The promise. */
  readonly promise: Promise<Value>;
  /** Resolves the promise. */
  readonly resolve: (value: Value) => void;
  /** Rejects the promise. */
  readonly reject: (reason: unknown) => void;
}

/** `Promise.withResolvers()`. */
export function deferred<Value>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<Value>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  return { promise, resolve, reject };
}

/** `Promise.resolve(value)`. */
export function resolved<Value>(value: Value): Promise<Value> {
  return new Promise((resolve) => resolve(value));
}

/** `Promise.reject(reason)`. */
export function rejected(reason: unknown): Promise<never> {
  return new Promise((_, reject) => reject(reason));
}

const then = uncurried(Promise.prototype.then);

/** `promise.then(onResolved, onRejected)`, for a promise of the platform's own. */
export const settle: <Value>(
  promise: Promise<Value>,
  onResolved: (value: Value) => void,
  onRejected: (reason: unknown) => void,
) => void = then as never;

/** Ignores a rejection of `promise`. */
export function ignoreRejection(promise: Promise<unknown>): void {
  then(promise, undefined, ignore);
}

function ignore(): void {}
