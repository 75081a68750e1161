/** Apps that tell which version they are, and a gateway on this thread that loads them anew. */

import type { LoadableApps, ReloadOutcome } from "../../src/gateway/generations.ts";
import type { ExchangeHandler } from "../../src/message/exchange.ts";
import { NOTHING_RESERVED } from "../../src/sandbox/rules.ts";
import { Generations } from "../../src/gateway/generations.ts";
import { checkHealth } from "../../src/gateway/health_check.ts";
import { HttpEndpoint } from "../../src/http1/endpoint.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { DEFAULT_WORKER_LIMITS } from "../../src/limits/worker_limits.ts";
import { Hub } from "../../src/signals/hub.ts";
import { LocalSwitchboard } from "../../src/signals/switchboard.ts";
import { MemoryTopicStore } from "../../src/signals/topic_store.ts";
import { RawClient } from "./raw_client.ts";

/** Time after which a test stops to wait for something, in milliseconds. */
const PATIENCE_MS = 90_000;

/** The header that says the generation. */
export const GENERATION = "x-generation";

/**
 * Source of an app. Each answer has the version, and the token of its request:
 *
 * - `/stream?parts=&ms=` in so many parts, with pauses
 * - `/gated?file=` not before the file exists, and whether the signal has fired
 * - `/gated-stream?file=` a first line before, the rest after it exists
 * - `/upload` after the body, with its length
 * - `/background?file=&go=` at once; writes the first file when the second one exists
 * - `/hang` never; `/throw` 500; `/crash` and `/crash-later` end the worker
 * - `/status?code=` with that status
 */
export function appSource(version: number | string): string {
  return `const version = ${JSON.stringify(String(version))};
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const encoder = new TextEncoder();
async function appears(file: string): Promise<void> {
  while (!await Deno.stat(file).catch(() => null)) await sleep(10);
}
function streamed(pull: (at: number) => Promise<string | null>): Response {
  let at = 0;
  return new Response(
    new ReadableStream({
      async pull(controller) {
        const text = await pull(at++);
        if (text === null) controller.close();
        else controller.enqueue(encoder.encode(text));
      },
    }, { highWaterMark: 0 }),
  );
}
export default {
  async fetch(request: Request, context: any): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const ask = (name: string) => searchParams.get(name) ?? "";
    const token = ask("token");
    const answer = \`\${version} \${token}\`;
    switch (pathname) {
      case "/stream": {
        const parts = Number(ask("parts"));
        return streamed(async (at) => {
          if (at === parts) return null;
          await sleep(Number(ask("ms")));
          return \`\${answer} \${at}\\n\`;
        });
      }
      case "/gated": {
        const { signal } = context;
        await appears(ask("file"));
        return new Response(\`\${answer} \${signal.aborted}\`);
      }
      case "/gated-stream": {
        const { signal } = context;
        return streamed(async (at) => {
          if (at === 0) return \`\${answer} first\\n\`;
          if (at === 2) return null;
          await appears(ask("file"));
          return \`\${answer} last \${signal.aborted}\\n\`;
        });
      }
      case "/upload": {
        let bytes = 0;
        for await (const chunk of request.body ?? []) bytes += chunk.length;
        return new Response(\`\${answer} \${bytes} \${context.signal.aborted}\`);
      }
      case "/background":
        context.waitUntil(
          appears(ask("go")).then(() => Deno.writeTextFile(ask("file"), answer)),
        );
        return new Response(answer);
      case "/hang":
        await new Promise(() => {});
        break;
      case "/throw":
        throw new Error("thrown on purpose");
      case "/crash":
        setTimeout(() => {
          throw new Error("uncaught on purpose");
        });
        await new Promise(() => {});
        break;
      case "/crash-when":
        appears(ask("file")).then(() => setTimeout(() => {
          throw new Error("uncaught on purpose");
        }));
        await new Promise(() => {});
        break;
      case "/status":
        return new Response(null, { status: Number(ask("code")) });
    }
    return new Response(answer);
  },
};
`;
}

/** Waits until `question` is answered with something, and fails if that does not come. */
export async function until<Answer>(
  what: string,
  question: () => Answer | Promise<Answer>,
): Promise<NonNullable<Answer>> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    const answer = await question();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`it never came true that ${what}`);
}

