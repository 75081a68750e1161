/**
 * Checks what apps give to functions of the platform that would end the whole process over it:
 * those of `node:crypto` and of images, which allocate or compute without limits. The limits are
 * far beyond any use.
 *
 * Threads cannot be kept from ending their process by unknown means, or by taking all of its
 * memory: only processes can.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { lengthOf } from "../base/captured.ts";
import type { Members, NodeProcess } from "./locks.ts";
import { lock, refusal, replace } from "./locks.ts";

const { apply, construct } = Reflect;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const { Number, RangeError, TypeError } = globalThis;
const { ceil } = Math;
const scope = globalThis as unknown as Members;
const { process } = globalThis as unknown as { process: NodeProcess };
const bytesOf: (value: unknown, encoding?: unknown) => Uint8Array = Buffer.from as never;

/** Bits of the smallest number that keys are made with, as OpenSSL has it, and of the largest one. */
const KEY_BITS = { min: 512, max: 16_384 } as const;
/** Bits of a prime of an app's own, for Diffie and Hellman's exchange. */
const MIN_GIVEN_PRIME_BITS = 64;
/** Bits of the smallest and the largest prime that is looked for. */
const PRIME_BITS = { min: 2, max: 16_384 } as const;
/** Length of an image's side, and pixels in all: 256 MiB. */
const MAX_SIDE = 65_535;
const MAX_PIXELS = 2 ** 26;

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Guards the current thread. */
export function guardFatalCalls(): void {
  const crypto = process.getBuiltinModule("crypto");
  if (crypto !== undefined) {
    guardPrimes(crypto);
    guardKeyPairs(crypto);
    guardDiffieHellman(crypto);
  }
  // With hooks, some modules end the process when they are loaded (Deno 2.9).
  const module = process.getBuiltinModule("module");
  if (module !== undefined && "registerHooks" in module) {
    replace(module, "registerHooks", refusal("registerHooks() of node:module", "it could end it"));
  }
  guardBitmaps();
  guardCanvases();
}

function guardPrimes(crypto: Members): void {
  for (const name of ["generatePrime", "generatePrimeSync"]) {
    checkArguments(crypto, name, (args) => {
      if (typeof args[0] === "number") inRange("size", args[0], PRIME_BITS);
    });
  }
}

function guardKeyPairs(crypto: Members): void {
  for (const name of ["generateKeyPair", "generateKeyPairSync"]) {
    checkArguments(crypto, name, (args) => {
      const options = args[1];
      if (typeof options !== "object" || options === null) return;
      const copy: Members = {};
      for (const key in options) copy[key] = (options as Members)[key];
      const { modulusLength, publicExponent, primeLength, prime } = copy;
      if (typeof modulusLength === "number") inRange("modulusLength", modulusLength, KEY_BITS);
      if (typeof primeLength === "number") inRange("primeLength", primeLength, KEY_BITS);
      if (typeof publicExponent === "number" && publicExponent % 2 === 0) {
        throw new RangeError("publicExponent must be odd");
      }
      if (typeof publicExponent === "number" && publicExponent < 3) {
        throw new RangeError("publicExponent must be 3 or more");
      }
      if (prime !== undefined) copy.prime = givenPrime(prime);
      args[1] = copy;
    });
  }
}

function guardDiffieHellman(crypto: Members): void {
  const check = (args: unknown[]) => {
    if (args.length === 0) return;
    if (typeof args[0] === "number") {
      inRange("sizeOrKey", args[0], PRIME_BITS);
      return;
    }
    args[0] = givenPrime(args[0], args[1]);
    // It is no longer text.
    if (typeof args[1] === "string") args[1] = undefined;
  };
  checkArguments(crypto, "createDiffieHellman", check);
  checkArguments(crypto, "DiffieHellman", check);
}

/** The bytes of a prime. */
function givenPrime(prime: unknown, encoding?: unknown): Uint8Array {
  const bytes = typeof prime === "string"
    ? bytesOf(prime, typeof encoding === "string" ? encoding : undefined)
    : bytesOf(prime);
  let zeros = 0;
  while (zeros < lengthOf(bytes) && bytes[zeros] === 0) zeros++;
  const bits = (lengthOf(bytes) - zeros) * 8;
  inRange("bits of prime", bits, { min: MIN_GIVEN_PRIME_BITS, max: KEY_BITS.max });
  return bytes;
}

