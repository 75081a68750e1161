/**
 * Hides what apps may not see where Node's API has no error, and programs look without expecting
 * one.
 *
 * @module
 */

import { isGranted } from "./granted.ts";
import type { Members, Method, NodeProcess } from "./locks.ts";
import { replace } from "./locks.ts";

const { apply, deleteProperty, get, getOwnPropertyDescriptor, has, ownKeys, set } = Reflect;
const { defineProperty } = Object;
const { Promise, Proxy, String, queueMicrotask } = globalThis;
const { env: denoEnv, errors: { NotCapable }, permissions } = Deno;
const querySync = permissions.querySync.bind(permissions);
const { process } = globalThis as unknown as { process: NodeProcess };

/** Where a function has its form that returns a promise. */
const PROMISIFIED = Symbol.for("nodejs.util.promisify.custom");

/** What most packages ask for, and would not be the same without. */
const MODE = "NODE_ENV";

/** Makes it so on the current thread. */
export function hideAbsences(): void {
  if (!mayReadMode()) hideMode();
  if (!isGranted("read")) hideFiles();
}

function mayReadMode(): boolean {
  const descriptor = { name: "env", variable: MODE } as const;
  return querySync(descriptor).state === "granted";
}

/** `NODE_ENV` is not set, unless the app sets it, for itself alone. */
function hideMode(): void {
  let mode: string | undefined;
  const { get: getEnv, has: hasEnv } = denoEnv;
  replace(
    denoEnv,
    "get",
    (name: string) => name === MODE ? mode : apply(getEnv, denoEnv, [name]),
  );
  replace(denoEnv, "has", (name: string) => {
    return name === MODE ? mode !== undefined : apply(hasEnv, denoEnv, [name]);
  });
  const env = new Proxy(process.env as Members, {
    get: (target, key) => key === MODE ? mode : get(target, key),
    has: (target, key) => key === MODE ? mode !== undefined : has(target, key),
    set(target, key, value) {
      if (key !== MODE) return set(target, key, value);
      mode = String(value);
      return true;
    },
    deleteProperty(target, key) {
      if (key !== MODE) return deleteProperty(target, key);
      mode = undefined;
      return true;
    },
    getOwnPropertyDescriptor(target, key) {
      if (key !== MODE) return getOwnPropertyDescriptor(target, key);
      if (mode === undefined) return undefined;
      return { value: mode, writable: true, enumerable: true, configurable: true };
    },
    ownKeys: (target) => ownKeys(target),
  });
  replace(process, "env", env);
}

/** Questions that are answered by yes or no are answered by no. */
function hideFiles(): void {
  const fs = process.getBuiltinModule("fs");
  if (fs === undefined) return;
  const { exists, existsSync } = fs as { exists: Method; existsSync: Method };
  const isThere = (path: unknown) => {
    try {
      return apply(existsSync, fs, [path]);
    } catch (error) {
      if (error instanceof NotCapable) return false;
      throw error;
    }
  };
  const isThereLater = (path: unknown, callback: unknown) => {
    // The original says what is wrong with it.
    if (typeof callback !== "function") return apply(exists, fs, [path, callback]);
    const answer = isThere(path);
    queueMicrotask(() => apply(callback, undefined, [answer]));
  };
  const promised = (path: unknown) => new Promise((resolve) => isThereLater(path, resolve));
  defineProperty(isThereLater, PROMISIFIED, { value: promised });
  replace(fs, "existsSync", isThere);
  replace(fs, "exists", isThereLater);
}
