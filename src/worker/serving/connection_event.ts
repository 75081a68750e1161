/**
 * The event `connection` of servers of Node's kind, for those who listen to it besides Node itself, which
 * would begin to parse what comes from the socket.
 *
 * @module
 */

import type { Server } from "node:http";
import type { Members } from "../../sandbox/locks.ts";
import type { BridgedSocket } from "./node_socket.ts";

type Listener = (this: unknown, ...args: unknown[]) => unknown;

const { Set } = globalThis;
const { apply } = Reflect;

/** Makes what tells the listeners of a server of a socket. */
export function connectionTeller(http: Members): (server: Server, socket: BridgedSocket) => void {
  const native = new (http.Server as new () => Server)();
  const natives = new Set<unknown>(native.listeners("connection"));
  return (server, socket) => {
    if (server.listenerCount("connection") <= natives.size) return;
    for (const listener of server.rawListeners("connection") as Listener[]) {
      if (!natives.has(listener)) apply(listener, server, [socket]);
    }
  };
}
