/** What programs that call `serve()` are told of their gateway. */
import { LoadError, serve } from "../mod.ts";
import { ConfigError } from "../src/base/errors.ts";
import { ask } from "./support/admin.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "./support/assert.ts";
import { readOpenMetrics, sumOf } from "./support/open_metrics.ts";
import { Collector } from "./support/otlp.ts";
import { inFolder } from "./support/processes.ts";
import { get, RawClient } from "./support/raw_client.ts";
import { until } from "./support/reloading.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const FILES = {
  "app.js": `export default ({ url }) => new Response(new URL(url).pathname);`,
  "token": `${TOKEN}\n`,
};
const http = "127.0.0.1:0";

async function answered(port: number, path: string): Promise<number> {
  using client = await RawClient.connect(port);
  await client.send(get(path));
  return (await client.receive()).status;
}

Deno.test("a program has all that the command is watched by", (test) =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/access.log`;
    const messages: string[] = [];
    const server = await serve({
      ...{ http, app: `${folder}/app.js`, workers: 1, health: http, metrics: http, status: http },
      statusControl: `${folder}/token`,
      healthCheck: "/health",
      accessLog: { file: path, format: "%U %s %{mount}g" },
      log: (level, message) => messages.push(`${level}: ${message}`),
    });
    const [{ port }, { port: admin }] = [...server.addresses, ...server.monitoringAddresses]
      .map((address) => address as Deno.NetAddr);
    assertEquals(server.monitoringAddresses.length, 1);
    assert(messages.includes(`info: monitoring at http://127.0.0.1:${admin}`), messages.join());
    const control = async (action: string) => {
      const fields = { authorization: `Bearer ${TOKEN}` };
      return (await ask(admin, `/control/${action}`, { method: "POST", fields })).status;
    };
    const lines = () => Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");

    await test.step("health", async () => {
      assertEquals((await ask(admin, "/readyz")).status, 200);
    });
    await test.step("metrics, and the access log", async () => {
      assertEquals(await answered(port, "/a"), 200);
      assertEquals(await answered(port, "/b\x7f"), 400);
      const counted = async () => {
        const families = readOpenMetrics((await ask(admin, "/metrics")).body);
        return ["2xx", "4xx"].map((status) => sumOf(families, "gatehouse_requests", { status }));
      };
      await until("both are counted", async () => (await counted()).join() === "1,1" || null);
      await until("both have a line", () => Promise.resolve(lines().length === 2 || null));
      assertEquals(lines(), ["/a 200 /", "/b\\x7f 400 -"]);
    });
    await test.step("the log in a new file", async () => {
      Deno.renameSync(path, `${path}.1`);
      server.reopenLogs();
      assertEquals(await answered(port, "/c"), 200);
      await until("it has a line", () => Promise.resolve(lines().length === 1 || null));
      assertEquals(lines(), ["/c 200 /"]);
    });
    await test.step("the status, and control", async () => {
      const status = async () => JSON.parse((await ask(admin, "/status.json")).body);
      assertEquals((await status()).processes[0].generations[0].number, 1);
      assertEquals(await control("reload"), 202);
      await until(
        "there is another generation",
        async () => (await status()).processes[0].generations[0].number === 2 || null,
      );
      assertEquals(await answered(port, "/d"), 200);
      assertEquals(await control("drain"), 202);
      await server.finished;
      assertEquals(lines(), ["/c 200 /", "/d 200 /"]);
    });
    await server[Symbol.asyncDispose]();
  }));

Deno.test("apps on the calling thread are watched, too, and cannot be reloaded", () =>
  inFolder(FILES, async (folder) => {
    await using server = await serve({
      ...{ http, app: () => new Response(), log() {} },
      ...{ status: http, statusControl: `${folder}/token` },
    });
    const [{ port: admin }] = server.monitoringAddresses as Deno.NetAddr[];
    assertEquals((await ask(admin, "/readyz")).status, 200);
    const fields = { authorization: `Bearer ${TOKEN}` };
    const { status } = await ask(admin, "/control/reload", { method: "POST", fields });
    assertEquals(status, 409);
  }));

Deno.test("apps that do not pass their health check are not served", async () => {
  const status = (code: number) => () => new Response(null, { status: code });
  const mounts = { "/": status(200), "/b": status(503), "/c": status(404) };
  const healthCheck = ["/health", "/b/health", "/c"];
  const error = await assertRejects(
    () => serve({ http, mounts, healthCheck, metrics: http, log() {} }),
    LoadError,
  );
  assertMatch(error.message, /\/b\/health was answered 503\n.*\/c was answered 404$/);
});

for (
  const [name, options, message] of [
    [
      "no folder",
      { accessLog: "/nowhere/access.log" },
      /^the access log .*access\.log cannot be opened/,
    ],
    [
      "no token",
      { status: http, statusControl: "/nowhere/token" },
      /^the token in .* cannot be read/,
    ],
    ["tags without workers", { consoleTags: "tagged" }, /apps by URL in workers/],
  ] as const
) {
  Deno.test(`a start that fails leaves nothing open: ${name}`, async () => {
    const app = () => new Response();
    const error = await assertRejects(
      () => serve({ http, app, metrics: http, log() {}, ...options }),
      ConfigError,
    );
    assertMatch(error.message, message);
  });
}

Deno.test("a program's log can be JSON, its access log on standard output, and its requests traced", async () => {
  await using collector = new Collector();
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      new URL("./fixtures/watched_program.ts", import.meta.url).pathname,
    ],
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: "always_on",
      NO_COLOR: "1",
    },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trimEnd());
  assertEquals(code, 0, err);
  const lines = err.split("\n").map((line) => JSON.parse(line));
  const said = (text: string) => lines.filter(({ message }) => message.startsWith(text));
  assertEquals(said("later").map(({ level, source, stream }) => [level, source, stream]), [
    ["warning", "app", "stderr"],
  ]);
  assertEquals(said("error").length, 0);
  const [printed, access] = out.split("\n").map((line) => JSON.parse(line));
  assertEquals([printed.message, printed.worker], ["hello\nworld 1", "worker 1"]);
  assertEquals([access.target, access.status, access.worker], ["/printed", 200, 1]);
  assertEquals(access.requestId, printed.requestId);
  assertEquals(collector.spans.filter(({ kind }) => kind === 2).length, 1);
});
