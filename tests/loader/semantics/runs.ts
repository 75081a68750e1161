/** Runs cases: as many as possible in one gateway, at the same time or one after the other. */

import type { GatewayProcess } from "../../support/gateway.ts";
import { denoConfigOf, PATIENCE_MS } from "./launcher.ts";
import type { Launcher, Outcome } from "./launcher.ts";
import type { PlacedCase, Site } from "./site.ts";

/** What became of a case, with the log that it shares with others. */
export interface Run {
  readonly outcome: Outcome;
  readonly log: string;
}

/** Gateways that start at a time. */
const PARALLEL_STARTS = 3;

/** Apps of one gateway, at the most. */
const GROUP_SIZE = 40;

/** Runs `placed` and says what became of each, in order. */
export async function runAll(
  placed: readonly PlacedCase[],
  launcher: Launcher,
  site: Site,
): Promise<Run[]> {
  const runs = new Map<PlacedCase, Run>();
  const { alone, successive, together } = shared(placed, launcher);
  const jobs = alone.map((each) => () => runAlone(each, launcher, runs));
  if (successive.length > 0) jobs.unshift(() => runSuccessively(successive, launcher, site, runs));
  for (let at = 0; at < together.length; at += GROUP_SIZE) {
    const group = together.slice(at, at + GROUP_SIZE);
    jobs.unshift(() => runTogether(group, launcher, runs));
  }
  const next = jobs.values();
  await Promise.all(Array.from({ length: PARALLEL_STARTS }, async () => {
    for (const job of next) await job();
  }));
  return placed.map((each) => runs.get(each)!);
}

/** Which cases need a gateway each, which can follow one another in one, and which share one. */
function shared(placed: readonly PlacedCase[], launcher: Launcher) {
  const alone: PlacedCase[] = [], successive: PlacedCase[] = [], together: PlacedCase[] = [];
  for (const each of placed) {
    const { args, fails, permissions, atStart } = each.semanticsCase;
    const needsStart = args !== undefined || atStart !== undefined || launcher.needsOwnStart(each);
    const { files } = each.semanticsCase;
    const fits = fails === undefined && permissions === undefined &&
      denoConfigOf(files) === undefined;
    (needsStart ? alone : fits ? together : successive).push(each);
  }
  return { alone, successive, together };
}

async function runAlone(
  placed: PlacedCase,
  launcher: Launcher,
  runs: Map<PlacedCase, Run>,
): Promise<void> {
  const { args = [], fails } = placed.semanticsCase;
  const words = [placed.appUrl, ...args.map(placed.fill)];
  if (fails !== undefined) {
    runs.set(placed, { outcome: await launcher.run(words, placed), log: "" });
    return;
  }
  try {
    await using gateway = await launcher.start(words, placed);
    runs.set(placed, await ask(placed, gateway, "/"));
  } catch (error) {
    runs.set(placed, failedRun(error));
  }
}

/**
 * Runs cases in one gateway, one after the other: a configuration file names one at a time, and a reload
 * takes it, or says why it cannot.
 */
async function runSuccessively(
  successive: readonly PlacedCase[],
  launcher: Launcher,
  site: Site,
  runs: Map<PlacedCase, Run>,
): Promise<void> {
  const config = `${site.folder}/successive.ini`;
  const name = (appUrl: string, permissions: string) =>
    Deno.writeTextFile(config, `[app:main]\nuse = ${appUrl}\n${permissions}`);
  await Deno.mkdir(`${site.folder}/first`);
  await Deno.writeTextFile(`${site.folder}/first/app.js`, "export default () => new Response();\n");
  await name(`file://${site.folder}/first/app.js`, "");
  await using gateway = await launcher.startConfigured(config);
  for (const placed of successive) {
    const { permissions } = placed.semanticsCase;
    await name(placed.appUrl, permissions === "default" ? "" : "app-allow-all = yes\n");
    const before = gateway.log.length;
    try {
      gateway.kill("SIGHUP");
      const end = await gateway.logged(/^generation \d+ (?:goes on )?serv(?:es|ing)$/, { before });
      if (end.endsWith("serves")) runs.set(placed, await ask(placed, gateway, "/"));
      else {
        const log = gateway.log.slice(before).join("\n");
        runs.set(placed, { outcome: { kind: "refused", log }, log });
      }
    } catch (error) {
      runs.set(placed, failedRun(error));
    }
  }
}

/** Runs cases in one gateway; looks for the culprits in smaller groups if it does not start. */
async function runTogether(
  group: readonly PlacedCase[],
  launcher: Launcher,
  runs: Map<PlacedCase, Run>,
): Promise<void> {
  if (group.length <= 1) {
    for (const placed of group) await runAlone(placed, launcher, runs);
    return;
  }
  let gateway: GatewayProcess;
  try {
    const mounts = group.map(({ id, appUrl }) => `--mount=/${id}=${appUrl}`);
    gateway = await launcher.start(mounts, group[0]);
  } catch {
    const half = group.length >> 1;
    await runTogether(group.slice(0, half), launcher, runs);
    await runTogether(group.slice(half), launcher, runs);
    return;
  }
  await using _ = gateway;
  for (const placed of group) {
    try {
      runs.set(placed, await ask(placed, gateway, `/${placed.id}/`));
    } catch (error) {
      runs.set(placed, failedRun(error));
    }
  }
}

async function ask({ semanticsCase, fill }: PlacedCase, gateway: GatewayProcess, path: string) {
  const response = await fetch(gateway.url + path, { signal: AbortSignal.timeout(PATIENCE_MS) });
  const outcome = {
    kind: "answered",
    status: response.status,
    text: await response.text(),
  } as const;
  // A log comes line by line: its last one may be on its way.
  for (const expected of semanticsCase.logs ?? []) {
    if (typeof expected !== "string") continue;
    const text = fill(expected);
    await gateway.logged(new RegExp(escaped(text)), { timeoutMs: 3_000 }).catch(() => {});
  }
  return { outcome, log: gateway.log.join("\n") };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** What a gateway that did not start has said: its log stands in the error's message. */
function failedRun(error: unknown): Run {
  if (!(error instanceof Error)) throw error;
  const stderr = error.message.replace(/^no line of the log matches .*\n/, "");
  return { outcome: { kind: "ended", code: 1, stderr }, log: "" };
}
