/**
 * Notices what apps are denied, also where they catch the error, or a package does: every error about a
 * missing permission is made by one class, whose constructor calls what it inherits from.
 *
 * @module
 */

import { SafeSet } from "../base/captured.ts";
import { denialIn } from "./permission_hint.ts";

const { construct, getPrototypeOf, setPrototypeOf } = Reflect;
const { defineProperty } = Object;
const { NotCapable } = Deno.errors;

/** More of a thread's denials are not told: an app may try every path there is. */
export const MAX_DENIALS = 32;

/** Calls `tell` with each kind of denial on the current thread, once, and with no more than there is room for. */
export function noticeDenials(tell: (denial: string) => void): void {
  const told = new SafeSet<string>();
  const native = getPrototypeOf(NotCapable) as ErrorConstructor;

  function Noticed(...args: unknown[]): object {
    const message = args[0];
    if (told.size < MAX_DENIALS && typeof message === "string") {
      const denial = denialIn(message);
      if (denial !== null && !told.has(denial)) {
        told.add(denial);
        tell(denial);
      }
    }
    return construct(native, args, new.target ?? Noticed);
  }

  setPrototypeOf(Noticed, native);
  defineProperty(Noticed, "prototype", { value: native.prototype });
  setPrototypeOf(NotCapable, Noticed);
}
