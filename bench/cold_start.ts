/**
 * Cold starts of the executable, with workers 0, 1 and 2, from the start of the process to its first
 * response, beside `deno serve` with the same app; and from an empty cache, beside `deno run --reload`.
 * `deno task bench:cold --help` has the options.
 *
 * If `DENO_COMPILE` names the Deno that the executable was made with, its `deno serve` is measured, too: an
 * older runtime starts more slowly.
 *
 * @module
 */

import { inTurns } from "./measuring/anew.ts";
import type { Bench, BenchOptions, Case, Goal } from "./measuring/bench.ts";
import { whole } from "./command_line.ts";
import { Executables } from "./measuring/executables.ts";
import { freePort } from "./measuring/harness.ts";
import { firstResponse } from "./loads/first_response.ts";
import type { StartCost } from "./loads/first_response.ts";
import { EXECUTABLE, runAlone } from "./main.ts";
import type { Contestant } from "./measuring/processes.ts";

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

const DENO_SERVE = "deno serve";
const RELOAD = "deno run --reload";
const ITS_RUNTIME = "its runtime's deno serve";

/** With the cache of the start before. */
const warm: readonly Goal[] = [[0, 1.5], [1, 2.2], [2, 2.5]].map(([workers, atMost]) => ({
  workers,
  figure: "startMs",
  atMost,
}));
const empty: readonly Goal[] = [0, 1, 2].map((workers) => ({
  workers,
  figure: "startMs",
  atMost: 5,
}));

/** Cold starts. */
export const coldStartBench: Bench = {
  name: "cold start",
  async cases(folder, options) {
    const files = { "hello.js": HELLO_JS, "hello.ts": HELLO_TS, "hono.ts": HONO_TS };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const starts = new Starts(folder, options);
    const modulesPort = freePort();
    const [script, remote] = [
      `${folder}/hello.js`,
      `http://127.0.0.1:${modulesPort}/hello.ts`,
    ];
    const served = (measure: Case["measure"]): Case["measure"] => async (...args) => {
      await using _modules = serveModules(modulesPort);
      return await measure(...args);
    };
    const [fromUrl, fromUrlAnew] = [
      starts.warm("TypeScript from a URL", remote),
      starts.empty("TypeScript from a URL, empty cache", remote, empty),
    ];
    return [
      starts.warm("JavaScript from disk", script, warm),
      starts.warm("TypeScript from disk", `${folder}/hello.ts`, warm),
      { ...fromUrl, measure: served(fromUrl.measure) },
      starts.warm("Hono from npm", `${folder}/hono.ts`),
      starts.empty("JavaScript from disk, empty cache", script, empty),
      { ...fromUrlAnew, measure: served(fromUrlAnew.measure) },
    ];
  },
};

/** The modules that come from a URL. */
function serveModules(port: number): AsyncDisposable {
  return Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, (request) => {
    const text = new URL(request.url).pathname === "/text.ts" ? TEXT_TS : REMOTE_TS;
    return new Response(text, { headers: { "content-type": "application/typescript" } });
  });
}

/** Makes the cases, and executables for them. */
class Starts {
  readonly #folder: string;
  readonly #executables: Executables;

  constructor(folder: string, { executable }: BenchOptions) {
    this.#folder = folder;
    this.#executables = new Executables(folder, executable);
  }

  /** Starts with what the start before has left in the cache. */
  warm(name: string, app: string, goals?: readonly Goal[]): Case {
    const runtime = Deno.env.get("DENO_COMPILE");
    const peers = [DENO_SERVE, ...runtime === undefined ? [] : [ITS_RUNTIME]];
    return {
      name,
      goals,
      peers,
      references: peers,
      peer(peer, name) {
        const port = freePort();
        const program = peer === ITS_RUNTIME ? runtime! : Deno.execPath();
        const args = ["-A", "--no-check", "--no-lock", "--host=127.0.0.1", `--port=${port}`];
        return { name, port, command: [program, "serve", ...args, app] };
      },
      gatehouse: (name, folder, workers) => this.#gatehouse(name, folder, app, workers),
      measure: (contestants, options) =>
        inTurns(
          contestants,
          options,
          (contestant) => this.#start(contestant, `${this.#folder}/cache`),
        ),
    };
  }

  /** Starts with a new cache each. */
  empty(name: string, app: string, goals: readonly Goal[]): Case {
    return {
      name,
      goals,
      peers: [RELOAD],
      peer: (_peer, name) => {
        const port = freePort();
        const script = `${this.#folder}/serve-${port}.js`;
        Deno.writeTextFileSync(
          script,
          `import app from ${JSON.stringify(app)};
Deno.serve({ hostname: "127.0.0.1", port: ${port} }, app.fetch);\n`,
        );
        const args = ["run", "-A", "--no-check", "--no-lock", "--reload", script];
        return { name, port, command: [Deno.execPath(), ...args] };
      },
      gatehouse: (name, folder, workers) => this.#gatehouse(name, folder, app, workers),
      measure: (contestants, options) =>
        inTurns(contestants, options, async (contestant) => {
          const cache = await Deno.makeTempDir({ dir: this.#folder });
          try {
            return await this.#start(contestant, cache);
          } finally {
            await Deno.remove(cache, { recursive: true });
          }
        }),
    };
  }

  async #start(contestant: Contestant, cache: string): Promise<StartCost> {
    const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", GATEHOUSE_CACHE: cache };
    return await firstResponse({ ...contestant, env }, HELLO);
  }

  async #gatehouse(
    name: string,
    folder: string,
    app: string,
    workers: number,
  ): Promise<Contestant> {
    const port = freePort();
    const program = await this.#executables.of(folder);
    return {
      name,
      port,
      command: [program, app, `--http=127.0.0.1:${port}`, `--workers=${workers}`],
    };
  }
}

if (import.meta.main) {
  await runAlone(coldStartBench, {
    task: "bench:cold",
    about: `A table for each app
and reference has the time from the start of the process to its first response, and the
ratios to the reference in neighbouring samples (median and quartiles). Executables are
made of both revisions, unless one of this gatehouse is named.`,
    options: { ...EXECUTABLE, rounds: whole(9, "rounds after the warm-up") },
  });
}