function guardBitmaps(): void {
  const { get, value } = getOwnPropertyDescriptor(scope, "createImageBitmap") ?? {};
  if (get === undefined && value === undefined) return;
  const native = (args: unknown[]): Promise<object> =>
    apply(value ?? apply(get!, scope, []), scope, args);
  replace(scope, "createImageBitmap", async function createImageBitmap(...args: unknown[]) {
    const crop = args.length >= 5 ? cropped(args) : null;
    const at = crop === null ? 1 : 5;
    const given = args[at];
    if (typeof given !== "object" || given === null) return await native(crop ?? args);
    const options: Members = {};
    for (const key in given) options[key] = (given as Members)[key];
    const { resizeWidth, resizeHeight } = options;
    if (resizeWidth !== undefined) options.resizeWidth = resizeWidth as number >>> 0;
    if (resizeHeight !== undefined) options.resizeHeight = resizeHeight as number >>> 0;
    if ((resizeWidth === undefined) !== (resizeHeight === undefined)) {
      // The other side is in proportion to the image, whose own size may come out only now.
      const { width, height } = await native(crop ?? [args[0]]) as ImageSize;
      options.resizeWidth ??= ceil(width * (options.resizeHeight as number) / height);
      options.resizeHeight ??= ceil(height * (options.resizeWidth as number) / width);
    }
    if (options.resizeWidth !== undefined) {
      checkSize(options.resizeWidth as number, options.resizeHeight as number);
    }
    if (crop === null) return await native([args[0], options]);
    return await native([crop[0], crop[1], crop[2], crop[3], crop[4], options]);
  });
}

/** The size of an image. */
interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** The image and its wanted part, with sides that point forwards. */
function cropped(args: readonly unknown[]): unknown[] {
  const crop: [unknown, number, number, number, number] = [
    args[0],
    args[1] as number | 0,
    args[2] as number | 0,
    args[3] as number | 0,
    args[4] as number | 0,
  ];
  if (crop[3] < 0) {
    crop[1] += crop[3];
    crop[3] = -crop[3];
  }
  if (crop[4] < 0) {
    crop[2] += crop[4];
    crop[4] = -crop[4];
  }
  checkSize(crop[3], crop[4]);
  return crop;
}

/** Newer versions of Deno have canvases. The class is made when it is first asked for, as that takes time. */
function guardCanvases(): void {
  const { get } = getOwnPropertyDescriptor(scope, "OffscreenCanvas") ?? {};
  if (get === undefined) return;
  let current: unknown;
  defineProperty(scope, "OffscreenCanvas", {
    get: () => current ??= guardedCanvas(apply(get, scope, [])),
    // Apps may put something of their own in its place.
    set: (value: unknown) => current = value,
    enumerable: false,
    configurable: false,
  });
}

function guardedCanvas(Native: { readonly prototype: Members }): unknown {
  const { prototype } = Native;

  function OffscreenCanvas(...args: unknown[]): object {
    if (new.target === undefined) throw new TypeError("OffscreenCanvas is a class: it needs new");
    if (args.length < 2) return construct(Native as never, args, new.target);
    const width = Number(args[0]);
    const height = Number(args[1]);
    checkSize(width, height);
    return construct(Native as never, [width, height], new.target);
  }

  OffscreenCanvas.prototype = prototype;
  lock(prototype, "constructor", OffscreenCanvas);
  guardSide(prototype, "width", "height");
  guardSide(prototype, "height", "width");
  return OffscreenCanvas;
}

/** Checks what a side of a canvas is set to. */
function guardSide(prototype: object, side: "width" | "height", other: "width" | "height"): void {
  const { get, set } = getOwnPropertyDescriptor(prototype, side)!;
  const lengthOfOther = getOwnPropertyDescriptor(prototype, other)!.get!;
  defineProperty(prototype, side, {
    get,
    set(this: unknown, value: unknown) {
      const length = Number(value);
      checkSize(length, apply(lengthOfOther, this, []));
      apply(set!, this, [length]);
    },
    enumerable: true,
    configurable: false,
  });
}

/** @throws {RangeError} if an image would be uselessly large */
function checkSize(width: number, height: number): void {
  if (width <= MAX_SIDE && height <= MAX_SIDE && width * height <= MAX_PIXELS) return;
  throw new RangeError(
    `an image of ${width} x ${height} pixels is too large: apps in workers can have ${MAX_PIXELS} ` +
      `pixels, and ${MAX_SIDE} a side`,
  );
}

/** Lets `check` look at the arguments of a function or class first, and replace them. */
function checkArguments(target: Members, name: string, check: (args: unknown[]) => void): void {
  const native = target[name] as Method & { readonly prototype?: object };
  function guarded(this: unknown, ...args: unknown[]): unknown {
    check(args);
    return new.target === undefined
      ? apply(native, this, args)
      : construct(native as never, args, new.target);
  }
  defineProperty(guarded, "name", { value: name });
  if (native.prototype !== undefined) {
    guarded.prototype = native.prototype;
    replace(native.prototype, "constructor", guarded);
  }
  replace(target, name, guarded);
}

/** @throws {RangeError} if `value` is a number that is not in the range */
function inRange(
  name: string,
  value: number,
  { min, max }: { readonly min: number; readonly max: number },
): void {
  if (value >= min && value <= max) return;
  throw new RangeError(`${name} must be between ${min} and ${max}: ${value} could end the gateway`);
}
