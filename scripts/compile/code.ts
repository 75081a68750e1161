/**
 * Has V8 make code of the scripts of an executable, by a program that starts as this does, and serves.
 *
 * @module
 */

import { CODE_SUFFIX } from "../../src/base/embedded_files.ts";
import { CODE_FOLDER, REQUEST_FILE } from "./keep_code.ts";
import { SAMPLE_PACKAGE, serveSamples } from "./sample_registry.ts";
import type { Stage } from "./stage.ts";
import { carry, stageScripts } from "./stage.ts";
import { TYPESCRIPT_FILE } from "./typescript.ts";

const TIMEOUT_MS = 30_000;
const PERIOD_MS = 20;
const REQUESTS = 3;

/** An app like any: what its start and its requests need is part of the code. */
const APP = `import { text } from "./text.js";
import { part } from "${SAMPLE_PACKAGE}";
import type { Text } from "./types.ts";
export default { fetch: (_request: Request): Response => new Response(text + part satisfies Text) };
`;
const FILES = {
  "app.ts": APP,
  "text.js": 'export const text = "Hello, world!";\n',
  "types.ts": "export type Text = string;\n",
};

/** What is run: the first time with an empty cache. */
const RUNS = [
  {
    // With something that the first script lacks, and leave for the worker to keep its code.
    args: (folder: string) => [
      "--workers=1",
      "--access-log=/dev/null",
      `--app-allow-read=${folder}`,
      `--app-allow-write=${folder}`,
      "--app-allow-env",
      "--app-allow-net",
    ],
    scripts: [
      "gatehouse.js",
      "gatehouse_late.js",
      "loader_thread_service.js",
      "worker_main.js",
      TYPESCRIPT_FILE,
    ],
  },
  { args: () => ["--workers=0"], scripts: ["gatehouse.js"] },
];

/** No code could be made. */
export class CodeError extends Error {}

/**
 * Makes the code of all scripts of `stage`; returns it by the names of the files for it. `compile` makes an
 * executable for this system of what is in the stage, or says why not.
 *
 * @throws {CodeError} when it cannot be made
 */
export async function makeCode(
  root: string,
  stage: Stage,
  compile: (output: string) => Promise<string | null>,
): Promise<Map<string, Uint8Array>> {
  const folder = await Deno.makeTempDir({ prefix: "gatehouse-code-" });
  try {
    await stageScripts(root, stage, "make code");
    await Deno.mkdir(`${stage.folder}/src/lib`, { recursive: true });
    await carry(stage, stage.rare);
    for (const [name, text] of Object.entries(FILES)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const program = `${folder}/program`;
    const code = new Map<string, Uint8Array>();
    for (const { args, scripts } of RUNS) {
      // It begins with the code of the run before, and adds to it.
      await carry(stage, code);
      const reason = await compile(program);
      if (reason !== null) throw new CodeError(reason);
      const names = scripts.map((name) => name + CODE_SUFFIX);
      for (const [name, bytes] of await codeFrom(program, folder, args(folder), names)) {
        code.set(name, bytes);
      }
    }
    return code;
  } finally {
    await stageScripts(root, stage, "run");
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs `program` until it has served, and takes the code files that it leaves; `folder` has the app. */
async function codeFrom(
  program: string,
  folder: string,
  args: readonly string[],
  names: readonly string[],
): Promise<Map<string, Uint8Array>> {
  const codeFolder = await Deno.makeTempDir({ dir: folder });
  await using registry = serveSamples();
  const child = new Deno.Command(program, {
    args: [`${folder}/app.ts`, "--http=127.0.0.1:0", ...args],
    env: {
      [CODE_FOLDER]: codeFolder,
      GATEHOUSE_CACHE: `${folder}/cache`,
      NPM_CONFIG_REGISTRY: `http://127.0.0.1:${registry.addr.port}/`,
      NO_COLOR: "1",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let isRunning = true;
  const ended = child.status.then(() => isRunning = false);
  const end = () => isRunning && child.kill("SIGKILL");
  const deadline = setTimeout(end, TIMEOUT_MS);
  try {
    const url = await announcedUrl(child.stderr);
    for (let i = 0; i < REQUESTS; i++) await (await fetch(url)).text();
    await Deno.writeTextFile(`${codeFolder}/${REQUEST_FILE}`, "");
    while (!names.every((name) => isThere(`${codeFolder}/${name}`))) {
      if (!isRunning) throw new CodeError("the program that is to make it has ended");
      await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
    }
  } finally {
    clearTimeout(deadline);
    end();
    await ended;
  }
  return new Map(names.map((name) => [name, Deno.readFileSync(`${codeFolder}/${name}`)]));
}

/** The address that the program says it listens at. */
async function announcedUrl(output: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of output.values({ preventCancel: true })) {
    text += decoder.decode(piece, { stream: true });
    const [, url] = /^listening (http:\S+)$/m.exec(text) ?? [];
    if (url !== undefined) return url;
  }
  throw new CodeError(`the program that is to make it does not serve: ${text.trim()}`);
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
