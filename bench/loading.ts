/**
 * How long it takes to load packages of npm, and modules from URLs: from an empty cache, beside `deno cache`
 * with an empty `DENO_DIR`, with what that leaves on disk; and from a full one to the first response, beside
 * `deno serve`, for apps of files alone, too. The registry is a local one that asks the real one once, in the warm-up.
 * `deno task bench:loading --help` has the options.
 *
 * @module
 */

import { inTurns } from "./measuring/anew.ts";
import type { Bench, BenchOptions, Case, Goal } from "./measuring/bench.ts";
import { whole } from "./command_line.ts";
import { Executables } from "./measuring/executables.ts";
import { freePort } from "./measuring/harness.ts";
import { firstResponse } from "./loads/first_response.ts";
import { bytesBelow, oneRun } from "./loads/one_run.ts";
import { CachingRegistry } from "./loads/registry.ts";
import { EXECUTABLE, runAlone } from "./main.ts";
import type { Contestant } from "./measuring/processes.ts";

/** What the apps import. */
const PACKAGES: readonly string[] = [
  "chalk@5.6.2",
  "zod@4.1.12",
  "lodash@4.17.21",
  "hono@4.10.4",
  "express@5.1.0",
  "date-fns@4.1.0",
  "drizzle-orm@0.44.6",
  "@sentry/node@10.20.0",
];

/** Modules in the graph of URLs, each of which imports some of the next ones. */
const URL_MODULES = 200;
const IMPORTS = 3;

const HELLO = "Hello, world!";
const SERVES = `export default { fetch: () => new Response(${JSON.stringify(HELLO)}) };\n`;

const DENO_CACHE = "deno cache";
const DENO_SERVE = "deno serve";

const cold: readonly Goal[] = [
  { workers: 0, figure: "wallMs", atMost: 1.5 },
  { workers: 0, figure: "diskMB", atMost: 1.2 },
];
const warm: readonly Goal[] = ["startMs" as const, "cpuMs" as const].flatMap((figure) => [
  { workers: 0, figure, atMost: 1.5 },
  { workers: 1, figure, atMost: 1.5 },
]);

/** Loading. */
export const loadingBench: Bench = {
  name: "loading",
  async cases(folder, options) {
    const loads = new Loads(folder, options);
    const apps: [name: string, app: string][] = [];
    for (const specifier of PACKAGES) {
      const app = `${folder}/${specifier.replaceAll(/\W/g, "_")}.js`;
      await Deno.writeTextFile(app, `import * as m from "npm:${specifier}";\nvoid m;\n${SERVES}`);
      apps.push([specifier, app]);
    }
    const port = freePort();
    apps.push([`${URL_MODULES} modules`, `http://127.0.0.1:${port}/0.ts`]);
    const plain = `${folder}/hello.js`;
    await Deno.writeTextFile(plain, SERVES);
    const typed = `${folder}/hello.ts`;
    await Deno.writeTextFile(`${folder}/text.ts`, moduleText(URL_MODULES - 1));
    await Deno.writeTextFile(typed, `import { sum } from "./text.ts";\nvoid sum;\n${SERVES}`);
    const local: typeof apps = [["no package", plain], ["TypeScript", typed]];
    const kinds = options.executable === undefined ? [SOURCE] : [SOURCE, EXECUTABLE_KIND];
    return kinds.flatMap((kind) => [
      ...apps.map(([name, app]) => loads.cold(`${name}, empty cache${kind}`, app, port)),
      ...[...local, ...apps].map(([name, app]) =>
        loads.warm(`${name}, full cache${kind}`, app, port)
      ),
    ]);
  },
};

/** What the names of cases end in. */
const SOURCE = "";
const EXECUTABLE_KIND = ", executable";

/** Makes the cases. */
class Loads {
  readonly #folder: string;
  readonly #executables: Executables;
  #fullCaches = 0;

  constructor(folder: string, { executable }: BenchOptions) {
    this.#folder = folder;
    this.#executables = new Executables(folder, executable);
  }

