/**
 * Makes the executable.
 *
 *     deno task compile [--target TRIPLE]… [--all] [--output FILE] [--libzmq FILE]…
 *
 * Without `--target` it is `dist/gatehouse`, for this system; for targets that are named it is
 * `dist/TRIPLE/gatehouse`. `--all` makes those of all targets that can be made, and says why the
 * others cannot. A `--libzmq` is embedded for the targets that it fits, together with what it needs
 * (from its own folder, or the system's); without one, that of this system is.
 *
 * What is rarely needed is attached to executables for Linux, so that it costs their start nothing; those
 * for other systems carry it like modules.
 *
 * `DENO_COMPILE` names another `deno` to compile with, and `DENORT_BIN` the base that it takes: for
 * the target that this one is for.
 *
 * @module
 */

// @ts-types="../src/types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { binaryFormat, TARGETS } from "./compile/binary_format.ts";
import type { Target } from "./compile/binary_format.ts";
import { collectLibraries, findLibzmq } from "./compile/libraries.ts";
import type { LibrarySet } from "./compile/libraries.ts";
import { attach } from "./compile/attachment.ts";
import { CodeError, makeCode } from "./compile/code.ts";
import { BundleError } from "./compile/script.ts";
import { carry, stageFiles, stageModules } from "./compile/stage.ts";
import type { Stage } from "./compile/stage.ts";

/**
 * What V8 may use for young objects in each thread, in MiB: of 16, its default, a thread keeps most once it
 * was busy. Requests are short, and a smaller space stays in the processor's caches.
 */
const YOUNG_SPACE_MEBIBYTES = 4;
const HELP = "deno task compile [--target TRIPLE]… [--all] [--output FILE] [--libzmq FILE]…";
const root = fileURLToPath(new URL("../", import.meta.url));

/** What the command line asks for. */
interface Order {
  readonly targets: readonly Target[];
  readonly missingTargets: "fail" | "report";
  readonly outputOf: (target: Target) => string;
  readonly libraries: readonly string[];
}

class UsageError extends Error {}

function readOrder(args: readonly string[]): Order {
  const options = parseArgs(args, {
    string: ["target", "output", "libzmq"],
    boolean: ["all"],
    collect: ["target", "libzmq"],
    unknown(arg: string) {
      throw new UsageError(`unknown argument ${arg}: ${HELP}`);
    },
  });
  const named = options.target as string[];
  for (const target of named) {
    if (!(TARGETS as readonly string[]).includes(target)) {
      throw new UsageError(`unknown target ${target}: known are ${TARGETS.join(", ")}`);
    }
  }
  const libraries = options.libzmq as string[];
  if (options.all && named.length > 0) throw new UsageError("--all takes no --target beside it");
  const targets = options.all ? TARGETS : named as Target[];
  const output = options.output as string | undefined;
  if (targets.length === 0) {
    const outputOf = () => output ?? `${root}dist/gatehouse`;
    return { targets: [hostTarget()], missingTargets: "fail", outputOf, libraries };
  }
  if (output !== undefined && targets.length > 1) {
    throw new UsageError("--output is for a single executable: give one --target");
  }
  const outputOf = (target: Target) => output ?? `${root}dist/${target}/gatehouse`;
  return { targets, missingTargets: options.all ? "report" : "fail", outputOf, libraries };
}

function hostTarget(): Target {
  const target = TARGETS.find((target) => target === Deno.build.target);
  if (target === undefined) throw new UsageError(`no executable is made for ${Deno.build.target}`);
  return target;
}

/** The libraries for each target; says what is embedded, and what is not. */
async function chooseLibraries({ targets, libraries }: Order): Promise<Map<Target, LibrarySet>> {
  const paths = new Map<Target, string>();
  for (const path of libraries) {
    const { description, targets: fitting } = binaryFormat(await readFile(path));
    const wanted = fitting.filter((target) => targets.includes(target));
    if (wanted.length === 0) {
      throw new UsageError(`--libzmq ${path} is ${description}, for none of ${targets.join(", ")}`);
    }
    for (const target of wanted) paths.set(target, path);
  }
  const chosen = new Map<Target, LibrarySet>();
  for (const target of targets) {
    const path = paths.get(target) ?? (libraries.length === 0 ? await findLibzmq(target) : null);
    if (path === null) {
      console.error(`${target}: no libzmq is embedded`);
      chosen.set(target, { files: [], missing: [] });
      continue;
    }
    const set = await collectLibraries(path, target);
    const others = set.files.slice(0, -1).map(({ name }) => name);
    console.error(
      `${target}: ${path} is embedded` +
        (others.length === 0 ? "" : `, with ${others.join(", ")}`) +
        (set.missing.length === 0 ? "" : `; NOT FOUND, so needed there: ${set.missing.join(", ")}`),
    );
    chosen.set(target, set);
  }
  return chosen;
}

