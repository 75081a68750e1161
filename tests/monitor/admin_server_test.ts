import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { adminServer, ask } from "../support/admin.ts";
import { RawClient } from "../support/raw_client.ts";
import type { ListenAddress } from "../../src/net/address.ts";
import { NO_TOTALS } from "../../src/monitor/report.ts";
import type { ReportSource } from "../../src/monitor/report_source.ts";
import type { AdminRoute } from "../../src/monitor/admin_routes.ts";
import { textAnswer } from "../../src/monitor/admin_routes.ts";
import { ADMIN_LIMITS, AdminServer } from "../../src/monitor/admin_server.ts";
import { ListenError } from "../../src/base/errors.ts";
import { READY } from "../../src/monitor/health.ts";
import { metricsRoutes } from "../../src/monitor/metrics.ts";
import { Paced } from "../../src/monitor/paced.ts";

/** More than all windows and buffers of the system hold. */
const LARGE = "x".repeat(16_000_000);

const ROUTES: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/open",
    audience: "anybody",
    respond: ({ query }) => textAnswer(200, `open ${query.get("a")}`),
  },
  {
    method: "GET",
    path: "/own",
    audience: "this-host",
    respond: ({ token }) => textAnswer(200, `own ${token}`),
  },
  { method: "POST", path: "/act", audience: "this-host", respond: () => textAnswer(202, "done") },
  { method: "GET", path: "/large", audience: "anybody", respond: () => textAnswer(200, LARGE) },
  {
    method: "GET",
    path: "/broken",
    audience: "anybody",
    respond: () => Promise.reject(new Error("out of order")),
  },
];

Deno.test("the admin listener answers by path and method", async (test) => {
  const log: string[] = [];
  await using server = await adminServer(ROUTES, log);
  const cases: [string, string, number, string][] = [
    ["GET", "/open?a=1", 200, "open 1\n"],
    ["GET", "http://localhost/open?a=2", 200, "open 2\n"],
    ["GET", "/open/", 404, "not found\n"],
    ["GET", "//open", 404, "not found\n"],
    ["GET", "/", 404, "not found\n"],
    ["POST", "/open", 405, "this takes GET\n"],
    ["BREW", "/act", 405, "this takes POST\n"],
    ["POST", "/act", 202, "done\n"],
    ["GET", "/act", 405, "this takes POST\n"],
    ["GET", "/broken", 500, "500 Internal Server Error\n"],
  ];
  for (const [method, path, status, body] of cases) {
    await test.step(`${method} ${path}`, async () => {
      const response = await ask(server.port, path, { method });
      assertEquals([response.status, response.body], [status, body]);
      assertEquals(response.headers.get("cache-control"), "no-store");
      assertEquals(response.headers.get("x-content-type-options"), "nosniff");
    });
  }
  const head = await ask(server.port, "/open?a=1", { method: "HEAD" });
  assertEquals([head.status, head.headers.get("content-length")], [200, "7"]);
  assertEquals(log, ["error: /broken cannot be answered: out of order"]);
});

Deno.test("what is for this host is refused under any name that a page of another site can have", async (test) => {
  await using server = await adminServer(ROUTES);
  const { port } = server;
  const cases: [Record<string, string>, boolean][] = [
    [{ host: `127.0.0.1:${port}` }, true],
    [{ host: "127.0.0.1" }, true],
    [{ host: "localhost:1" }, true],
    [{ host: "LOCALHOST" }, true],
    [{ host: "[::1]:9" }, true],
    [{ host: "10.1.2.3" }, true],
    [{ host: "attacker.example" }, false],
    [{ host: `attacker.example:${port}` }, false],
    [{ host: "localhost.attacker.example" }, false],
    [{ host: "127.0.0.1.attacker.example" }, false],
    [{ host: "1e100.example" }, false],
    [{ host: "" }, false],
    [{ host: "localhost", origin: "http://localhost" }, true],
    [{ host: "localhost", origin: "http://attacker.example" }, false],
    [{ host: "localhost", origin: "null" }, false],
    [{ host: "localhost", origin: "https://localhost" }, false],
  ];
  for (const [{ host, ...fields }, isAnswered] of cases) {
    await test.step(JSON.stringify({ host, ...fields }), async () => {
      const response = await ask(port, "/own", { host, fields });
      assertEquals(response.status, isAnswered ? 200 : 403, response.body);
      // Probes and scrapers call a host what they like.
      assertEquals((await ask(port, "/open", { host, fields })).status, 200);
    });
  }
});

