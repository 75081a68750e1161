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

function upgrade(
  task: AppTask,
  { protocol = "", idleTimeout = DEFAULT_IDLE_TIMEOUT }: Deno.UpgradeWebSocketOptions,
): Deno.WebSocketUpgrade {
  const { block, fieldsStart, fieldsEnd } = task.head;
  const fields = flatFields(block, fieldsStart, fieldsEnd);
  if (task.head.method !== "GET") {
    throw new TypeError(`Only GET requests can be upgraded to WebSocket, not ${task.head.method}`);
  }
  if (!has(fields, "upgrade", "websocket")) {
    throw new TypeError("Invalid header: 'upgrade' must contain 'websocket'");
  }
  if (!has(fields, "connection", "upgrade")) {
    throw new TypeError("Invalid header: 'connection' must contain 'Upgrade'");
  }
  if (!KEY.test(listMembers(fields, "sec-websocket-key").join(","))) {
    throw new TypeError("Invalid header: 'sec-websocket-key' must be 16 bytes in base64");
  }
  if (!has(fields, "sec-websocket-version", "13")) {
    throw new TypeError("Invalid header: 'sec-websocket-version' must be 13");
  }
  const name = `${protocol}`;
  if (name !== "" && !has(fields, "sec-websocket-protocol", name)) {
    throw new TypeError(`Protocol '${name}' is not one of those that the request names`);
  }
  const seconds = Number(idleTimeout);
  if (!(seconds >= 0) || !isFinite(seconds)) {
    throw new TypeError(
      `idleTimeout must be a number of seconds, 0 or more, but is ${idleTimeout}`,
    );
  }
  if (upgraded.has(task)) throw new TypeError("The request was upgraded already");
  upgraded.add(task);
  const channel = new SocketChannel({ protocol: name, idleTimeoutMs: seconds * 1_000 });
  const lines = name === "" ? "" : `sec-websocket-protocol: ${name}\r\n`;
  const response = lightResponse({
    status: 101,
    fieldLines: `connection: Upgrade\r\nupgrade: websocket\r\n${lines}`,
    body: null,
    source: channel,
    announcesTrailers: false,
  });
  return { response, socket: makeSocket(channel) };
}

/** Whether the list in the fields called `name` has `member`; all but subprotocols in any case. */
function has(fields: readonly string[], name: string, member: string): boolean {
  const isExact = name === "sec-websocket-protocol";
  return listMembers(fields, name).some((each) =>
    isExact ? each === member : each.toLowerCase() === member
  );
}
