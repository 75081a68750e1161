/** Runs the table of cases on one of its legs. */

import { assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../../support/gateway.ts";
import type { GatewayProcess } from "../../support/gateway.ts";
import type { LegName, Theme } from "./case.ts";
import { Site } from "./site.ts";
import type { PlacedCase } from "./site.ts";
import { TABLE } from "./table.ts";

/** A way to run gatehouse. */
export interface Leg {
  /** Which one it is. */
  readonly name: LegName;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options for all cases. */
  readonly args: readonly string[];
}

/** gatehouse from source, with Deno's loader. */
export const NATIVE_LEG: Leg = {
  name: "native",
  command: FROM_SOURCE,
  args: ["--loader=native"],
};

/** gatehouse from source, with its own loader. */
export const OWN_LEG: Leg = {
  name: "own",
  command: FROM_SOURCE,
  // {site} is not the app's own host.
  args: ["--loader=own", "--allow-import"],
};

/** The executable at `path`. */
export function executableLeg(path: string): Leg {
  return { name: "executable", command: [path], args: ["--allow-import"] };
}

/** What became of a case. */
type Outcome =
  | { readonly kind: "answered"; readonly status: number; readonly text: string }
  | { readonly kind: "ended"; readonly code: number; readonly stderr: string };

/** What became of a case, with the log that it shares with others. */
interface Run {
  readonly outcome: Outcome;
  readonly log: string;
}

/** Gateways that start at a time. */
const PARALLEL_STARTS = 3;

/** Time after which a case has failed, in milliseconds. */
const PATIENCE_MS = 90_000;

/** Apps of one gateway, at the most. */
const GROUP_SIZE = 40;

const ROOT = new URL("../../../", import.meta.url);

/** Registers one test for each theme of the table, with a step for each case. */
export function semanticsTests(leg: Leg): void {
  for (const theme of TABLE) {
    Deno.test(`${theme.name} (${leg.name} loader)`, async (test) => {
      await using site = new Site(leg.name === "native" ? withImportsOfGatehouse : asItIs);
      const placed = placeCases(theme, leg, site);
      const runs = await runAll(placed, await launcherOf(leg, site));
      for (const [index, each] of placed.entries()) {
        const { semanticsCase, place } = each;
        await test.step(`${semanticsCase.name} (${place})`, () => check(each, runs[index], leg));
      }
    });
  }
}

function placeCases({ name, cases }: Theme, leg: Leg, site: Site): PlacedCase[] {
  return cases.flatMap((each, index) => {
    if (each.except?.[leg.name] !== undefined) return [];
    const places = each.place === undefined ? ["local", "remote"] as const : [each.place];
    const slug = name.toLowerCase().replace(/\W+/g, "-");
    return places.map((place) => site.place(each, place, `${slug}-${index}-${place}`));
  });
}

/** Runs gateways for cases. */
interface Launcher {
  /** Starts one that will serve. */
  start(args: readonly string[], placed: PlacedCase): Promise<GatewayProcess>;
  /** Runs one that will not, to its end. */
  run(args: readonly string[], placed: PlacedCase): Promise<Outcome>;
}

async function launcherOf(leg: Leg, site: Site): Promise<Launcher> {
  const env: Record<string, string> = { GATEHOUSE_CACHE: `${site.folder}/.cache` };
  if (leg.name === "native") env.DENO_DIR = await freshDenoDir(site.folder);
  const commandLine = (args: readonly string[], placed: PlacedCase) => {
    const common = ["--workers", "1", "--http", "127.0.0.1:0", ...leg.args];
    if (placed.semanticsCase.permissions !== "default") common.push("--app-allow-all");
    const { denoArgs, ownArgs } = leg.name === "native"
      ? nativeArgs(args, placed)
      : { denoArgs: [], ownArgs: args };
    const at = leg.command.indexOf("run") + 1;
    return {
      command: leg.command.toSpliced(at, 0, ...denoArgs),
      args: [...ownArgs, ...common],
    };
  };
  return {
    start(args, placed) {
      const line = commandLine(args, placed);
      return startGateway(line.args, { command: line.command, env });
    },
    async run(args, placed) {
      const { command: [program, ...first], args: rest } = commandLine(args, placed);
      const child = new Deno.Command(program, {
        args: [...first, ...rest],
        env: { NO_COLOR: "1", ...env },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
        signal: AbortSignal.timeout(PATIENCE_MS),
      }).spawn();
      let stderr = "";
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        stderr += text;
        // One that serves, though it should not, would never end.
        if (/^ready$/m.test(stderr)) child.kill("SIGKILL");
      }
      return { kind: "ended", code: (await child.status).code, stderr };
    },
  };
}

