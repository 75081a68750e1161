/**
 * Takes what modules serve themselves with on the current thread.
 *
 * @module
 */

import { takeDenoServe } from "./deno_serve.ts";
import { takeFetchEvents } from "./fetch_events.ts";

/**
 * Makes apps of what modules serve while they are loaded. They are told that they listen at the first of
 * `addresses`, if there is one; else, where they asked for it. Returns what leaves all to the runtime again.
 */
export function takeServers(addresses: readonly Deno.Addr[]): () => void {
  const [address] = addresses;
  const leave = [takeDenoServe(address), takeFetchEvents()];
  return () => {
    for (const each of leave) each();
  };
}
