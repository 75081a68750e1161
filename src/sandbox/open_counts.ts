/**
 * Counts what a thread opens, for the gateway to see whom to suspect when files and sockets run out. What an
 * app opens in other ways is not counted: it is noticed all the same, if not by whom it was done.
 *
 * @module
 */

import { lazyMember, replace } from "./locks.ts";
import type { Members, NodeProcess } from "./locks.ts";
import type { SandboxRules } from "./rules.ts";

const { apply } = Reflect;
const { add } = Atomics;
const { Int32Array } = globalThis;
const runtime = Deno as unknown as Members;
const { process } = globalThis as unknown as { process: NodeProcess };
const binding = process.binding as (name: string) => Members;

const RUNTIME_OPENERS = [
  "connect",
  "connectTls",
  "create",
  "createSync",
  "listen",
  "listenDatagram",
  "listenTls",
  "open",
  "openSync",
  "watchFs",
];

/** Counts on the current thread, in the memory that `rules` name. */
export function countOpens({ opens }: SandboxRules): void {
  const counter = new Int32Array(opens);
  for (const name of RUNTIME_OPENERS) countCalls(runtime, name, counter);
  for (const [module, name] of [["tcp_wrap", "TCP"], ["pipe_wrap", "Pipe"], ["udp_wrap", "UDP"]]) {
    const { prototype } = binding(module)[name] as { prototype: Members };
    for (const method of ["connect", "connect6", "bind", "bind6"]) {
      if (Object.hasOwn(prototype, method)) countCalls(prototype, method, counter);
    }
  }
}

function countCalls(target: Members, name: string, counter: Int32Array): void {
  if (!(name in target)) return;
  const native = lazyMember(target, name);
  replace(target, name, function (this: unknown, ...args: unknown[]): unknown {
    add(counter, 0, 1);
    return apply(native(), this, args);
  });
}
