import { checkGenerationHeader } from "../../src/config/reload_options.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { serve } from "gatehouse";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "../support/assert.ts";
import { startFastCgi } from "../support/fastcgi.ts";
import { RawFastCgiClient } from "../support/fastcgi.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { appSource, until } from "../support/reloading.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

/** Runs `body` with a folder that has an app in it. */
async function withApp(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.writeTextFile(`${folder}/app.ts`, appSource(1));
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function textOf(gateway: GatewayProcess, path = "/"): Promise<string> {
  return await (await fetch(`${gateway.url}${path}`)).text();
}

for (const loader of ["own", "native"]) {
  Deno.test(`SIGHUP loads the app anew, and a broken one not (${loader} loader)`, () =>
    withApp(async (folder) => {
      await using gateway = await startGateway(
        [`${folder}/app.ts`, "--workers=1", `--loader=${loader}`],
        { env: { GATEHOUSE_CACHE: `${folder}/cache` } },
      );
      assertEquals(await textOf(gateway), "1 ");
      assertEquals(
        (await fetch(gateway.url, { method: "HEAD" })).headers.get("x-generation"),
        null,
      );
      await Deno.writeTextFile(`${folder}/app.ts`, "export default {\n");
      gateway.kill("SIGHUP");
      await gateway.logged(/^generation 1 goes on serving$/);
      assertMatch(gateway.log.join("\n"), /app\.ts:\d+:\d+/);
      assertEquals(await textOf(gateway), "1 ");
      await Deno.writeTextFile(`${folder}/app.ts`, appSource(2));
      gateway.kill("SIGHUP");
      await gateway.logged(/^generation \d serves$/);
      assertEquals(await textOf(gateway), "2 ");
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
    }));
}

Deno.test("SIGTERM during a reload that hangs ends the gateway, with what was in flight done", () =>
  withApp(async (folder) => {
    await using gateway = await startGateway([`${folder}/app.ts`, "--workers=1"]);
    const gated = textOf(gateway, `/gated?token=a&file=${folder}/go`);
    await Deno.writeTextFile(
      `${folder}/app.ts`,
      'console.error("it loads");\nawait new Promise((resolve) => setTimeout(resolve, 3_600_000));\n',
    );
    gateway.kill("SIGHUP");
    await gateway.logged(/it loads/);
    gateway.kill("SIGTERM");
    await Deno.writeTextFile(`${folder}/go`, "");
    assertEquals(await gated, "1 a false");
    assertEquals((await gateway.status).code, 0);
  }));

Deno.test("without workers, SIGHUP says that it needs them, and the app goes on", async () => {
  await using gateway = await startGateway([APP, "--workers=0"]);
  gateway.kill("SIGHUP");
  const line = await gateway.logged(/SIGHUP/);
  assertEquals(
    line,
    "error: not reloading (SIGHUP): reloading needs --workers 1 or more",
  );
  assertEquals(await textOf(gateway), "hello");
});

const refused: Record<string, string[]> = {
  "a header's name with a blank": ["--generation-header=a b"],
  "a header that frames the message": ["--generation-header=Content-Length"],
  "a generation header without workers": ["--generation-header=x-generation", "--workers=0"],
  "--watch without workers": ["--watch", "--workers=0"],
  "--watch-remote without workers": ["--watch-remote=5", "--workers=0"],
  "a folder to watch": [`--watch=${import.meta.dirname}`],
  "--watch with Deno's loader": ["--watch", "--loader=native"],
  "no time": ["--watch-remote=often"],
};
for (const [name, args] of Object.entries(refused)) {
  Deno.test(`${name} is refused in one line, with exit status 2`, async () => {
    const { code, stderr } = await runGateway([APP, "--http=127.0.0.1:0", ...args]);
    assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
  });
}

Deno.test("names that a generation's header cannot have are refused", () => {
  const names = [
    "",
    " ",
    "a b",
    "a:",
    "a\r\nb",
    "ä",
    "Connection",
    "TRANSFER-encoding",
    "date",
    "Status",
  ];
  for (const name of names) {
    assertThrows(() => checkGenerationHeader("--generation-header", name), ConfigError);
  }
  for (const name of ["x", "X-Generation", "!#$%&'*+.^_`|~"]) {
    checkGenerationHeader("--generation-header", name);
  }
});

Deno.test("the library reloads apps by URL, and says why it cannot reload others", () =>
  withApp(async (folder) => {
    const log: string[] = [];
    await using server = await serve({
      http: "127.0.0.1:0",
      app: `${folder}/app.ts`,
      workers: 1,
      generationHeader: "x-generation",
      log: (_level, text) => log.push(text),
    });
    using client = await RawClient.connect((server.addresses[0] as Deno.NetAddr).port);
    for (const version of [1, 2]) {
      await client.send(get("/?token=t"));
      const { headers, body } = await client.receive();
      assertEquals([headers.get("x-generation"), body], [String(version), `${version} t`]);
      await Deno.writeTextFile(`${folder}/app.ts`, appSource(version + 1));
      assertEquals(await server.reload(), { kind: "reloaded", generation: version + 1 });
    }
    assert(log.includes("reloading: reload()"));
    await using other = await serve({
      http: "127.0.0.1:0",
      app: () => new Response("object"),
      log: (_level, text) => log.push(text),
    });
    const outcome = await other.reload("why not");
    assert(outcome.kind === "failed");
    assertMatch(outcome.error.message, /needs --workers 1 or more/);
    await assertRejects(
      () => serve({ app: `${folder}/app.ts`, generationHeader: "a\r\nb" }),
      ConfigError,
    );
    await server.shutdown();
    assertEquals((await server.reload()).kind, "failed");
  }));

Deno.test("over FastCGI, too, the generation's header is on each response, once", async () => {
  await using gateway = await startFastCgi([APP, "--workers=1", "--generation-header=X-Gen"]);
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  for (const [path, status] of [["/", 200], ["/stream", 200], ["/throw", 500], ["/crash", 502]]) {
    const reply = await client.ask(1, String(path));
    assertEquals([path, reply.status, reply.headers.get("x-gen")], [path, status, "1"]);
  }
});

/** Number of threads of a process. */
function threadsOf(pid: number): number {
  return Number(/Threads:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1024;
}

Deno.test({
  name: "twenty-five reloads leave no thread and no memory behind",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withApp(async (folder) => {
      await using gateway = await startGateway([`${folder}/app.ts`, "--workers=1"]);
      let generation = 1;
      const reloadTo = async (last: number) => {
        while (generation < last) {
          gateway.kill("SIGHUP");
          await gateway.logged(new RegExp(`^generation ${++generation} serves$`));
          await textOf(gateway);
        }
      };
      await reloadTo(6);
      const threads = threadsOf(gateway.pid);
      const megabytes = residentMegabytes(gateway.pid);
      await reloadTo(26);
      await until("the threads have ended", () => threadsOf(gateway.pid) <= threads + 2);
      const grown = residentMegabytes(gateway.pid) - megabytes;
      // A worker takes about 10 MB.
      assert(grown < 100, `it has grown from ${megabytes} MB by ${grown} MB`);
    }),
});
