/** Runs cases: almost all in one gateway, a generation for each, or for many at a time. */

import { reloadOf } from "../../support/gateway.ts";
import type { GatewayProcess } from "../../support/gateway.ts";
import { denoConfigOf, PATIENCE_MS } from "./launcher.ts";
import type { Launcher, Outcome } from "./launcher.ts";
import type { PlacedCase, Site } from "./site.ts";

/** What became of a case, with the log that it shares with others. */
export interface Run {
  readonly outcome: Outcome;
  readonly log: string;
}

/** Gateways at a time. */
const PARALLEL_STARTS = 2;

/** Apps of one generation, at the most. */
const GROUP_SIZE = 40;

/** Runs the cases of all themes, and says what became of each. */
export async function runAll(
  themes: readonly (readonly PlacedCase[])[],
  launcher: Launcher,
  site: Site,
): Promise<ReadonlyMap<PlacedCase, Run>> {
  const runs = new Map<PlacedCase, Run>();
  const { alone, successive, together } = sorted(themes, launcher);
  const jobs = [
    () => runInGenerations(together, successive, launcher, site, runs),
    ...alone.map((each) => () => runAlone(each, launcher, runs)),
  ].values();
  await Promise.all(Array.from({ length: PARALLEL_STARTS }, async () => {
    for (const job of jobs) await job();
  }));
  return runs;
}

/** Which cases need a gateway each, which one a generation each, and which share one. */
function sorted(themes: readonly (readonly PlacedCase[])[], launcher: Launcher) {
  const alone: PlacedCase[] = [], successive: PlacedCase[] = [], together: PlacedCase[][] = [];
  for (const placed of themes) {
    let group: PlacedCase[] = [];
    for (const each of placed) {
      const { args, fails, permissions, files, atStart } = each.semanticsCase;
      if (args !== undefined || atStart !== undefined || launcher.needsOwnStart(each)) {
        alone.push(each);
      } else if (
        fails !== undefined || permissions !== undefined || denoConfigOf(files) !== undefined
      ) {
        successive.push(each);
      } else {
        if (group.length % GROUP_SIZE === 0) together.push(group = []);
        group.push(each);
      }
    }
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
 * Runs cases in one gateway, one generation after the other: a configuration file names what is next, and a
 * reload takes it, or says why it cannot. Those that should go together, but do not, follow one by one.
 */
async function runInGenerations(
  together: readonly (readonly PlacedCase[])[],
  successive: readonly PlacedCase[],
  launcher: Launcher,
  site: Site,
  runs: Map<PlacedCase, Run>,
): Promise<void> {
  const config = `${site.folder}/generations.ini`;
  await Deno.mkdir(`${site.folder}/first`);
  await Deno.writeTextFile(`${site.folder}/first/app.js`, "export default () => new Response();\n");
  await Deno.writeTextFile(config, `[app:main]\nuse = file://${site.folder}/first/app.js\n`);
  await using gateway = await launcher.startConfigured(config);
  /** Reloads, and returns what is said of a failure. */
  const reload = async (text: string): Promise<string | null> => {
    await Deno.writeTextFile(config, text);
    const said = await reloadOf(gateway);
    return said.at(-1)!.endsWith(" serves") ? null : said.join("\n");
  };
  const runOne = async (placed: PlacedCase) => {
    const log = await reload(section("main", placed));
    const run = log === null
      ? await ask(placed, gateway, "/")
      : { outcome: { kind: "refused", log }, log } as const;
    runs.set(placed, run);
  };
  for (const group of together) {
    if (await reload(composite(group)) === null) {
      for (const placed of group) runs.set(placed, await ask(placed, gateway, `/${placed.id}/`));
    } else {
      for (const placed of group) await runOne(placed);
    }
  }
  for (const placed of successive) await runOne(placed);
}

/** The section of a configuration file that names a case's app. */
function section(name: string, { appUrl, semanticsCase: { permissions } }: PlacedCase): string {
  const allowed = permissions === "default" ? "" : "app-allow-all = yes\n";
  return `[app:${name}]\nuse = ${appUrl}\n${allowed}`;
}

/** A configuration file that mounts the apps of cases, each at its id. */
function composite(group: readonly PlacedCase[]): string {
  const mounts = group.map(({ id }) => `/${id} = ${id}\n`).join("");
  const sections = group.map((placed) => section(placed.id, placed)).join("");
  return `[composite:main]\nuse = urlmap\n${mounts}${sections}`;
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