/** A folder for Deno that knows the packages of the user's, but no remote module. */
async function freshDenoDir(folder: string): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
    stdin: "null",
  }).output();
  const denoDir = `${folder}/.deno`;
  await Deno.mkdir(denoDir);
  await Deno.symlink(JSON.parse(new TextDecoder().decode(stdout)).npmCache, `${denoDir}/npm`);
  return denoDir;
}

/** What Deno has to be told instead of gatehouse, which leaves import maps and settings to it. */
function nativeArgs(
  args: readonly string[],
  { semanticsCase: { files }, place, fill }: PlacedCase,
): { denoArgs: string[]; ownArgs: string[] } {
  const denoArgs = ["--quiet", "--unstable-raw-imports", "--unstable-worker-options"];
  const config = ["deno.json", "deno.jsonc"].find((name) => name in files);
  if (config !== undefined && place === "local") {
    denoArgs.push("--config", fill(`{folder}/${config}`));
  }
  const ownArgs: string[] = [];
  for (const arg of args) (arg.startsWith("--import-map=") ? denoArgs : ownArgs).push(arg);
  return { denoArgs, ownArgs };
}

/** Import maps rule gatehouse's own modules, too, when Deno loads them. */
function withImportsOfGatehouse(path: string, text: string): string {
  if (!/(?:^|\/)(?:deno\.jsonc?|\w*map\.json)$/.test(path) || /"importMap"/.test(text)) return text;
  const { imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
  const scope = `${JSON.stringify(ROOT.href)}: ${JSON.stringify(imports)}`;
  return /"scopes"\s*:\s*\{/.test(text)
    ? text.replace(/"scopes"\s*:\s*\{/, (start) => `${start} ${scope},`)
    : text.replace("{", `{ "scopes": { ${scope} },`).replace(/,\s*\}$/, "}");
}

function asItIs(_path: string, text: string): string {
  return text;
}

async function runAll(placed: readonly PlacedCase[], launcher: Launcher): Promise<Run[]> {
  const runs = new Map<PlacedCase, Run>();
  const isAlone = ({ semanticsCase: { args, fails, permissions, files } }: PlacedCase) =>
    args !== undefined || fails !== undefined || permissions !== undefined ||
    Object.keys(files).some((path) => /^deno\.jsonc?$/.test(path));
  const together = placed.filter((each) => !isAlone(each));
  const jobs = placed.filter(isAlone).map((each) => () => runAlone(each, launcher, runs));
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
    await gateway.logged(new RegExp(escaped(text)), 3_000).catch(() => {});
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

function check({ semanticsCase, place, fill }: PlacedCase, { outcome, log }: Run, leg: Leg): void {
  const { answer, remoteAnswer, fails, failsOwn, logs, status } = semanticsCase;
  if (fails !== undefined) {
    if (outcome.kind === "answered") throw new Error("it should not have been started to serve");
    if (/^ready$/m.test(outcome.stderr)) throw new Error("it should not have been loaded");
    assertEquals(outcome.code, 1, outcome.stderr);
    assertSays(outcome.stderr, fails, fill);
    if (leg.name !== "native") assertSays(outcome.stderr, failsOwn ?? [], fill);
    assertOneMessage(outcome.stderr);
    return;
  }
  if (outcome.kind === "ended") throw new Error(outcome.stderr);
  assertEquals(outcome.status, status ?? 200, `${outcome.text}\n${log.slice(-1_000)}`);
  const expected = place === "remote" && remoteAnswer !== undefined ? remoteAnswer : answer;
  if (expected !== undefined) {
    assertEquals(JSON.parse(outcome.text), JSON.parse(fill(JSON.stringify(expected))));
  }
  assertSays(log, logs ?? [], fill);
}

function assertSays(
  text: string,
  expectations: readonly (string | RegExp)[],
  fill: (text: string) => string,
): void {
  for (const expected of expectations) {
    if (typeof expected === "string") assertStringIncludes(text, fill(expected));
    else assertMatch(text, expected);
  }
}

/** Whoever reads it wants to know of the app, not of what is inside gatehouse or Deno. */
function assertOneMessage(stderr: string): void {
  const said = stderr.split("\n").filter((line) => line.startsWith("gatehouse:"));
  assertEquals(said.length, 1, stderr);
  for (const inside of [/\bext:/, /\/src\/(?:loader|worker|pool|cli)\//, /Uncaught/]) {
    assertEquals(inside.test(stderr), false, stderr);
  }
}
