/**
 * Has V8 make code of the scripts of an executable, by a program that starts as this does, and serves.
 *
 * @module
 */

import { CODE_SUFFIX } from "../../src/embedded_scripts.ts";
import { CODE_FOLDER, REQUEST_FILE } from "./keep_code.ts";
import type { Stage } from "./stage.ts";
import { carry, stageScripts } from "./stage.ts";
import { TYPESCRIPT_FILE } from "./typescript.ts";

const TIMEOUT_MS = 30_000;
const PERIOD_MS = 20;
const REQUESTS = 3;

/** An app like any: what its start and its requests need is part of the code. */
const APP = `import { text } from "./text.js";
import type { Text } from "./types.ts";
export default { fetch: (_request: Request): Response => new Response(text satisfies Text) };
`;
const FILES = {
  "app.ts": APP,
  "text.js": 'export const text = "Hello, world!";\n',
  "types.ts": "export type Text = string;\n",
};

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
    const program = `${folder}/program`;
    const reason = await compile(program);
    if (reason !== null) throw new CodeError(reason);
    for (const [name, text] of Object.entries(FILES)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const names = [...stage.scripts.map(({ name }) => `${name}.js`), TYPESCRIPT_FILE];
    return await codeFrom(program, folder, names.map((name) => name + CODE_SUFFIX));
  } finally {
    await stageScripts(root, stage, "run");
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs `program` until it has served, and takes the code files that it leaves in `folder`. */
async function codeFrom(
  program: string,
  folder: string,
  names: readonly string[],
): Promise<Map<string, Uint8Array>> {
  const child = new Deno.Command(program, {
    args: [`${folder}/app.ts`, "--http=127.0.0.1:0", "--workers=1"],
    env: { [CODE_FOLDER]: folder, GATEHOUSE_CACHE: `${folder}/cache`, NO_COLOR: "1" },
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
    await Deno.writeTextFile(`${folder}/${REQUEST_FILE}`, "");
    while (!names.every((name) => isThere(`${folder}/${name}`))) {
      if (!isRunning) throw new CodeError("the program that is to make it has ended");
      await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
    }
  } finally {
    clearTimeout(deadline);
    end();
    await ended;
  }
  return new Map(names.map((name) => [name, Deno.readFileSync(`${folder}/${name}`)]));
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
