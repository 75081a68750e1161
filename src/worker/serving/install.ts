/**
 * Takes what modules serve themselves with on the current thread.
 *
 * @module
 */

import { takeDenoServe } from "./deno_serve.ts";
import { takeFetchEvents } from "./fetch_events.ts";
import type { TakenServers } from "./node_server.ts";
import { takeNodeServers } from "./node_server.ts";
import { installUpgrades } from "../websocket/upgrade.ts";

/**
 * Makes apps of what modules serve while they are loaded. They are told that they listen at the first of
 * `addresses`, if there is one; else, where they asked for it.
 */
export function takeServers(addresses: readonly Deno.Addr[]): TakenServers {
  installUpgrades();
  const [address] = addresses;
  const ofNode = takeNodeServers(address);
  const leave = [takeDenoServe(address), takeFetchEvents(), ofNode.leave];
  return {
    settle: ofNode.settle,
    leave() {
      for (const each of leave) each();
    },
  };
}
