/**
 * `Deno.upgradeWebSocket()` for requests that the gateway has taken.
 *
 * @module
 */

import { lazyMember, replace } from "../../sandbox/locks.ts";
import { flatFields, listMembers } from "../../message/fields.ts";
import { requestTask } from "../request.ts";
import { lightResponse } from "../response.ts";
import type { AppTask } from "../task.ts";
import { SocketChannel } from "./channel.ts";
import { makeSocket } from "./server_socket.ts";

const { Number, TypeError, WeakSet } = globalThis;
const { apply } = Reflect;
const runtime = Deno;
const { isFinite } = Number;

/** 16 bytes in base64. */
const KEY = /^[A-Za-z\d+/]{22}==$/;
/** Silence in seconds after which a client is given up, unless the app says otherwise. */
const DEFAULT_IDLE_TIMEOUT = 30;

/** Tasks whose requests were upgraded. */
const upgraded = new WeakSet<AppTask>();
let isInstalled = false;

/**
 * Makes `Deno.upgradeWebSocket()` upgrade requests that apps of this thread were given; for others it does
 * what it did.
 */
export function installUpgrades(): void {
  if (isInstalled) return;
  isInstalled = true;
  const native = lazyMember(runtime, "upgradeWebSocket");
  const { upgradeWebSocket } = {
    upgradeWebSocket(request: Request, options?: Deno.UpgradeWebSocketOptions): unknown {
      const task = requestTask(request);
      return task === null
        ? apply(native(), runtime, [request, options])
        : upgrade(task, options ?? {});
    },
  };
  replace(runtime, "upgradeWebSocket", upgradeWebSocket);
}

/** Why the request of `task` is no WebSocket handshake; `null` if it is one. */
export function handshakeFault({ head }: AppTask): string | null {
  const { block, fieldsStart, fieldsEnd, method } = head;
  const fields = flatFields(block, fieldsStart, fieldsEnd);
  if (method !== "GET") return `Only GET requests can be upgraded to WebSocket, not ${method}`;
  if (!has(fields, "upgrade", "websocket")) {
    return "Invalid header: 'upgrade' must contain 'websocket'";
  }
  if (!has(fields, "connection", "upgrade")) {
    return "Invalid header: 'connection' must contain 'Upgrade'";
  }
  if (!KEY.test(listMembers(fields, "sec-websocket-key").join(","))) {
    return "Invalid header: 'sec-websocket-key' must be 16 bytes in base64";
  }
  if (!has(fields, "sec-websocket-version", "13")) {
    return "Invalid header: 'sec-websocket-version' must be 13";
  }
  return null;
}

/**
 * Takes note that the request of `task` is upgraded, to the subprotocol `protocol`, `""` for none.
 *
 * @throws {TypeError} if the request does not name it, or was upgraded before
 */
export function noteUpgrade(task: AppTask, protocol: string): void {
  const { block, fieldsStart, fieldsEnd } = task.head;
  const fields = flatFields(block, fieldsStart, fieldsEnd);
  if (protocol !== "" && !has(fields, "sec-websocket-protocol", protocol)) {
    throw new TypeError(`Protocol '${protocol}' is not one of those that the request names`);
  }
  if (upgraded.has(task)) throw new TypeError("The request was upgraded already");
  upgraded.add(task);
}

/**
 * The milliseconds of an app's `idleTimeout`, in seconds.
 *
 * @throws {TypeError} if it is no such number
 */
export function idleTimeoutMsOf(idleTimeout: unknown = DEFAULT_IDLE_TIMEOUT): number {
  const seconds = Number(idleTimeout);
  if (seconds >= 0 && isFinite(seconds)) return seconds * 1_000;
  throw new TypeError(`idleTimeout must be a number of seconds, 0 or more, but is ${idleTimeout}`);
}

/** The response that has the connection of a request go on over `channel`, with further field lines. */
export function upgradeResponse(channel: SocketChannel, furtherLines = ""): Response {
  const { protocol } = channel;
  const lines = protocol === "" ? "" : `sec-websocket-protocol: ${protocol}\r\n`;
  return lightResponse({
    status: 101,
    fieldLines: `connection: Upgrade\r\nupgrade: websocket\r\n${lines}${furtherLines}`,
    body: null,
    source: channel,
    announcesTrailers: false,
  });
}

function upgrade(
  task: AppTask,
  { protocol = "", idleTimeout }: Deno.UpgradeWebSocketOptions,
): Deno.WebSocketUpgrade {
  const fault = handshakeFault(task);
  if (fault !== null) throw new TypeError(fault);
  const name = `${protocol}`;
  const idleTimeoutMs = idleTimeoutMsOf(idleTimeout);
  noteUpgrade(task, name);
  const channel = new SocketChannel({ protocol: name, idleTimeoutMs });
  return { response: upgradeResponse(channel), socket: makeSocket(channel) };
}

/** Whether the list in the fields called `name` has `member`; all but subprotocols in any case. */
function has(fields: readonly string[], name: string, member: string): boolean {
  const isExact = name === "sec-websocket-protocol";
  return listMembers(fields, name).some((each) =>
    isExact ? each === member : each.toLowerCase() === member
  );
}
