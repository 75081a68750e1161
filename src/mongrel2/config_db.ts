/**
 * Finds a handler's sockets in Mongrel2's own configuration.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { dirname, isAbsolute, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ConfigError } from "../base/errors.ts";
import { parseMongrel2Spec } from "./codec/spec.ts";
import type { HandlerChoice, Mongrel2Spec } from "./codec/spec.ts";

interface Row {
  readonly handlerId: number;
  readonly send: string;
  readonly recv: string;
  readonly route: string | null;
  readonly host: string | null;
  readonly matching: string | null;
  readonly uuid: string | null;
  readonly server: string | null;
  readonly chroot: string | null;
}

const HANDLERS = `
  SELECT handler.id AS handlerId, handler.send_spec AS send, handler.recv_spec AS recv,
    route.path AS route, host.name AS host, host.matching AS matching,
    server.uuid AS uuid, server.name AS server, server.chroot AS chroot
  FROM handler
    LEFT JOIN route ON route.target_id = handler.id AND route.target_type = 'handler'
    LEFT JOIN host ON host.id = route.host_id
    LEFT JOIN server ON server.id = host.server_id
  ORDER BY handler.id`;

/**
 * The sockets of the handler that `choice` means in the configuration database at `path`, with what
 * else it says about the server.
 *
 * @throws {ConfigError} if it cannot be read, or not exactly one handler is meant
 */
export function specFromConfig(path: string, choice: HandlerChoice): Mongrel2Spec {
  const { rows, tempStore } = readDatabase(path);
  const matches = rows.filter((row) =>
    (choice.handlerId === undefined || row.handlerId === choice.handlerId) &&
    (choice.route === undefined || row.route === choice.route) &&
    (choice.host === undefined || row.host === choice.host || row.matching === choice.host) &&
    (choice.server === undefined || row.uuid === choice.server || row.server === choice.server)
  );
  const [first] = matches;
  if (first === undefined) {
    throw new ConfigError(`no handler in ${path} matches; there are:\n${listed(rows)}`);
  }
  const isOne = matches.every(({ handlerId, chroot }) =>
    handlerId === first.handlerId && chroot === first.chroot
  );
  if (!isOne) {
    throw new ConfigError(
      `several handlers in ${path} match: choose one by --mongrel2-handler, --mongrel2-route, ` +
        `--mongrel2-host or --mongrel2-server:\n${listed(matches)}`,
    );
  }
  const folder = dirname(path);
  const chroot = first.chroot === null
    ? undefined
    : isAbsolute(first.chroot)
    ? first.chroot
    : join(folder, first.chroot);
  const send = connectable(first.send, chroot ?? folder);
  const recv = connectable(first.recv, chroot ?? folder);
  return {
    ...parseMongrel2Spec(`${send},recv=${recv}`),
    chroot,
    uploads: tempStore === undefined ? undefined : dirname(tempStore),
  };
}

function readDatabase(path: string): { rows: Row[]; tempStore: string | undefined } {
  try {
    Deno.statSync(path);
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const rows = database.prepare(HANDLERS).all() as unknown as Row[];
      const setting = database.prepare("SELECT value FROM setting WHERE key = ?");
      const stored = setting.get("upload.temp_store") as { value: string } | undefined;
      return { rows, tempStore: stored?.value };
    } finally {
      database.close();
    }
  } catch (error) {
    const reason = messageOf(error);
    throw new ConfigError(`${path} cannot be read as a configuration of Mongrel2: ${reason}`);
  }
}

/** The endpoint to connect to, of one that Mongrel2 binds: a wildcard is this machine. */
function connectable(endpoint: string, folder: string): string {
  const path = /^ipc:\/\/(.*)$/.exec(endpoint)?.[1];
  if (path !== undefined) return isAbsolute(path) ? endpoint : `ipc://${join(folder, path)}`;
  return endpoint.replace(/^tcp:\/\/(?:\*|0\.0\.0\.0):/, "tcp://127.0.0.1:")
    .replace(/^tcp:\/\/\[::\]:/, "tcp://[::1]:");
}

function listed(rows: readonly Row[]): string {
  if (rows.length === 0) return "  (none)";
  return rows.map((row) =>
    `  handler ${row.handlerId}: ${row.send}` +
    (row.route === null
      ? ""
      : `, route ${row.route} of host ${row.host} of server ${row.server} (${row.uuid})`)
  ).join("\n");
}
