/**
 * Keeps apps from file descriptors that are not their own. All threads of a process share them, and Deno
 * asks for no permission where Node's modules take a number for a socket: with it, an app could read,
 * write and close the connections of the gateway and of other apps.
 *
 * Only `open()` makes a socket of a number, so what leads there need not be known: `net.Socket`,
 * `listen({ fd })`, `dgram`'s `bind({ fd })`, child processes. Numbers in `node:fs` are of files that the
 * thread itself has opened, which Deno sees to.
 *
 * @module
 */

import { isGranted } from "./granted.ts";
import { lockInternals } from "./internals.ts";
import type { Members, NodeProcess } from "./locks.ts";
import { lock, lockIfThere, refusal, refuse } from "./locks.ts";

const { construct, getPrototypeOf, setPrototypeOf } = Reflect;
const { String } = globalThis;
const { process } = globalThis as unknown as { process: NodeProcess };
const binding = process.binding as (name: string) => Members;

const WHY = "file descriptors are shared with the gateway";

/** Classes that take descriptors, by the binding that has them. */
const OPENERS = [["tcp_wrap", "TCP"], ["pipe_wrap", "Pipe"], ["udp_wrap", "UDP"]] as const;

/** Bindings of Node that apps may have, as some old packages look at them: those without handles. */
const HARMLESS_BINDINGS = [
  "async_wrap",
  "buffer",
  "config",
  "constants",
  "crypto",
  "errors",
  "http_parser",
  "natives",
  "os",
  "string_decoder",
  "symbols",
  "types",
  "util",
  "uv",
  "v8",
  "zlib",
];

/** Descriptors of the standard streams, which terminals are opened at. */
const LAST_STANDARD_STREAM = 2;

/** Closes the ways to descriptors on the current thread. */
export function guardDescriptors(): void {
  // Node's modules open the pipes of child processes by their numbers (Deno 2.9). Who may run every program
  // has other ways to all descriptors.
  const mayRun = isGranted("run");
  for (const [module, name] of OPENERS) {
    if (mayRun && name === "Pipe") continue;
    const { prototype } = binding(module)[name] as { prototype: object };
    lock(prototype, "open", refusal(`a descriptor's ${name}`, WHY));
  }
  const { TTY } = binding("tty_wrap") as { TTY: { prototype: object } };
  // It opens what it is made of; terminals that a process has lead to it.
  lock(TTY.prototype, "constructor", refusal("TTY", WHY));
  lock(process, "binding", (name: unknown) => {
    const wanted = `${name}`;
    for (let i = 0; i < HARMLESS_BINDINGS.length; i++) {
      if (HARMLESS_BINDINGS[i] === wanted) return binding(wanted);
    }
    return refuse(`process.binding("${wanted}")`, WHY);
  });
  lockIfThere(process, "_linkedBinding", refusal("process._linkedBinding", WHY));
  lockInternals();
}

/**
 * Closes the streams of `node:tty` to descriptors other than the standard streams. Deno lets apps
 * use them that may read every file; for others there is nothing to close.
 */
export function guardTerminals(): void {
  const tty = process.getBuiltinModule("tty");
  if (tty === undefined) return;
  for (const name of ["ReadStream", "WriteStream"]) {
    const native = tty[name] as { prototype: { constructor: unknown } };
    const guarded = function (fd: number, ...rest: unknown[]): unknown {
      const number = fd | 0;
      if (number !== fd || number < 0 || number > LAST_STANDARD_STREAM) {
        refuse(`tty.${name} of descriptor ${String(fd)}`, WHY);
      }
      const args: unknown[] = [number];
      for (let i = 0; i < rest.length; i++) args[i + 1] = rest[i];
      return construct(native as never, args, new.target ?? guarded);
    };
    setPrototypeOf(guarded, getPrototypeOf(native as never));
    guarded.prototype = native.prototype;
    lock(native.prototype, "constructor", guarded);
    lock(tty, name, guarded);
  }
}
