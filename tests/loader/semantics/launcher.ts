/** Starts gatehouse for cases, on one of the legs of the table. */

import { FROM_SOURCE, startGateway } from "../../support/gateway.ts";
import type { GatewayProcess } from "../../support/gateway.ts";
import type { LegName } from "./case.ts";
import type { PlacedCase, Site } from "./site.ts";
import { linesOf } from "../../support/streams.ts";

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

/** gatehouse from source, with its built-in loader. */
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

/** What became of a case: "refused" is one that a running gateway could not load. */
export type Outcome =
  | { readonly kind: "answered"; readonly status: number; readonly text: string }
  | { readonly kind: "refused"; readonly log: string }
  | { readonly kind: "ended"; readonly code: number; readonly stderr: string };

/** Time after which a case has failed, in milliseconds. */
export const PATIENCE_MS = 90_000;

/** Options of all gateways. */
const COMMON_ARGS = ["--workers", "1", "--http", "127.0.0.1:0"];

/** What Deno needs where its loader is used. */
const NATIVE_ARGS = ["--quiet", "--unstable-raw-imports", "--unstable-worker-options"];

/** Runs gateways for cases. */
export interface Launcher {
  /** Starts one that will serve one case, or others like it. */
  start(args: readonly string[], placed: PlacedCase): Promise<GatewayProcess>;
  /** Starts one that does what a configuration file says. */
  startConfigured(path: string): Promise<GatewayProcess>;
  /** Whether a case needs a gateway that is told of it on its command line. */
  needsOwnStart(placed: PlacedCase): boolean;
  /** Runs one that will not, to its end. */
  run(args: readonly string[], placed: PlacedCase): Promise<Outcome>;
}

/** What starts gateways on a leg. */
export async function launcherOf(leg: Leg, site: Site): Promise<Launcher> {
  const env: Record<string, string> = { GATEHOUSE_CACHE: `${site.folder}/.cache` };
  if (leg.name === "native") env.DENO_DIR = await freshDenoDir(site.folder);
  const commandLine = (args: readonly string[], placed: PlacedCase) => {
    const common = [...COMMON_ARGS, ...leg.args];
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
    startConfigured(path) {
      const at = leg.command.indexOf("run") + 1;
      const denoArgs = leg.name === "native" ? NATIVE_ARGS : [];
      const command = leg.command.toSpliced(at, 0, ...denoArgs);
      return startGateway([`--config=${path}`, ...COMMON_ARGS, ...leg.args], { command, env });
    },
    // Deno is told of its settings when it starts.
    needsOwnStart: ({ semanticsCase: { files }, place }) =>
      leg.name === "native" && place === "local" && denoConfigOf(files) !== undefined,
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
      for await (const line of linesOf(child.stderr)) {
        stderr += `${line}\n`;
        // One that serves, though it should not, would never end.
        if (line === "ready") child.kill("SIGKILL");
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

/** The name of the settings among the files of a case. */
export function denoConfigOf(files: PlacedCase["semanticsCase"]["files"]): string | undefined {
  return ["deno.json", "deno.jsonc"].find((name) => name in files);
}

/** What Deno has to be told instead of gatehouse, which leaves import maps and settings to it. */
function nativeArgs(
  args: readonly string[],
  { semanticsCase: { files }, place, fill }: PlacedCase,
): { denoArgs: string[]; ownArgs: string[] } {
  const denoArgs = [...NATIVE_ARGS];
  const config = denoConfigOf(files);
  if (config !== undefined && place === "local") {
    denoArgs.push("--config", fill(`{folder}/${config}`));
  }
  const ownArgs: string[] = [];
  for (const arg of args) (arg.startsWith("--import-map=") ? denoArgs : ownArgs).push(arg);
  return { denoArgs, ownArgs };
}
