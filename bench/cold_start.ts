/**
 * Cold starts, from the start of the process to its first response: the executable beside
 * `deno serve` with the same app.
 *
 *     deno task bench:cold [--executable FILE] [--rounds N] [--only APP]
 *
 * Rounds are interleaved, and the first one is a warm-up, which fills the cache of Deno and that of
 * gatehouse. "empty cache" is the executable with a new cache each time. Printed are medians, and
 * the medians of the ratios to `deno serve` in the same round: on a noisy machine, only the ratios
 * mean anything. If `DENO_COMPILE` names the Deno that the executable was made with, its `deno serve` is
 * measured, too: an older runtime starts more slowly. Then the size of the executable, beside that of its base if `DENORT_BIN` names it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { commandLine, text, whole } from "./command_line.ts";
import { freePort, median } from "./harness.ts";

const options = commandLine({
  usage: "bench:cold",
  about: "Cold starts of the executable, to the first response, beside deno serve.",
  options: {
    executable: text("FILE", "measure this one instead of making one"),
    rounds: whole(9, "rounds after the warm-up"),
    only: text("TEXT", "only apps whose names have this in them"),
  },
});
const { rounds } = options;
const root = fileURLToPath(new URL("../", import.meta.url));

const TIMEOUT_MS = 30_000;
/** How often a port is tried. */
const PAUSE_MS = 2;

const HELLO = "Hello, world!";
const HELLO_JS = `export default { fetch: () => new Response(${JSON.stringify(HELLO)}) };\n`;
const HELLO_TS = `const text: string = ${JSON.stringify(HELLO)};
export default { fetch: (_request: Request): Response => new Response(text) };\n`;
const REMOTE_TS = `import { text } from "./text.ts";
export default { fetch: (_request: Request): Response => new Response(text) };\n`;
const TEXT_TS = `export const text: string = ${JSON.stringify(HELLO)};\n`;
const HONO_TS = `import { Hono } from "npm:hono@4";
const app = new Hono();
app.get("/", (context) => context.text(${JSON.stringify(HELLO)}));
export default app;\n`;

const folder = await Deno.makeTempDir({ prefix: "gatehouse-bench-" });
const children = new Set<Deno.ChildProcess>();

