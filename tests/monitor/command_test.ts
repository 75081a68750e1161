/** The command, watched by `--health`, `--metrics` and `--status`: with one process, and with several. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { ask } from "../support/admin.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { readOpenMetrics, sumOf } from "../support/open_metrics.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { until } from "../support/reloading.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { FastCgiClient } from "../../src/fastcgi/client.ts";
import type { Status } from "../../src/monitor/status.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

const APP = `
const appears = async (file) => {
  while (!await Deno.stat(file).catch(() => null)) await new Promise((r) => setTimeout(r, 10));
};
await appears(new URL("ready", import.meta.url));
export default async (request) => {
  const { pathname, searchParams } = new URL(request.url);
  switch (pathname) {
    case "/missing": return new Response(null, { status: 404 });
    case "/throw": throw new Error("thrown on purpose: <b>");
    case "/crash": setTimeout(() => { throw new Error("uncaught on purpose"); }); break;
    case "/gated": await appears(searchParams.get("file")); break;
    case "/echo": return new Response(request.body);
    case "/pid": return new Response(String(Deno.pid));
  }
  return new Response("hello");
};
`;

/** Asked outside of all tests: the library stays open. */
const HAS_ZMQ = !libzmqIsMissing();

const PARAMS = {
  REQUEST_METHOD: "GET",
  SERVER_PROTOCOL: "HTTP/1.1",
  SERVER_NAME: "localhost",
  SERVER_PORT: "80",
};

const FILES = { "app.js": APP, "token": `${TOKEN}\n` };

/** Sends requests over one connection after the other. */
async function send(port: number, count: number, request: string): Promise<void> {
  for (let i = 0; i < count; i++) {
    using client = await RawClient.connect(port);
    await client.send(request);
    await client.receive();
  }
}

function monitorPort(log: readonly string[]): number {
  const line = log.find((line) => line.startsWith("monitoring at http://127.0.0.1:"));
  return Number(line?.split(":").at(-1));
}

/** The metrics, once a request that was answered has been counted. */
async function metrics(port: number) {
  const { status, headers, body } = await ask(port, "/metrics");
  assertEquals(status, 200);
  assertMatch(headers.get("content-type")!, /^application\/openmetrics-text; version=1\.0\.0/);
  return readOpenMetrics(body);
}

async function statusOf(port: number): Promise<Status> {
  const { status, body } = await ask(port, "/status.json");
  assertEquals(status, 200, body);
  return JSON.parse(body);
}

/** Waits until all of `expected` requests are counted, and no more. */
async function counted(port: number, expected: Record<string, number>): Promise<void> {
  const total = Object.values(expected).reduce((sum, count) => sum + count, 0);
  // A client may have its answer a moment before the end of the request is noticed.
  const families = await until(`${total} requests are counted`, async () => {
    const families = await metrics(port);
    return sumOf(families, "gatehouse_requests") >= total ? families : null;
  });
  for (const [key, count] of Object.entries(expected)) {
    const [method, status] = key.split(" ");
    assertEquals(sumOf(families, "gatehouse_requests", { method, status }), count, key);
  }
  assertEquals(sumOf(families, "gatehouse_requests"), total);
  const durations = sumOf(families, "gatehouse_request_duration_seconds", {}, "_count");
  assertEquals(durations, total);
}

function control(
  port: number,
  action: string,
  token: string | null = TOKEN,
): ReturnType<typeof ask> {
  const fields: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  return ask(port, `/control/${action}`, { method: "POST", fields });
}

