/**
 * As many requests as a server takes, by wrk.
 *
 * @module
 */

import type { Load } from "../measuring/contest.ts";

/** What wrk sends. */
export interface WrkLoad {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** A Lua script that makes the requests. */
  readonly script?: string;
}

/** A Lua script for POST requests with a JSON value of about 1 KiB. */
export const POST_JSON = `wrk.method = "POST"
wrk.body = '{"data":"' .. string.rep("a", 1000) .. '","numbers":[1,2,3]}'
wrk.headers["content-type"] = "application/json"`;

/** A Lua script for POST requests of 1 MiB. */
export const POST_LARGE = `wrk.method = "POST"
wrk.body = string.rep("x", 1048576)
wrk.headers["content-type"] = "application/octet-stream"`;

/** A Lua script for requests that are sent 16 at a time. */
export const PIPELINE = `init = function()
  local requests = {}
  for i = 1, 16 do requests[i] = wrk.format(nil, "/") end
  all = table.concat(requests)
end
request = function() return all end`;

/** Seconds in the units that wrk writes times in. */
const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60 };

/** @throws {Error} A request failed, or was not answered with 2xx. */
export async function wrk(load: WrkLoad): Promise<Load> {
  const scriptFile = await Deno.makeTempFile({ prefix: "gatehouse-bench-", suffix: ".lua" });
  try {
    await Deno.writeTextFile(scriptFile, load.script ?? "");
    const wrk = new Deno.Command("wrk", {
      args: [
        ...["-t1", `-c${load.connections}`, `-d${Math.ceil(load.seconds)}s`, "-s", scriptFile],
        `http://127.0.0.1:${load.port}${load.path}`,
      ],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // It takes whole seconds only, but ends well when it is interrupted.
    const timer = Number.isInteger(load.seconds)
      ? undefined
      : setTimeout(() => wrk.kill("SIGINT"), load.seconds * 1_000);
    const { stdout, stderr } = await wrk.output();
    clearTimeout(timer);
    const report = new TextDecoder().decode(stdout);
    const counts = /(\d+) requests in ([\d.]+)(ms|s|m),/.exec(report);
    if (counts === null || /Non-2xx|Socket errors/.test(report)) {
      throw new Error(`wrk: ${report}${new TextDecoder().decode(stderr)}`);
    }
    const [, requests, count, unit] = counts;
    return { requests: Number(requests), seconds: Number(count) * SECONDS[unit] };
  } finally {
    await Deno.remove(scriptFile);
  }
}
