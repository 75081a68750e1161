/**
 * Keeps apps from the runtime's own workings, which evaluate code, and reach what permissions are checked
 * before.
 *
 * @module
 */

import type { Members } from "./locks.ts";
import { lock } from "./locks.ts";

const { create, freeze, getOwnPropertyDescriptor } = Object;

/** Leaves of the runtime's workings what CommonJS needs: the globals of Node. */
export function lockInternals(): void {
  const runtime = Deno as unknown as Members;
  const internal = runtime.internal as symbol | undefined;
  if (internal === undefined) return;
  if (getOwnPropertyDescriptor(runtime, internal)?.configurable === false) return;
  const { nodeGlobals } = runtime[internal] as { nodeGlobals?: unknown };
  const rest = create(null);
  if (nodeGlobals !== undefined) rest.nodeGlobals = nodeGlobals;
  lock(runtime, internal, freeze(rest));
}
