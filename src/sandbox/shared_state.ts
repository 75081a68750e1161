/**
 * Divides what the platform shares within the process among the apps, as far as it can be divided: each
 * group of workers has names of its own for channels and locks, and sees nothing of the command line.
 *
 * @module
 */

import { settle, uncurried } from "../base/captured.ts";
import { isGranted } from "./granted.ts";
import type { Members, NodeProcess } from "./locks.ts";
import { lock, refuse, replace } from "./locks.ts";
import type { SandboxRules } from "./rules.ts";

const { apply, construct, deleteProperty } = Reflect;
const { defineProperty, freeze, getOwnPropertyDescriptor, setPrototypeOf } = Object;
const { EventTarget, Promise, String, TypeError, WeakSet } = globalThis;
const scope = globalThis as unknown as Members;
const runtime = Deno as unknown as Members;
const { process } = globalThis as unknown as { process: NodeProcess };
const startsWith = uncurried(String.prototype.startsWith);
const slice = uncurried(String.prototype.slice);
const hasIn = uncurried(WeakSet.prototype.has);
const addTo = uncurried(WeakSet.prototype.add);

/** A class of the platform. */
type PlatformClass = (abstract new (...args: never[]) => object) & { readonly prototype: Members };

/** Divides it on the current thread. */
export function divideSharedState({ group }: SandboxRules): void {
  const names = new Names(`${group}/`);
  divideChannels(names);
  divideLocks(names);
  hideCommandLine();
  // What is in it is on disk, and the same for all.
  if (!isGranted("write")) deleteProperty(scope, "caches");
}

/** Names that are a group's own. */
class Names {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** What `name` is to the process. */
  outer(name: unknown): string {
    return this.#prefix + String(name);
  }

  has(outer: string): boolean {
    return startsWith(outer, this.#prefix);
  }

  /** What a name of the group's is to itself. */
  inner(outer: string): string {
    return this.has(outer) ? slice(outer, this.#prefix.length) : outer;
  }
}

function divideChannels(names: Names): void {
  const Native = scope.BroadcastChannel as PlatformClass;
  const { prototype } = Native;
  const own = new WeakSet<object>();

  function BroadcastChannel(...args: unknown[]): object {
    if (new.target === undefined) throw new TypeError("BroadcastChannel is a class: it needs new");
    if (args.length > 0) args[0] = names.outer(args[0]);
    const channel = construct(Native as never, args, new.target);
    addTo(own, channel);
    return channel;
  }

  setPrototypeOf(BroadcastChannel, EventTarget);
  BroadcastChannel.prototype = prototype;
  lock(prototype, "constructor", BroadcastChannel);
  nameInside(prototype, names);
  const post = prototype.postMessage as (message: unknown) => void;
  lock(prototype, "postMessage", function (this: object, ...args: unknown[]) {
    // Older versions of Deno give the platform's class to modules that import it by its name.
    if (!hasIn(own, this)) refuse("BroadcastChannel of node:worker_threads", "use the global one");
    return apply(post, this, args as [unknown]);
  });
  replace(scope, "BroadcastChannel", BroadcastChannel);
  const threads = process.getBuiltinModule("worker_threads") as { BroadcastChannel: object };
  if (threads.BroadcastChannel === Native) replace(threads, "BroadcastChannel", BroadcastChannel);
  else setPrototypeOf(threads.BroadcastChannel, BroadcastChannel);
}

/** What the members of `navigator.locks` tell of a lock. */
interface LockInfo {
  readonly name: string;
}

/** All locks, as `navigator.locks.query()` tells them. */
interface LockList {
  readonly held: readonly LockInfo[];
  readonly pending: readonly LockInfo[];
}

/** Newer versions of Deno have locks. */
function divideLocks(names: Names): void {
  const manager = scope.LockManager as PlatformClass | undefined;
  if (manager === undefined) return;
  const { prototype } = manager;
  nameInside((scope.Lock as PlatformClass).prototype, names);
  const request = prototype.request as (...args: unknown[]) => Promise<unknown>;
  lock(prototype, "request", function (this: unknown, ...args: unknown[]) {
    if (args.length > 0) {
      const name = String(args[0]);
      // Names that begin so must be refused.
      args[0] = startsWith(name, "-") ? name : names.outer(name);
    }
    return apply(request, this, args);
  });
  const query = prototype.query as () => Promise<LockList>;
  lock(prototype, "query", function (this: unknown) {
    const all = apply(query, this, []);
    return new Promise<LockList>((resolve, reject) =>
      settle(
        all,
        ({ held, pending }) =>
          resolve({ held: insideOf(held, names), pending: insideOf(pending, names) }),
        reject,
      )
    );
  });
}

/** Of `locks`, those of the group, under their own names. */
function insideOf(locks: readonly LockInfo[], names: Names): LockInfo[] {
  const own: LockInfo[] = [];
  for (let i = 0; i < locks.length; i++) {
    const each = locks[i];
    if (names.has(each.name)) own[own.length] = { ...each, name: names.inner(each.name) };
  }
  return own;
}

/** Makes the accessor `name` of a prototype tell what the group calls a thing. */
function nameInside(prototype: object, names: Names): void {
  const nameOf = getOwnPropertyDescriptor(prototype, "name")!.get! as () => string;
  defineProperty(prototype, "name", {
    get(this: unknown) {
      return names.inner(apply(nameOf, this as never, []));
    },
    configurable: false,
  });
}

/** The command line is the gateway's. */
function hideCommandLine(): void {
  replace(runtime, "args", freeze([]));
  const argv = process.argv as string[];
  // The program, and what stands for its main module.
  if (argv.length > 2) argv.length = 2;
}
