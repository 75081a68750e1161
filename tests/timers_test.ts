/**
 * Timers of the platform that are set to more than 2^31 - 1 ms fire at once (HTML 8.6: a signed 32-bit
 * delay): nothing in `src` sets one to what it was given without a look at it.
 */
import ts from "typescript";
import { FastCgiClient, FastCgiServer, serve } from "../mod.ts";
import { MAX_TIMER_MS, timerMs } from "../src/base/timers.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { startGateway } from "./support/gateway.ts";
import { inFolder } from "./support/processes.ts";

const SRC = new URL("../src/", import.meta.url);
const TIMERS = new Set(["setTimeout", "setInterval", "AbortSignal.timeout"]);

for (
  const [delayMs, expected] of [
    [0, 0],
    [1.5, 1.5],
    [MAX_TIMER_MS, MAX_TIMER_MS],
    [MAX_TIMER_MS + 1, MAX_TIMER_MS],
    [720 * 3_600_000, MAX_TIMER_MS],
    [Infinity, MAX_TIMER_MS],
  ]
) {
  Deno.test(`a timer for ${delayMs} ms is set to ${expected}`, () => {
    assertEquals(timerMs(delayMs), expected);
  });
}

/** Where the module `text` sets timers to what is neither a constant nor clamped. */
function looseTimers(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit);
    if (!ts.isCallExpression(node) || !TIMERS.has(node.expression.getText(source))) return;
    const delay = node.arguments.at(-1)!.getText(source);
    if (/^(?:[A-Z][A-Z\d_]*|\d[\d_]*|timerMs\(.*\))$/s.test(delay)) return;
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push(`${path}:${line + 1}: ${delay}`);
  };
  visit(source);
  return found;
}

/** The modules of gatehouse, by their paths. */
function* modules(folder = SRC): Generator<[path: string, text: string]> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) yield* modules(url);
    else if (name.endsWith(".ts")) {
      yield [url.href.slice(SRC.href.length), Deno.readTextFileSync(url)];
    }
  }
}

Deno.test("timers are set to constants, or to what was clamped", () => {
  assertEquals([...modules()].flatMap(([path, text]) => looseTimers(path, text)), []);
});

Deno.test("what takes time goes by a clock that nobody can set", () => {
  const others = [...modules()].filter(([, text]) => /\bDate\.now\b|\bnew Date\(\)/.test(text));
  // The `Date` of responses (RFC 9110 6.6.1), times of files, when something was fetched or measured, and
  // ids of events: those of a gateway that starts again are later ones. Certificates are valid from one date to
  // another, and an authority may say when to try again as a date. Lines of the log have their
  // time, requests begin at one, and part of a log is asked for by such.
  const known = [
    "base/log_line.ts",
    "certificates/acme_client.ts",
    "certificates/acme_upkeep.ts",
    "certificates/certificate_files.ts",
    "certificates/keys.ts",
    "cli/bench.ts",
    "config/command_line.ts",
    "files/file_sender.ts",
    "gateway/cpu_profiles.ts",
    "http1/endpoint.ts",
    "loader/cache/cache_upkeep.ts",
    "loader/fetch/fetcher.ts",
    "mongrel2/endpoint.ts",
    "monitor/recent_errors.ts",
    "observe/handler.ts",
    "signals/topic_store.ts",
  ];
  assertEquals(others.map(([path]) => path).sort(), known);
});

Deno.test("a timer that is set to what was given is noticed, wherever it stands", () => {
  const text = "f(() => setTimeout(() => end(),\n  options.graceMs));\n" +
    "setInterval(tick, TICK_MS); AbortSignal.timeout(ms); setTimeout(resolve, timerMs(ms));";
  assertEquals(looseTimers("a.ts", text), ["a.ts:1: options.graceMs", "a.ts:3: ms"]);
});

for (const graceMs of [Infinity, MAX_TIMER_MS + 1, 1e15]) {
  Deno.test(`a shutdown with a grace of ${graceMs} ms waits for what is in flight`, async () => {
    const arrived = Promise.withResolvers<void>();
    const release = Promise.withResolvers<Response>();
    const server = await serve({
      http: "127.0.0.1:0",
      app: () => {
        arrived.resolve();
        return release.promise;
      },
      log: () => {},
    });
    const { port } = server.addresses[0] as Deno.NetAddr;
    const answer = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
    await arrived.promise;
    const ended = server.shutdown({ graceMs });
    await new Promise((resolve) => setTimeout(resolve, 50));
    release.resolve(new Response("in full"));
    assertEquals(await answer, "in full");
    await ended;
  });

  Deno.test(`a FastCgiServer's, too (${graceMs} ms), beside a client that may idle as long`, async () => {
    let requests = 0;
    const arrived = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const server = await FastCgiServer.listen("127.0.0.1:0", async (request) => {
      if (++requests === 2) {
        arrived.resolve();
        await release.promise;
      }
      const stdout = request.stdout.getWriter();
      await stdout.write(new TextEncoder().encode("Content-Type: text/plain\r\n\r\nin full"));
      request.exitStatus = 0;
    });
    const { port } = server.address as Deno.NetAddr;
    await using client = new FastCgiClient(`127.0.0.1:${port}`, { idleTimeoutMs: graceMs });
    assertEquals(await (await client.fetch("http://localhost/")).text(), "in full");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const answer = client.fetch("http://localhost/").then((response) => response.text());
    await arrived.promise;
    const ended = server.shutdown({ graceMs });
    await new Promise((resolve) => setTimeout(resolve, 50));
    release.resolve();
    assertEquals(await answer, "in full");
    await ended;
  });
}

Deno.test("--watch-remote 720h does not ask all the time", () => {
  const FILES = { "app.js": "" };
  return inFolder(FILES, async (folder) => {
    let asked = 0;
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      asked++;
      return new Response("export const part = 'part';", {
        headers: { "content-type": "text/javascript", "cache-control": "no-cache" },
      });
    });
    const host = `127.0.0.1:${server.addr.port}`;
    const app = `import { part } from "http://${host}/part.js";\n` +
      "export default () => new Response(part);";
    await Deno.writeTextFile(`${folder}/app.js`, app);
    const args = [`${folder}/app.js`, "--workers=1", `--allow-import=${host}`];
    const env = { GATEHOUSE_CACHE: `${folder}/cache` };
    await using gateway = await startGateway([...args, "--watch-remote=720h"], {
      env,
    });
    assert(asked > 0);
    const before = asked;
    for (let i = 0; i < 20; i++) assertEquals(await (await fetch(gateway.url)).text(), "part");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assertEquals(asked, before);
  });
});