/** Makes a step of each of `cases`, all at the same time: they mostly wait. */
export async function allAtOnce<Case>(
  test: Deno.TestContext,
  cases: Readonly<Record<string, Case>>,
  body: (each: Case, name: string) => Promise<void>,
): Promise<void> {
  // What one of them leaves behind, the test around them has, too.
  const sanitizers = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(
    Object.entries(cases).map(([name, each]) =>
      test.step({ name, fn: () => body(each, name), ...sanitizers })
    ),
  );
}

/** Generations behind an HTTP endpoint, on this thread. */
export class ReloadLab implements AsyncDisposable {
  readonly generations: Generations;
  readonly port: number;
  readonly folder: string;
  readonly log: readonly string[];
  readonly #endpoint: HttpEndpoint;

  private constructor(
    generations: Generations,
    endpoint: HttpEndpoint,
    folder: string,
    log: readonly string[],
  ) {
    this.generations = generations;
    this.#endpoint = endpoint;
    this.port = (endpoint.address as Deno.NetAddr).port;
    this.folder = folder;
    this.log = log;
  }

  /** Starts it with the first version of the app. `prepare` may do something else than to load `app.ts`. */
  static async start(options: {
    readonly workers?: number;
    readonly drainTimeoutMs?: number;
    /** Path that new generations are asked for, or what they are checked with. */
    readonly healthCheck?: string | ((handler: ExchangeHandler) => Promise<void>);
    readonly prepare?: (usual: () => LoadableApps, folder: string) => Promise<LoadableApps>;
  } = {}): Promise<ReloadLab> {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/app.ts`, appSource(1));
    const lines: string[] = [];
    const log = (_level: string, text: string) => lines.push(text);
    const { workers = 1, drainTimeoutMs = PATIENCE_MS, healthCheck, prepare } = options;
    const usual = () => loadable(`file://${folder}/app.ts`, workers);
    const generations = await Generations.start({
      prepare: async () => [await (prepare?.(usual, folder) ?? usual())],
      maxHeadBytes: 65_536,
      drainTimeoutMs,
      hasRoom: () => true,
      reserved: NOTHING_RESERVED,
      headerName: GENERATION,
      workerLimits: DEFAULT_WORKER_LIMITS,
      sendFile: (_, exchange) => exchange.fail(500),
      switchboard: new LocalSwitchboard(new Hub(new MemoryTopicStore())),
      checkHealth: typeof healthCheck === "string"
        ? (handler) => checkHealth(handler, [healthCheck], PATIENCE_MS)
        : healthCheck,
      log,
    });
    await generations.complete;
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const endpoint = new HttpEndpoint(listener, "http", generations, DEFAULT_HTTP_LIMITS, log);
    return new ReloadLab(generations, endpoint, folder, lines);
  }

  /** Path of a file. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Puts another version of the app into place. */
  async version(version: number | string): Promise<void> {
    await Deno.writeTextFile(this.path("app.ts"), appSource(version));
  }

  /** Makes a file that the app waits for. */
  async make(name: string): Promise<string> {
    await Deno.writeTextFile(this.path(name), "");
    return this.path(name);
  }

  /** Loads the app anew. */
  reload(reason = "a test"): Promise<ReloadOutcome> {
    return this.generations.reload(reason);
  }

  /** A new connection. */
  connect(): Promise<RawClient> {
    return RawClient.connect(this.port);
  }

  /** Status, generation and body of the answer to a request of its own connection. */
  async ask(path: string, method = "GET"): Promise<[number, string | null, string]> {
    using client = await this.connect();
    await client.send(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const { status, headers, body } = await client.receive(
      method === "HEAD" ? "head" : "response",
    );
    return [status, headers.get(GENERATION), body];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endpoint[Symbol.asyncDispose]();
    this.generations.terminate();
    await removeFolder(this.folder);
  }
}

/** Removes a folder where a worker that has just ended may still have put something. */
async function removeFolder(folder: string): Promise<void> {
  await until("the folder is gone", async () => {
    try {
      await Deno.remove(folder, { recursive: true });
      return true;
    } catch (error) {
      // ENOTEMPTY has no class of its own.
      if (error instanceof Error && error.message.includes("(os error 39)")) return null;
      throw error;
    }
  });
}

/** An app as its workers are to load it, natively. */
export function loadable(url: string, workers = 1, prefix = ""): LoadableApps {
  const source = { url, exportName: "default", kind: "plain", settings: {} } as const;
  return {
    workers,
    apps: { mounts: [{ ...source, prefix, middleware: [] }], faultReports: "none" },
    permissions: "inherit",
    modules: null,
  };
}
