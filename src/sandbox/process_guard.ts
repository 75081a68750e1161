/**
 * Keeps apps from what would end or change the whole process, and that the runtime lets them do.
 *
 * @module
 */

import { lock } from "./locks.ts";
import { isGranted } from "./granted.ts";

const { NotCapable } = Deno.errors;
const ownPid = Deno.pid;

/** The members of `node:process` that matter here. */
interface NodeProcess {
  _kill(pid: number, signal: number): unknown;
  abort(): never;
  umask(mask?: number | string): number;
  getBuiltinModule(name: string): Record<string, unknown> | undefined;
}

/**
 * Guards the process against the apps of the current thread, which is a worker. What a worker has all
 * permissions of a kind for, it may do.
 */
export function guardProcess(): void {
  const { process } = globalThis as unknown as { process: NodeProcess };
  if (!isGranted("run")) {
    // Newer versions of Deno let everybody kill the own process.
    const kill = Deno.kill;
    lock(Deno, "kill", (pid: number, signal?: Deno.Signal) => kill(notOwn(pid), signal));
    // All of `node:process` that kills ends up here.
    const nodeKill = process._kill;
    lock(process, "_kill", (pid: number, signal: number) => {
      return signal === 0 ? nodeKill(pid, 0) : nodeKill(notOwn(pid), signal);
    });
    lock(process, "abort", () => refuse("process.abort() would end the gateway", "run"));
  }
  if (!isGranted("sys")) {
    const umask = Deno.umask;
    lock(Deno, "umask", (mask?: number) => {
      if (mask === undefined) return umask();
      return refuse("Deno.umask() would change the gateway's mask", "sys");
    });
    const nodeUmask = process.umask;
    lock(process, "umask", (mask?: number | string) => {
      if (mask === undefined) return nodeUmask();
      return refuse("process.umask() would change the gateway's mask", "sys");
    });
    for (const [module, name] of [["v8", "setFlagsFromString"], ["inspector", "open"]]) {
      const exported = process.getBuiltinModule(module);
      if (exported === undefined) continue;
      lock(exported, name, () => refuse(`${module}.${name}() would change the gateway`, "sys"));
    }
  }
  if (!isGranted("read")) {
    lock(Deno, "chdir", () => refuse("Deno.chdir() would change the gateway's folder", "read"));
  }
}

function notOwn(pid: number): number {
  const id = pid | 0;
  return id === ownPid ? refuse("the process is the gateway's", "run") : id;
}

function refuse(what: string, kind: string): never {
  throw new NotCapable(`Requires ${kind} access: ${what}`);
}