async function readFile(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new UsageError(`--libzmq ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Compiles for one target; returns why not, if it cannot be done. */
async function compile(stage: Stage, target: Target, output: string): Promise<string | null> {
  const env = Deno.env.toObject();
  const base = env.DENORT_BIN;
  // It would be taken for any target.
  if (base && !binaryFormat(await beginning(base)).targets.includes(target)) delete env.DENORT_BIN;
  await Deno.mkdir(dirname(output), { recursive: true });
  const { success, stderr } = await new Deno.Command(env.DENO_COMPILE || Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--allow-all",
      // A question at the terminal would hold up the worker whose app is denied something.
      "--no-prompt",
      "--no-check",
      "--no-lock",
      `--v8-flags=--max-semi-space-size=${YOUNG_SPACE_MEBIBYTES}`,
      // It would be kept in a folder that all users can write to, under a name that all know.
      "--no-code-cache",
      "--config",
      `${stage.folder}/deno.json`,
      ...stage.included.flatMap((path) => ["--include", path]),
      "--target",
      target,
      "--output",
      output,
      stage.main,
    ],
    clearEnv: true,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  }).output();
  return success ? null : reasonIn(new TextDecoder().decode(stderr));
}

/** What V8 makes of the scripts: for this system alone, as they are run for it. */
async function codeOf(stage: Stage): Promise<Map<string, Uint8Array>> {
  try {
    return await makeCode(root, stage, (output) => compile(stage, hostTarget(), output));
  } catch (error) {
    if (!(error instanceof CodeError)) throw error;
    console.error(`the executable starts more slowly, as no code is embedded: ${error.message}`);
    return new Map();
  }
}

/** Compiles for one target, with files that are rarely needed; returns why not, if it cannot be done. */
async function compileWith(
  stage: Stage,
  rare: Map<string, Uint8Array>,
  target: Target,
  output: string,
): Promise<string | null> {
  if (target.includes("linux")) {
    const reason = await compile(stage, target, output);
    if (reason !== null || await attach(output, rare)) return reason;
    console.error(`${target}: this Deno makes executables that nothing can be attached to`);
  }
  await carry(stage, rare);
  return await compile(stage, target, output);
}

async function beginning(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(4096);
  return bytes.subarray(0, await file.read(bytes) ?? 0);
}

/** What `deno compile` says went wrong, on one line. */
function reasonIn(output: string): string {
  const text = output.split(/\n\s*\nStack backtrace/)[0].trim().split(/\s*\n\s*/).join(" ");
  return text || "deno compile says nothing";
}

async function run(order: Order): Promise<number> {
  const libraries = await chooseLibraries(order);
  const folder = await Deno.makeTempDir({ prefix: "gatehouse-compile-" });
  let made = 0;
  try {
    const stage = await stageModules(root, folder);
    const isForHost = (target: string) => target === Deno.build.target;
    const code = order.targets.some(isForHost) ? await codeOf(stage) : new Map();
    for (const target of order.targets) {
      const rare = await stageFiles(stage, libraries.get(target)!);
      if (isForHost(target)) { for (const [name, bytes] of code) rare.set(name, bytes); }
      const output = order.outputOf(target);
      const reason = await compileWith(stage, rare, target, output);
      if (reason !== null) {
        console.error(`${target}: cannot be made: ${reason}`);
        continue;
      }
      made++;
      const { size } = await Deno.stat(target.includes("windows") ? withExe(output) : output);
      console.error(`${target}: compiled ${output} (${(size / 1e6).toFixed(1)} MB)`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const enough = order.missingTargets === "report" ? 1 : order.targets.length;
  return made >= enough ? 0 : 1;
}

function withExe(path: string): string {
  return path.endsWith(".exe") ? path : `${path}.exe`;
}

try {
  Deno.exit(await run(readOrder(Deno.args)));
} catch (error) {
  if (!(error instanceof UsageError || error instanceof BundleError)) throw error;
  console.error(error.message);
  Deno.exit(error instanceof UsageError ? 2 : 1);
}
