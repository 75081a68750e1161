/**
 * `gatehouse bench`: puts a server under load, and tells what its clients got.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { messageOf } from "../base/error_message.ts";
import { inOneLine, logToStderr, print, showStatus, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { ResolvedTarget } from "../client/dial.ts";
import { placesElsewhere, resolveTarget } from "../client/dial.ts";
import type { Target } from "../client/target.ts";
import { parseTarget, withPath } from "../client/target.ts";
import type { BenchSettings } from "../config/bench_options.ts";
import type { HotFunction } from "../load/hot_functions.ts";
import { hottestFunctions } from "../load/hot_functions.ts";
import type { Profile } from "../profile/profile.ts";
import { parseProfile } from "../profile/profile.ts";
import type { ReportRun } from "../load/report.ts";
import { reportPage } from "../load/report.ts";
import { resultJson } from "../load/result_json.ts";
import type { RunResult } from "../load/run.ts";
import { runGroups } from "../load/run.ts";
import { StalledClients } from "../load/stalled_clients.ts";
import type { StallResult } from "../load/stalled_clients.ts";
import { bar, runText, stallsText } from "../load/summary.ts";
import { groupsOf, mixedGroups } from "./bench_groups.ts";
import { BenchServer } from "./bench_server.ts";
import { caCertsOf } from "./client_requests.ts";
import { untilInterrupted } from "./interrupts.ts";
import { fixTrust } from "./trust.ts";

/** What was measured. */
interface Outcome {
  readonly runs: readonly ReportRun[];
  readonly stalls: readonly StallResult[];
}

/** How a measurement is made. */
interface Bench {
  readonly settings: BenchSettings;
  readonly surroundings: Surroundings;
  readonly server: ResolvedTarget;
  readonly serverPid: number | null;
  readonly signal: AbortSignal;
}

/** Functions that are printed of a profile. */
const HOT_FUNCTIONS = 20;
/** Time that stalled clients get to connect before others are measured beside them. */
const SETTLE_MS = 3_000;

/** Does what the command line says; returns the exit status. */
export async function benchCommand(
  settings: BenchSettings,
  surroundings: Surroundings,
): Promise<number> {
  const given = settings.target === undefined ? null : parseTarget(settings.target);
  fixTrust(surroundings, logToStderr);
  using interrupted = untilInterrupted();
  const { signal } = interrupted;
  const profiling = settings.profileFolder === undefined
    ? null
    : profileFolder(resolve(surroundings.cwd, settings.profileFolder));
  let outcome: Outcome;
  let target: Target;
  {
    await using started = given === null ? await startServer(settings, surroundings, signal) : null;
    target = withPathOf(settings, given ?? started!.target);
    const server = await resolveTarget(target);
    // What a server of our own says of where it is, its apps can say, too.
    refuseElsewhere(server, settings);
    const serverPid = started?.pid ?? null;
    outcome = await measure({ settings, surroundings, server, serverPid, signal });
  }
  // The server writes its profiles when it ends.
  const hottest = profiling === null ? [] : hottestFunctions(profiling.read(), HOT_FUNCTIONS);
  await tellOutcome(settings, surroundings, target, outcome, hottest);
  const answered = outcome.runs.some(({ result }) =>
    result.groups.some((group) => group.answered > 0)
  );
  return answered ? 0 : 1;
}

