/**
 * Timers that are objects, as packages for Node expect them, with `ref()`, `unref()` and the like.
 *
 * From 2.8 on they are so in Deno, for all code; up to then, only CommonJS had them.
 *
 * @module
 */

import * as nodeTimers from "node:timers";
import { replace } from "../sandbox/locks.ts";

type Timer = (...args: unknown[]) => unknown;

const { Number } = globalThis;
const runtime: object = Deno;
const { refTimer, unrefTimer } = Deno;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const { apply, ownKeys } = Reflect;
const { clearTimeout, setTimeout } = globalThis;

/** Makes the global timers of the current thread return objects, if they do not. */
export function installNodeTimers(): void {
  const timer: unknown = setTimeout(() => {}, 0);
  clearTimeout(timer as number);
  if (typeof timer === "object") return;
  for (const name of ["setTimeout", "setInterval"] as const) {
    const ofNode = nodeTimers[name] as Timer;
    const ofWeb = globalThis[name] as unknown as Timer;
    const { [name]: both } = {
      [name](...args: unknown[]): unknown {
        // Node has no use for text.
        return apply(typeof args[0] === "function" ? ofNode : ofWeb, undefined, args);
      },
    };
    for (const key of ownKeys(ofNode)) {
      if (typeof key === "symbol") {
        defineProperty(both, key, getOwnPropertyDescriptor(ofNode, key)!);
      }
    }
    replace(globalThis, name, both);
  }
  replace(runtime, "refTimer", (timer: unknown) => refTimer(Number(timer)));
  replace(runtime, "unrefTimer", (timer: unknown) => unrefTimer(Number(timer)));
}