Deno.test("a token is what follows Bearer", async () => {
  await using server = await adminServer(ROUTES);
  const cases: [string, string][] = [
    ["Bearer abc", "abc"],
    ["bearer  abc", "abc"],
    ["Basic abc", "null"],
    ["Bearer", "null"],
    ["Bearer a b", "null"],
  ];
  for (const [authorization, token] of cases) {
    const { body } = await ask(server.port, "/own", { fields: { authorization } });
    assertEquals(body, `own ${token}\n`);
  }
});

Deno.test("an answer of any size arrives whole", async () => {
  await using server = await adminServer(ROUTES);
  const { body } = await ask(server.port, "/large");
  assertEquals(body.length, LARGE.length + 1);
});

Deno.test({
  name: "clients that say nothing, or read nothing, keep nobody else out",
  // Connections that are closed by force are so by the C library, and a moment later.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: resistsSlowClients,
});

async function resistsSlowClients(): Promise<void> {
  await using server = await adminServer(ROUTES);
  const clients: RawClient[] = [];
  for (let i = 0; i < ADMIN_LIMITS.maxConnections / 2; i++) {
    const silent = await RawClient.connect(server.port);
    const deaf = await RawClient.connect(server.port);
    await silent.send("GET /open HTTP/1.1\r\n");
    await deaf.send("GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n");
    clients.push(silent, deaf);
  }
  try {
    // All places are taken: those that are slow to ask have to go.
    assertEquals((await ask(server.port, "/open?a=1")).status, 200);
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
}

Deno.test("what is too much is refused", async (test) => {
  await using server = await adminServer(ROUTES);
  const cases: [string, Parameters<typeof ask>[2], number][] = [
    [`/open?${"a".repeat(2_000)}`, {}, 414],
    ["/open", { fields: { "x-long": "a".repeat(10_000) } }, 431],
    ["/act", { method: "POST", fields: { "content-length": "100000" } }, 413],
  ];
  for (const [path, options, status] of cases) {
    await test.step(String(status), async () => {
      assertEquals((await ask(server.port, path, options)).status, status);
    });
  }
});

Deno.test("equal addresses are one listener, and unix sockets are for their owner", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/admin.sock`;
  const address = { transport: "unix", path, mode: 0o600 } as const;
  const served = ROUTES.map((route) => ({ address, routes: [route] }));
  try {
    await using server = await AdminServer.open(served, () => {});
    assertEquals(server.urls, [`http+unix:${path}`]);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    for (const [path, status] of [["/open", 200], ["/own", 200], ["/nowhere", 404]] as const) {
      using client = new RawClient(await Deno.connect({ transport: "unix", path: address.path }));
      await client.send(`GET ${path} HTTP/1.1\r\nhost: whatever\r\n\r\n`);
      assertEquals((await client.receive()).status, status);
    }
    const error = await assertRejects(() => AdminServer.open(served, () => {}), ListenError);
    assertMatch(error.message, /admin\.sock: the address is in use/);
    await server[Symbol.asyncDispose]();
    assert(!await Deno.stat(path).catch(() => false));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what is paced is made once for all who ask at a time, and never before they ask", async () => {
  let made = 0;
  const paced = new Paced(5, () => Promise.resolve(++made));
  assertEquals(await Promise.all([paced.get(), paced.get(), paced.get()]), [1, 1, 1]);
  assertEquals(await Promise.all([paced.get(), paced.get()]), [2, 2]);
  assertEquals(await paced.get(), 3);
});

const NO_REPORTS: ReportSource = {
  readiness: READY,
  collect: () => Promise.resolve(NO_REPORTS.latest()),
  latest: () => ({ processes: [], ended: { samples: {}, totals: NO_TOTALS } }),
};

Deno.test("metrics at a loopback address are not for pages that lead a name of theirs there", async () => {
  const routesAt = (address: ListenAddress) =>
    metricsRoutes(address, NO_REPORTS, { version: "0", addTo() {} }).routes;
  await using server = await adminServer(
    routesAt({ transport: "tcp", hostname: "127.0.0.1", port: 0 }),
  );
  for (
    const [host, status] of [
      ["127.0.0.1", 200],
      ["[::1]:9100", 200],
      ["localhost:9100", 200],
      ["evil.example", 403],
      ["127.0.0.1.evil.example", 403],
    ] as const
  ) {
    assertEquals((await ask(server.port, "/metrics", { host })).status, status, host);
  }
  for (
    const [hostname, audience] of [
      ["127.1.2.3", "this-host"],
      ["::1", "this-host"],
      ["localhost", "this-host"],
      ["0.0.0.0", "anybody"],
      ["::", "anybody"],
      ["192.0.2.1", "anybody"],
      ["127.example", "anybody"],
    ] as const
  ) {
    const [route] = routesAt({ transport: "tcp", hostname, port: 1 });
    assertEquals(route.audience, audience, hostname);
  }
});