async function startServer(
  { apps, serveArgs, protocol, profileFolder }: BenchSettings,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<BenchServer> {
  const args = profileFolder === undefined ? serveArgs : ["--profile", profileFolder, ...serveArgs];
  return await BenchServer.start({ apps, args, protocol, signal }, surroundings);
}

function withPathOf({ path }: BenchSettings, target: Target): Target {
  return path === "" ? target : withPath(target, path);
}

/** A load is for one's own machines alone. */
function refuseElsewhere(server: ResolvedTarget, { owner, target }: BenchSettings): void {
  const elsewhere = placesElsewhere(server);
  if (elsewhere.length === 0 || owner === "declared") return;
  if (target === undefined) {
    throw new ConfigError(
      `the server that was started, or an app in it, says that it is at ${elsewhere.join(", ")}, ` +
        "which is not this machine",
    );
  }
  throw new ConfigError(
    `--target ${server.target.text} leads to ${elsewhere.join(", ")}, which is not this machine: ` +
      "put only your own servers under load, and say so with --i-own-this-host",
  );
}

async function measure(bench: Bench): Promise<Outcome> {
  const { settings } = bench;
  if (settings.action !== "stalled") {
    const result = await run(bench, settings.action);
    return { runs: [{ name: "", result }], stalls: [] };
  }
  const alone = await run(bench, "alone");
  const { stalledCount, stalls, fields, messageBytes } = settings;
  using stalled = new StalledClients({
    server: bench.server,
    count: stalledCount,
    kinds: stalls,
    request: { fields, messageBytes },
    caCerts: caCertsOf(settings, bench.surroundings.cwd),
  });
  const stop = () => stalled[Symbol.dispose]();
  bench.signal.addEventListener("abort", stop);
  const until = performance.now() + SETTLE_MS;
  while (stalled.held < stalledCount && performance.now() < until && !bench.signal.aborted) {
    showStatus(`${stalled.held} of ${stalledCount} stalled clients are connected`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
  const beside = await run(bench, "beside them");
  const results = stalled.results.map((each) => ({ ...each }));
  await stalled.end();
  bench.signal.removeEventListener("abort", stop);
  const longest = stalled.results.map(({ longestMs }) => longestMs);
  return {
    runs: [{ name: "alone", result: alone }, { name: "beside them", result: beside }],
    stalls: results.map((each, place) => ({ ...each, longestMs: longest[place] })),
  };
}

async function run(bench: Bench, phase: string): Promise<RunResult> {
  const { settings, surroundings, server, serverPid, signal } = bench;
  const plan = settings.action === "mixed" ? mixedGroups : groupsOf;
  const { warmUpMs, durationMs, timeoutMs } = settings;
  const result = await runGroups(
    (measured) => plan(settings, server, measured, surroundings.cwd),
    { warmUpMs, durationMs, timeoutMs },
    {
      serverPid,
      sockets: "system",
      signal,
      onProgress: ({ elapsedMs, answered, failed }) => {
        const isWarmUp = elapsedMs < 0;
        const now = isWarmUp ? "warming up" : `${answered} answered, ${failed} failed`;
        showStatus(`${phase} ${bar(Math.max(0, elapsedMs), durationMs)} ${now}`);
      },
    },
  );
  showStatus("");
  return result;
}

async function tellOutcome(
  settings: BenchSettings,
  { cwd }: Surroundings,
  target: Target,
  { runs, stalls }: Outcome,
  hottest: readonly HotFunction[],
): Promise<void> {
  const { action, jsonFile, reportFile } = settings;
  const facts = factsOf(settings, target);
  const json = {
    facts: Object.fromEntries(facts),
    runs: runs.map(({ name, result }) => ({ name, ...resultJson(action, result) })),
    stalledClients: stalls,
    hottestFunctions: hottest,
  };
  if (jsonFile === "-") print(JSON.stringify(json, null, 2));
  else {
    if (jsonFile !== undefined) {
      await Deno.writeTextFile(resolve(cwd, jsonFile), `${JSON.stringify(json, null, 2)}\n`);
    }
    print(facts.map(([name, text]) => `${name}: ${text}`).join("\n"));
    for (const { name, result } of runs) {
      print(`\n${name === "" ? "" : `${name}\n`}${runText(result, loopOf(settings))}`);
    }
    if (stalls.length > 0) print(`\n${stallsText(stalls)}`);
    if (hottest.length > 0) print(`\n${hottestText(hottest)}`);
  }
  if (reportFile === undefined) return;
  const title = `gatehouse bench ${action}`;
  await Deno.writeTextFile(
    resolve(cwd, reportFile),
    reportPage({ title, facts, runs, stalls, hottest }),
  );
  tell(`report ${resolve(cwd, reportFile)}`);
}

function loopOf({ rate }: BenchSettings): "closed" | "open" {
  return rate === 0 ? "closed" : "open";
}

function factsOf(settings: BenchSettings, { text, path }: Target): [string, string][] {
  const { action, apps, serveArgs, rate, connections, clients, warmUpMs, durationMs } = settings;
  const served: [string, string][] = apps.length === 0
    ? [["target", text]]
    : [["app", apps.join(" ")], ["options of serve", serveArgs.join(" ") || "none"]];
  return [
    ...served,
    ...action === "mixed" ? [] : [["path", path]] as [string, string][],
    ["loop", rate === 0 ? "closed" : `open, ${rate} requests/s`],
    ["connections", clients.length > 0 ? "by group" : String(connections)],
    ["measured", `${durationMs / 1_000} s after a warm-up of ${warmUpMs / 1_000} s`],
    ["Deno", `${Deno.version.deno}, ${navigator.hardwareConcurrency} cores`],
    ["at", new Date().toISOString()],
  ];
}

function hottestText(hottest: readonly HotFunction[]): string {
  const lines = hottest.map(({ name, place, share }) =>
    `  ${(share * 100).toFixed(1).padStart(5)} %  ${inOneLine(`${name} ${place}`.trim())}`
  );
  return ["hottest functions, by time of their own", ...lines].join("\n");
}

/** A folder for profiles; what is in it already does not count. */
function profileFolder(folder: string): { read(): Iterable<Profile> } {
  const names = () => {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name);
    } catch (error) {
      // The server makes it.
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  };
  const before = new Set(names());
  return {
    *read() {
      for (const name of names()) {
        if (!name.endsWith(".cpuprofile") || before.has(name)) continue;
        try {
          yield parseProfile(Deno.readTextFileSync(resolve(folder, name)));
        } catch (error) {
          if (!(error instanceof Error)) throw error;
          logToStderr("warning", `the profile ${name} cannot be read: ${messageOf(error)}`);
        }
      }
    },
  };
}
