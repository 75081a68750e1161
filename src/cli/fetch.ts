/**
 * `gatehouse fetch`: asks a server, once with all that happens, or many times.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { logToStderr, print, showStatus } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { resolveTarget } from "../client/dial.ts";
import type { Target } from "../client/target.ts";
import { parseTarget } from "../client/target.ts";
import type { FetchSettings } from "../config/fetch_options.ts";
import { sum } from "../load/group_record.ts";
import { ClosedLoop } from "../load/pace.ts";
import { resultJson } from "../load/result_json.ts";
import { runGroups } from "../load/run.ts";
import { bulkText } from "../load/summary.ts";
import { caCertsOf, conversationWith, partsOf, requestFor } from "./client_requests.ts";
import { fetchOne } from "./fetch_one.ts";
import { untilInterrupted } from "./interrupts.ts";
import { fixTrust } from "./trust.ts";

/** Does what the command line says; returns the exit status. */
export async function fetchCommand(
  settings: FetchSettings,
  surroundings: Surroundings,
): Promise<number> {
  const targets = settings.urls.map((url) => fetchTarget(url, settings));
  fixTrust(surroundings, logToStderr);
  return await done(targets, settings, surroundings) ? 0 : 1;
}

async function done(
  targets: readonly Target[],
  settings: FetchSettings,
  surroundings: Surroundings,
): Promise<boolean> {
  switch (settings.action) {
    case "oneraw":
      return await fetchOne(targets[0], settings, surroundings);
    case "bulk":
      return await fetchBulk(targets, settings, surroundings);
    case "socket": {
      const { fetchSocket } = await import("./fetch_socket.ts");
      return await fetchSocket(targets[0], settings, surroundings);
    }
  }
}

function fetchTarget(url: string, { action }: FetchSettings): Target {
  const target = parseTarget(url);
  const { scheme } = target;
  const isSocket = scheme === "ws" || scheme === "wss";
  if (isSocket && action !== "socket") {
    throw new ConfigError(
      `fetch ${action} speaks http, https and fcgi, not ${scheme}: see fetch socket, and bench`,
    );
  }
  if (!isSocket && action === "socket") {
    throw new ConfigError(`fetch socket speaks ws and wss, not ${scheme}`);
  }
  return target;
}

/** Sends many requests; whether each was answered, in full. */
async function fetchBulk(
  targets: readonly Target[],
  settings: FetchSettings,
  { cwd }: Surroundings,
): Promise<boolean> {
  const { expectedBytes, timeoutMs, jsonFile } = settings;
  const requestCount = settings.requestCount || targets.length;
  const connections = Math.max(settings.connections, targets.length);
  const parts = partsOf(settings, cwd);
  const caCerts = caCertsOf(settings, cwd);
  const servers = await Promise.all(targets.map(resolveTarget));
  using interrupted = untilInterrupted();
  const result = await runGroups(
    () =>
      servers.map((server, place) => {
        const { target } = server;
        const count = share(requestCount, targets.length, place);
        return {
          name: target.text,
          server,
          request: requestFor(target, parts),
          connections: Math.max(1, Math.min(count, share(connections, targets.length, place))),
          pace: new ClosedLoop(Infinity, count),
          expectedBytes,
          caCerts,
          converse: () => conversationWith(target),
        };
      }),
    { warmUpMs: 0, durationMs: Infinity, timeoutMs },
    {
      serverPid: null,
      sockets: "platform",
      signal: interrupted.signal,
      onProgress: ({ answered, failed }) =>
        showStatus(`${answered} of ${requestCount} answered, ${failed} failed`),
    },
  );
  showStatus("");
  const failed = result.groups.reduce((all, { failures }) => all + sum(failures), 0);
  const answered = result.groups.reduce((all, group) => all + group.answered, 0);
  if (jsonFile !== undefined) {
    const json = `${JSON.stringify(resultJson("bulk", result), null, 2)}\n`;
    if (jsonFile === "-") print(json.trimEnd());
    else await Deno.writeTextFile(resolve(cwd, jsonFile), json);
  }
  if (jsonFile !== "-") print(bulkText(result, requestCount));
  return failed === 0 && answered === requestCount;
}

/** The part of `all` that comes to the one at `place` of `count`, as even as can be. */
function share(all: number, count: number, place: number): number {
  return Math.floor(all / count) + (place < all % count ? 1 : 0);
}