/** The executable that is named, or else one that is made now. */
async function executable(): Promise<string> {
  if (options.executable !== undefined) return options.executable;
  const output = `${folder}/gatehouse`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${root}scripts/compile.ts`, "--output", output],
    stdin: "null",
  }).spawn().status;
  if (!success) throw new Error("there is no executable to measure");
  return output;
}

/** Milliseconds from the start of a command to its first response; a text says why there is none. */
async function firstResponse(
  command: readonly string[],
  env: Record<string, string>,
): Promise<number | string> {
  const port = freePort();
  const [program, ...args] = command.map((arg) => arg.replace("PORT", String(port)));
  const start = performance.now();
  const child = new Deno.Command(program, {
    args,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  children.add(child);
  let isRunning = true;
  const ended = child.status.then(() => isRunning = false);
  const log = new Response(child.stderr).text();
  try {
    for (;;) {
      const elapsedMs = performance.now() - start;
      if (!isRunning) return lastLine(await log);
      if (elapsedMs > TIMEOUT_MS) return "no response in time";
      if (await answers(port)) return performance.now() - start;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } finally {
    if (isRunning) child.kill("SIGKILL");
    await ended;
    await log;
    children.delete(child);
  }
}

function lastLine(log: string): string {
  return log.trim().split("\n").at(-1) || "it ended without a word";
}

/** Whether the app answers at `port`. */
async function answers(port: number): Promise<boolean> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
  try {
    await connection.write(
      new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    );
    const text = await new Response(connection.readable).text();
    if (!text.includes(HELLO)) throw new Error(`not the response that was expected: ${text}`);
    return true;
  } catch (error) {
    // A listener that is not served yet, say.
    if (error instanceof Deno.errors.ConnectionReset) return false;
    throw error;
  }
}

interface Contestant {
  readonly name: string;
  command(app: string): string[];
  env(): Promise<Record<string, string>>;
}

function contestants(program: string): Contestant[] {
  const serve = ["serve", "-A", "--no-check", "--no-lock", "--host=127.0.0.1", "--port=PORT"];
  const http = "--http=127.0.0.1:PORT";
  // The executable's base may be older than the Deno that runs this.
  const ownRuntime = Deno.env.get("DENO_COMPILE");
  const warm = () => Promise.resolve({ GATEHOUSE_CACHE: `${folder}/cache` });
  return [
    {
      name: "deno serve",
      command: (app) => [Deno.execPath(), ...serve, app],
      env: () => Promise.resolve({ DENO_NO_UPDATE_CHECK: "1" }),
    },
    {
      name: "deno serve --reload",
      command: (app) => [Deno.execPath(), ...serve, "--reload", app],
      env: () => Promise.resolve({ DENO_NO_UPDATE_CHECK: "1" }),
    },
    ...ownRuntime === undefined ? [] : [{
      name: "its runtime's deno serve",
      command: (app: string) => [ownRuntime, ...serve, app],
      env: () => Promise.resolve({ DENO_NO_UPDATE_CHECK: "1" }),
    }],
    {
      name: "executable --workers 2",
      command: (app) => [program, app, http, "--workers=2"],
      env: warm,
    },
    {
      name: "executable --workers 1",
      command: (app) => [program, app, http, "--workers=1"],
      env: warm,
    },
    {
      name: "executable --workers 0",
      command: (app) => [program, app, http, "--workers=0"],
      env: warm,
    },
    {
      name: "executable, empty cache",
      command: (app) => [program, app, http, "--workers=2"],
      env: async () => ({ GATEHOUSE_CACHE: await Deno.makeTempDir({ dir: folder }) }),
    },
  ];
}

async function measure(title: string, app: string, taking: Contestant[]): Promise<void> {
  const times = new Map<string, number[]>();
  const failures = new Map<string, string>();
  for (let round = 0; round <= rounds; round++) {
    for (const { name, command, env } of taking) {
      if (failures.has(name)) continue;
      const time = await firstResponse(command(app), await env());
      if (typeof time === "string") failures.set(name, time);
      else if (round > 0) times.set(name, [...times.get(name) ?? [], time]);
    }
  }
  console.log(`${title} (${rounds} rounds)`);
  const reference = times.get("deno serve");
  for (const { name } of taking) {
    const failure = failures.get(name);
    if (failure !== undefined) {
      console.log(`  ${name.padEnd(26)}not yet: ${failure}`);
      continue;
    }
    const own = times.get(name)!;
    const ratio = reference && median(own.map((time, round) => time / reference[round]));
    console.log(
      `  ${name.padEnd(26)}${median(own).toFixed(0).padStart(6)} ms` +
        (ratio === undefined ? "" : `${ratio.toFixed(2).padStart(8)} of deno serve`),
    );
  }
}

function printSizes(program: string): void {
  const { size } = Deno.statSync(program);
  const base = Deno.env.get("DENORT_BIN");
  const megabytes = `${(size / 1e6).toFixed(1)} MB`;
  if (!base) return console.log(`size: ${megabytes}; DENORT_BIN does not say what its base is`);
  const ratio = size / Deno.statSync(base).size;
  console.log(`size: ${megabytes}, ${ratio.toFixed(3)} of its base`);
}

const modules = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  (request) => {
    const text = new URL(request.url).pathname === "/text.ts" ? TEXT_TS : REMOTE_TS;
    return new Response(text, { headers: { "content-type": "application/typescript" } });
  },
);
try {
  const program = await executable();
  const files = { "hello.js": HELLO_JS, "hello.ts": HELLO_TS, "hono.ts": HONO_TS };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const apps: Record<string, string> = {
    "JavaScript from disk": `${folder}/hello.js`,
    "TypeScript from disk": `${folder}/hello.ts`,
    "TypeScript from a URL": `http://127.0.0.1:${modules.addr.port}/hello.ts`,
    "Hono from npm": `${folder}/hono.ts`,
  };
  for (const [title, app] of Object.entries(apps)) {
    if (options.only !== undefined && !title.includes(options.only)) continue;
    await measure(title, app, contestants(program));
  }
  printSizes(program);
} finally {
  for (const child of children) child.kill("SIGKILL");
  await modules.shutdown();
  await Deno.remove(folder, { recursive: true });
}
