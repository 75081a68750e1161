/**
 * Groups of connections as the options of `bench` describe them.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { ConfigError } from "../base/errors.ts";
import type { ResolvedTarget } from "../client/dial.ts";
import type { PreparedRequest, RequestBody } from "../client/prepared_request.ts";
import { SocketConversation } from "../client/socket_conversation.ts";
import type { Scheme } from "../client/target.ts";
import { withPath } from "../client/target.ts";
import type { BenchSettings, ClientSetting } from "../config/bench_options.ts";
import type { GroupPlan, Measurement } from "../load/group_record.ts";
import type { Pace } from "../load/pace.ts";
import { ClosedLoop, OpenLoop } from "../load/pace.ts";
import { BINARY } from "../websocket/codec/protocol.ts";
import { caCertsOf, conversationWith, partsOf, requestFor } from "./client_requests.ts";

/** The group of `saturate` and `stalled`. */
export function groupsOf(
  settings: BenchSettings,
  server: ResolvedTarget,
  measured: Measurement,
  cwd: string,
): GroupPlan[] {
  const { scheme } = server.target;
  const { connections, messageBytes, fields } = settings;
  const parts = partsOf(settings, cwd);
  const isSocket = scheme === "ws" || scheme === "wss";
  if (isSocket && (parts.body.kind !== "none" || settings.method !== undefined)) {
    throw new ConfigError("over WebSockets, messages are sent: see --message-size");
  }
  const name = isSocket
    ? `messages to ${server.target.path}`
    : `${parts.method} ${server.target.path}`;
  return [{
    name,
    server,
    connections,
    caCerts: caCertsOf(settings, cwd),
    pace: paceOf(settings, measured, 1),
    ...isSocket ? socketGroup(server, fields, messageBytes) : {
      request: requestFor(server.target, parts),
      converse: () => conversationWith(server.target),
    },
  }];
}

/**
 * The groups of `mixed`.
 *
 * @throws {ConfigError} if the server cannot be asked for one of them
 */
export function mixedGroups(
  settings: BenchSettings,
  server: ResolvedTarget,
  measured: Measurement,
  cwd: string,
): GroupPlan[] {
  const { connections, clients, fields } = settings;
  const { path, scheme } = server.target;
  if (scheme === "ws" || scheme === "wss") {
    throw new ConfigError(
      `bench mixed asks over ${scheme === "ws" ? "http" : "https"}, and sends messages in groups ` +
        "of their own: --client 'N WS PATH [BYTES]'",
    );
  }
  if (scheme === "fcgi" && clients.some(({ method }) => method === "WS")) {
    throw new ConfigError("there are no WebSockets over FastCGI: leave the groups 'N WS …' out");
  }
  const posting = Math.max(1, Math.floor(connections / 4));
  const usual: ClientSetting[] = [
    {
      connections: Math.max(1, connections - posting),
      method: "GET",
      path,
      chunkCount: 0,
      chunkBytes: 0,
    },
    { connections: posting, method: "POST", path, chunkCount: 10, chunkBytes: 1_024 },
  ];
  const all = clients.length > 0 ? clients : usual;
  const allConnections = all.reduce((sum, { connections }) => sum + connections, 0);
  return all.map((client) => {
    const { method, chunkCount, chunkBytes } = client;
    const asked = { ...server, target: withPath(server.target, client.path) };
    const body: RequestBody = chunkCount > 0
      ? { kind: "chunks", chunkCount, chunkBytes }
      : { kind: "none" };
    const size = chunkCount > 0 ? ` ${chunkCount}x${chunkBytes}` : "";
    return {
      name: method === "WS" ? `WS ${client.path} ${chunkBytes}` : `${method} ${client.path}${size}`,
      server: method === "WS" ? overSockets(asked) : asked,
      connections: client.connections,
      caCerts: caCertsOf(settings, cwd),
      pace: paceOf(settings, measured, client.connections / allConnections),
      ...method === "WS" ? socketGroup(overSockets(asked), fields, chunkBytes) : {
        request: requestFor(asked.target, { method, fields, body }),
        converse: () => conversationWith(asked.target),
      },
    };
  });
}

/** The pace of a group that has this part of all requests. */
function paceOf(
  { rate, warmUpMs }: BenchSettings,
  { fromMs, endMs }: Measurement,
  part: number,
): Pace {
  return rate === 0 ? new ClosedLoop(endMs) : new OpenLoop(rate * part, fromMs - warmUpMs, endMs);
}

function socketGroup(
  { target }: ResolvedTarget,
  fields: readonly (readonly [string, string])[],
  messageBytes: number,
): Pick<GroupPlan, "request" | "converse"> {
  const first = new Uint8Array(messageBytes).fill(0x78);
  const request: PreparedRequest = {
    method: "WS",
    first,
    piece: EMPTY,
    pieceCount: 0,
    last: EMPTY,
    bodyBytes: messageBytes,
  };
  return { request, converse: () => new SocketConversation(target, fields, BINARY) };
}

/** The same server, asked over WebSockets. */
function overSockets(server: ResolvedTarget): ResolvedTarget {
  const schemes: Partial<Record<Scheme, Scheme>> = { http: "ws", https: "wss" };
  const { scheme } = server.target;
  return { ...server, target: { ...server.target, scheme: schemes[scheme] ?? scheme } };
}