Deno.test("one process shows how it does, from before its start to its end", (test) =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/admin.sock`;
    const asked = async () => {
      try {
        using client = new RawClient(await Deno.connect({ transport: "unix", path }));
        await client.send(get("/readyz"));
        const { status, body } = await client.receive();
        return [status, body];
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return [0, ""];
        if (error instanceof Deno.errors.ConnectionRefused) return [0, ""];
        throw error;
      }
    };
    const starting = startGateway([
      `${folder}/app.js`,
      "--app-allow-all",
      ...["--workers", "2", "--drain-timeout", "60"],
      ...["--health", `unix:${path}`, "--metrics", "0", "--status", "0"],
      ...["--status-control", `${folder}/token`, "--health-check", "/"],
    ]);
    const loading = until("it listens", async () => {
      const [status, body] = await asked();
      return status === 0 ? null : [status, body];
    });
    assertEquals(await loading, [503, "not ready: the apps are not loaded yet\n"]);
    await Deno.writeTextFile(`${folder}/ready`, "");
    await using gateway = await starting;
    const { port, log } = gateway;
    const admin = monitorPort(log);

    await test.step("it is ready once it serves", async () => {
      assertEquals(await asked(), [200, "ready\n"]);
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    });

    const expected: Record<string, number> = {};
    const sent = async (key: string, count: number, request: string) => {
      expected[key] = (expected[key] ?? 0) + count;
      await send(port, count, request);
    };
    await test.step("each request is counted, and none else", async () => {
      await sent("GET 2xx", 40, get("/"));
      await sent("GET 4xx", 3, get("/missing"));
      await sent("GET 5xx", 2, get("/throw"));
      const body = "content-length: 5\r\n\r\nhello";
      await sent("POST 2xx", 7, `POST /echo HTTP/1.1\r\nhost: a\r\n${body}`);
      await sent("other 2xx", 4, "BREW / HTTP/1.1\r\nhost: a\r\n\r\n");
      await counted(admin, expected);
      const families = await metrics(admin);
      assertEquals(sumOf(families, "gatehouse_request_body_bytes"), 35);
      assertEquals(sumOf(families, "gatehouse_connections_accepted", { endpoint: "http" }), 56);
      assertEquals(sumOf(families, "gatehouse_workers", { state: "serving" }), 2);
    });
    await test.step("also over a reload and the restart of a worker", async () => {
      assertEquals((await control(admin, "reload")).status, 202);
      await gateway.logged(/^generation 2 serves$/);
      await sent("GET 2xx", 10, get("/"));
      await sent("GET 2xx", 1, get("/crash"));
      await gateway.logged(/is ready again$/);
      await sent("GET 2xx", 10, get("/"));
      await counted(admin, expected);
      const families = await metrics(admin);
      assertEquals(sumOf(families, "gatehouse_reloads", { outcome: "reloaded" }), 1);
      const restarts = sumOf(families, "gatehouse_worker_restarts", { reason: "uncaught error" });
      assertEquals(restarts, 1);
      assertEquals(sumOf(families, "gatehouse_generation"), 2);
    });
    await test.step("a worker is retired", async () => {
      assertEquals((await control(admin, "retire?worker=1")).status, 202);
      await gateway.logged(/^worker 1 of generation 2 is replaced: somebody has asked for it$/);
      assertEquals((await control(admin, "retire?worker=7")).status, 409);
      assertEquals((await control(admin, "retire?worker=x")).status, 400);
      assertEquals((await control(admin, "retire?worker=1&process=4")).status, 409);
    });
    await test.step("control is for those who know the token", async () => {
      for (const token of [null, "", "x", `${TOKEN}x`]) {
        assertEquals((await control(admin, "drain", token)).status, 401);
      }
      assertEquals((await ask(admin, "/control/drain")).status, 405);
    });
    await test.step("the status has requests under way, errors and points", async () => {
      using client = await RawClient.connect(port);
      await client.send(get(`/gated?file=${folder}/go&b=%3Cb%3E`));
      const status = await until("the request is seen", async () => {
        const status = await statusOf(admin);
        return status.requests.length > 0 && status.history.points.length > 0 ? status : null;
      });
      const [request] = status.requests;
      const { method, target, mount, generation } = request;
      assertEquals([method, target, mount, generation], ["GET", "/gated", "/", 2]);
      assert(request.worker >= 1 && request.ageMs >= 0);
      assertEquals(status.inFlight, 1);
      assertEquals(status.isReady, true);
      assert(status.errors.length > 0);
      assert(!JSON.stringify(status.errors).includes("on purpose"));
      assertEquals(status.processes.length, 1);
      assertEquals(status.system, undefined);
      const point = status.history.points.at(-1)!;
      assertEquals(point.length, status.history.columns.length);
      const later = await ask(admin, `/status.json?since=${point[0]}`);
      assert(JSON.parse(later.body).history.points.length <= 1 + status.history.points.length / 2);
      await Deno.writeTextFile(`${folder}/go`, "");
      assertEquals((await client.receive()).status, 200);
      expected["GET 2xx"]++;
      await counted(admin, expected);
    });
    await test.step("facts about the system, and what errors say, are for those who know the token", async () => {
      const { body } = await ask(admin, "/status.json", {
        fields: { authorization: `Bearer ${TOKEN}` },
      });
      const { system, errors } = JSON.parse(body);
      assertStringIncludes(JSON.stringify(errors), "thrown on purpose: <b>");
      assertEquals(system.deno, Deno.version.deno);
      assertEquals(system.architecture, Deno.build.arch);
      for (const secret of [TOKEN, "NO_COLOR"]) assert(!body.includes(secret), secret);
      const wrong = await ask(admin, "/status.json", { fields: { authorization: "Bearer x" } });
      assertEquals(wrong.status, 401);
    });
    await test.step("gatehouse status shows the same in a terminal", async () => {
      const { code, stdout } = await runGateway([
        "status",
        String(admin),
        ...["--status-control", `${folder}/token`],
      ]);
      assertEquals(code, 0);
      assertMatch(stdout, /^gatehouse \S+ \(Deno \S+\): ready, up for /);
      assertMatch(stdout, /\nWorkers:\n {2}worker {2}apps /);
      assertStringIncludes(stdout, "thrown on purpose");
      assertStringIncludes(stdout, "architecture");
    });
    await test.step("it is not ready while it drains, and says so until its end", async () => {
      using client = await RawClient.connect(port);
      await client.send(get(`/gated?file=${folder}/end`));
      await until("the request is seen", async () => (await statusOf(admin)).inFlight === 1);
      assertEquals((await control(admin, "drain")).status, 202);
      assertEquals(
        await until("it drains", async () => {
          const answer = await asked();
          return answer[0] === 503 ? answer : null;
        }),
        [503, "not ready: the gateway is draining\n"],
      );
      await Deno.writeTextFile(`${folder}/end`, "");
      assertEquals((await client.receive()).status, 200);
      assertEquals((await gateway.status).code, 0);
      assertEquals((await asked())[0], 0);
    });
  }));

/** Asks each process at least once. */
async function sendToBoth(gateway: GatewayProcess): Promise<number> {
  const pids = new Set<string>();
  let count = 0;
  while (pids.size < 2 || count < 30) {
    using client = await RawClient.connect(gateway.port);
    await client.send(get("/pid"));
    pids.add((await client.receive()).body);
    count++;
  }
  return count;
}

Deno.test("several processes are summed, also when they are replaced", (test) =>
  inFolder({ ...FILES, ready: "" }, async (folder) => {
    await using gateway = await startGateway([
      `${folder}/app.js`,
      "--app-allow-all",
      ...["--processes", "2", "--workers", "1"],
      ...["--health", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--status", "127.0.0.1:0"],
      ...["--status-control", `${folder}/token`],
    ]);
    const admin = monitorPort(gateway.log);
    const expected = { "GET 2xx": 0 };
    await test.step("each request is counted once", async () => {
      assertEquals((await ask(admin, "/readyz")).body, "ready\n");
      expected["GET 2xx"] += await sendToBoth(gateway);
      await counted(admin, expected);
      const families = await metrics(admin);
      assertEquals(sumOf(families, "gatehouse_processes", { state: "serving" }), 2);
      assertEquals(families.get("gatehouse_memory_bytes")!.samples.size, 4);
      assertEquals(families.get("gatehouse_signal_records")!.samples.size, 1);
    });
    await test.step("the status has both", async () => {
      const { processes, totals } = await statusOf(admin);
      assertEquals(processes.map(({ process }) => process), [1, 2]);
      assertEquals(totals.requests, expected["GET 2xx"]);
    });
    await test.step("a worker of one of them is retired", async () => {
      assertEquals((await control(admin, "retire?process=2&worker=1")).status, 202);
      await gateway.logged(/^\[2\] worker 1 is replaced/);
      assertEquals((await control(admin, "retire?worker=1")).status, 409);
    });
    await test.step("what those have counted that are replaced stays counted", async () => {
      gateway.kill("SIGUSR2");
      await gateway.logged(/^all processes have been replaced$/);
      await counted(admin, expected);
      expected["GET 2xx"] += await sendToBoth(gateway);
      await counted(admin, expected);
    });
    await test.step("they reload, and drain", async () => {
      assertEquals((await control(admin, "reload")).status, 202);
      for (const number of [1, 2]) {
        await gateway.logged(new RegExp(`^\\[${number}\\] generation 2 serves$`));
      }
      assertEquals((await control(admin, "drain")).status, 202);
      assertEquals((await gateway.status).code, 0);
    });
  }));

Deno.test("requests are counted over every protocol, for every mount, and without workers", () =>
  inFolder({ ...FILES, ready: "" }, async (folder) => {
    await using mongrel2 = HAS_ZMQ ? new FakeMongrel2() : null;
    const app = `${folder}/app.js`;
    await using gateway = await startGateway([
      ...["--mount", `/=${app}`, "--mount", `/api=${app}`, "--workers", "0"],
      ...["--http", "127.0.0.1:0", "--fastcgi", "127.0.0.1:0", "--max-reqs", "1"],
      ...mongrel2 === null ? [] : ["--mongrel2", `${mongrel2.send},recv=${mongrel2.recv}`],
      ...["--metrics", "0", "--status", "0", "--status-control", `${folder}/token`],
    ]);
    const admin = monitorPort(gateway.log);
    await send(gateway.port, 3, get("/"));
    await send(gateway.port, 2, get("/api/a"));
    const line = gateway.log.find((line) => line.startsWith("listening fastcgi://"))!;
    await using client = new FastCgiClient(line.slice("listening fastcgi://".length));
    for (let i = 0; i < 4; i++) {
      const reply = await client.request({ ...PARAMS, REQUEST_URI: "/api" });
      await new Response(reply.stdout).text();
    }
    if (mongrel2 !== null) {
      await mongrel2.request(1, "/");
      await mongrel2.reply();
    }
    const total = mongrel2 === null ? 9 : 10;
    const families = await until("all are counted", async () => {
      const families = await metrics(admin);
      return sumOf(families, "gatehouse_requests") >= total ? families : null;
    });
    const counts = {
      [JSON.stringify({ endpoint: "http", mount: "/", status: "2xx" })]: 3,
      [JSON.stringify({ endpoint: "http", mount: "/api", status: "2xx" })]: 2,
      [JSON.stringify({ endpoint: "fastcgi", mount: "/api" })]: 4,
      [JSON.stringify({ endpoint: "mongrel2" })]: total - 9,
    };
    for (const [labels, count] of Object.entries(counts)) {
      assertEquals(sumOf(families, "gatehouse_requests", JSON.parse(labels)), count, labels);
    }
    assertEquals(sumOf(families, "gatehouse_requests"), total);
    assertEquals(sumOf(families, "gatehouse_fastcgi_requests"), 4);
    assertEquals(sumOf(families, "gatehouse_mongrel2_messages", { kind: "requests" }), total - 9);
    assertEquals((await statusOf(admin)).processes[0].generations, []);
    // Apps without workers cannot be reloaded, and nobody can be retired.
    assertEquals((await control(admin, "reload")).status, 409);
    assertEquals((await control(admin, "retire?worker=1")).status, 409);
  }));