  /** Fills an empty cache. */
  cold(name: string, app: string, port: number): Case {
    return {
      name,
      goals: cold,
      workers: [0],
      peers: [DENO_CACHE],
      peer: (_peer, name) => ({
        name,
        port: 0,
        command: [Deno.execPath(), "cache", "--no-lock", "--allow-import", app],
      }),
      gatehouse: async (contestant, folder) => ({
        name: contestant,
        port: 0,
        command: [...await this.#program(name, folder), "cache", app],
      }),
      measure: (contestants, options) =>
        this.#served(port, (env) =>
          inTurns(contestants, options, async (contestant) => {
            // It stays until the end: where many files have just been removed, a file system may take ten
            // times as long to make one (ext4 looks for inodes that were not in use a moment ago).
            const cache = await Deno.makeTempDir({ dir: this.#folder });
            const cost = await oneRun({
              ...contestant,
              env: { ...env, ...placed(contestant, cache) },
            });
            return { ...cost, diskMB: await bytesBelow(cache) / 1e6 };
          })),
    };
  }

  /** Answers with the modules of the run before. */
  warm(name: string, app: string, port: number): Case {
    return {
      name,
      goals: warm,
      workers: [0, 1],
      peers: [DENO_SERVE],
      peer(_peer, name) {
        const port = freePort();
        const args = ["-A", "--no-check", "--no-lock", "--host=127.0.0.1", `--port=${port}`];
        return { name, port, command: [Deno.execPath(), "serve", ...args, app] };
      },
      gatehouse: async (contestant, folder, workers) => {
        const port = freePort();
        const args = [app, `--http=127.0.0.1:${port}`, `--workers=${workers}`];
        const command = [...await this.#program(name, folder), ...args];
        return { name: contestant, port, command };
      },
      measure: (contestants, options) => {
        const cache = `${this.#folder}/full-${this.#fullCaches++}`;
        Deno.mkdirSync(cache);
        return this.#served(
          port,
          (env) =>
            inTurns(contestants, options, (contestant) =>
              firstResponse(
                { ...contestant, env: { ...env, ...placed(contestant, cache) } },
                HELLO,
              )),
        );
      },
    };
  }

  async #program(name: string, folder: string): Promise<readonly string[]> {
    if (name.endsWith(EXECUTABLE_KIND)) return [await this.#executables.of(folder)];
    // Without its lock, Deno would choose gatehouse's own packages again at each start.
    return [Deno.execPath(), "run", "-A", "--no-check", "--frozen", `${folder}/cli.ts`];
  }

  /** Measures with the registry, and the modules at `port`, at hand. */
  async #served<T>(
    port: number,
    measure: (env: Readonly<Record<string, string>>) => Promise<T>,
  ): Promise<T> {
    registry ??= new CachingRegistry();
    await using _modules = serveModules(port);
    return await measure({
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      NPM_CONFIG_REGISTRY: registry.url,
    });
  }
}

/** One for all cases, as it remembers. */
let registry: CachingRegistry | undefined;

/** What makes a program keep what it loads in `cache`. What gatehouse from source is made of stays elsewhere. */
function placed({ name }: Contestant, cache: string): Record<string, string> {
  return name.startsWith("deno ") ? { DENO_DIR: cache } : { GATEHOUSE_CACHE: cache };
}

/** Modules of TypeScript, the first of which is an app. */
function serveModules(port: number): AsyncDisposable {
  return Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, (request) => {
    const [, digits] = /^\/(\d+)\.ts$/.exec(new URL(request.url).pathname) ?? [];
    if (digits === undefined) return new Response(null, { status: 404 });
    return new Response(moduleText(Number(digits)), {
      headers: { "content-type": "application/typescript" },
    });
  });
}

function moduleText(number: number): string {
  const next = Array.from({ length: IMPORTS }, (_, i) => number * IMPORTS + i + 1)
    .filter((each) => each < URL_MODULES);
  const imports = next.map((each) => `import { sum as sum${each} } from "./${each}.ts";\n`);
  const terms = [String(number), ...next.map((each) => `sum${each}(values)`)];
  return `${imports.join("")}
/** Adds up what there is. */
export interface Values { readonly first: number; readonly second?: string }
export function sum(values: Values): number {
  const length: number = (values.second as string | undefined)?.length ?? 0;
  return values.first + length + ${terms.join(" + ")};
}
${number === 0 ? SERVES : ""}`;
}

if (import.meta.main) {
  await runAlone(loadingBench, {
    task: "bench:loading",
    about:
      `With an empty cache, the time and the CPU time of 'gatehouse cache' and 'deno cache' for an
app that imports a package, and what they leave on disk; with a full one, the time from the
start of the process to the app's first response, and the CPU time until then. Gatehouse runs from source, and, with
--executable, also as that executable.`,
    options: { ...EXECUTABLE, rounds: whole(5, "rounds after the warm-up") },
  });
}
