/**
 * The library refuses the settings that the command line refuses, all of them at once, and says which they
 * are.
 */
import { FastCgiClient, FastCgiServer, serve, SettingsError } from "../mod.ts";
import type { ServeOptions } from "../mod.ts";
import { parseCommandLine } from "../src/config/command_line.ts";
import { NO_SOURCES } from "../src/config/gather.ts";
import { ConfigError } from "../src/base/errors.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "./support/assert.ts";

const app = () => new Response("ok");
const http = "127.0.0.1:0";

/** What is wrong, by the setting that is: in the library, and on the command line where there it can be said. */
const wrong: readonly [setting: string, options: object, message: string, words?: string[]][] = [
  [
    "workers",
    { workers: -1 },
    "workers takes a whole number from 0 to 1024, not -1",
    ["--workers=-1"],
  ],
  ["workers", { workers: NaN }, "workers takes a whole number from 0 to 1024, not NaN"],
  ["workers", { workers: 1.5 }, "… from 0 to 1024, not 1.5", ["--workers=1.5"]],
  ["workers", { workers: Infinity }, "… not Infinity", ["--workers=Infinity"]],
  ["workers", { workers: "2" }, '… not "2"'],
  ["workers", { workers: 2n }, "… not 2n"],
  ["workers", { workers: null }, "… not null"],
  ["workers", { workers: 1_025 }, "… not 1025", ["--workers=1025"]],
  ["backlog", { backlog: 0 }, "backlog takes a whole number from 1 to 65535, not 0", [
    "--backlog=0",
  ]],
  ["backlog", { backlog: [1] }, "… not a list"],
  [
    "drainTimeoutMs",
    { drainTimeoutMs: -1 },
    "drainTimeoutMs takes a time in milliseconds, from 0 to 2147483647, not -1",
    ["--drain-timeout=-1"],
  ],
  ["drainTimeoutMs", { drainTimeoutMs: 3e9 }, "… not 3000000000", ["--drain-timeout=3000000"]],
  [
    "limits.maxHeaderBytes",
    { limits: { maxHeaderBytes: 300_000 } },
    "limits.maxHeaderBytes takes a whole number of bytes of at most 262144, not 300000",
    ["--max-header-bytes=300000"],
  ],
  ["limits.maxHeaderCount", { limits: { maxHeaderCount: 0 } }, "… from 1 on, not 0", [
    "--max-header-count=0",
  ]],
  ["limits.maxBodyBytes", { limits: { maxBodyBytes: -1 } }, "… not -1", ["--max-body-bytes=-1"]],
  ["limits.maxBodyBytes", { limits: { maxBodyBytes: "1m" } }, '… not "1m"'],
  ["limits.requestTimeoutMs", { limits: { requestTimeoutMs: NaN } }, "… 0 or more, not NaN", [
    "--request-timeout=NaN",
  ]],
  ["limits.idleTimeoutMs", { limits: { idleTimeoutMs: -5 } }, "… not -5", ["--idle-timeout=-5"]],
  ["limits.maxConnections", { limits: { maxConnections: 0 } }, "… not 0", ["--max-connections=0"]],
  ["limits.maxConns", { limits: { maxConns: 0 } }, "… not 0", ["--max-conns=0"]],
  ["limits.maxReqs", { limits: { maxReqs: 2_000_000 } }, "… not 2000000", ["--max-reqs=2000000"]],
  [
    "limits.maxHeaders",
    { limits: { maxHeaders: 1 } },
    'there is no setting "limits.maxHeaders"',
    [
      "--max-headers=1",
    ],
  ],
  ["workerLimits.hangTimeoutMs", { workerLimits: { hangTimeoutMs: -1 } }, "… not -1", [
    "--hang-timeout=-1",
  ]],
  ["workerLimits.maxWorkerRequests", { workerLimits: { maxWorkerRequests: 5e9 } }, "…", [
    "--max-worker-requests=5000000000",
  ]],
  ["workerLimits.maxWorkerMemoryBytes", { workerLimits: { maxWorkerMemoryBytes: 0.5 } }, "…"],
  ["worker", { worker: 1 }, 'there is no setting "worker"; did you mean workers?', ["--worker=1"]],
  ["messageCompression", { messageCompression: "all" }, "…", ["--compress-messages=all"]],
  ["compression", { compression: "all" }, "…", ["--compress=all"]],
  ["compression.codings", { compression: { codings: [{ coding: "br", level: 12 }] } }, "…", [
    "--compress=br:12",
  ]],
  ["compression.codings", { compression: { codings: [] } }, "…", ["--compress=,"]],
  ["compression.types", { compression: { types: ["html"] } }, "…", ["--compress-types=html"]],
  ["compression.exceptPaths", { compression: { exceptPaths: ["account"] } }, "…", [
    "--compress-except=account",
  ]],
  ["compression.exceptPaths", { compression: { exceptPaths: ["/a/"] } }, "…", [
    "--compress-except=/a/",
  ]],
  ["compression.exceptPaths", { compression: { exceptPaths: ["/a/*"] } }, "…", [
    "--compress-except=/a/*",
  ]],
  ["compression.minBytes", { compression: { minBytes: -1 } }, "…", ["--compress-min-bytes=-1"]],
  ["compression.level", { compression: { level: 1 } }, "…"],
  ["onRequestEnd", { onRequestEnd: {} }, "onRequestEnd takes a function, not an object"],
  ["faultReports", { faultReports: "all" }, "…", ["--fastcgi-stderr=all"]],
  [
    "serverHeader",
    { serverHeader: "a\r\nb" },
    "serverHeader takes up to 128 visible characters, not …",
    [
      "--server-header=a\r\nb",
    ],
  ],
  ["serverHeader", { serverHeader: "" }, "…", ["--server-header="]],
  ["serverHeader", { serverHeader: "x".repeat(129) }, "…", [`--server-header=${"x".repeat(129)}`]],
  ["requestId", { requestId: true }, '… takes "as-sent" or "field", not true'],
  ["trustedProxies", { trustedProxies: ["10.0.0.1/8"] }, "trustedProxies: bad network …", [
    "--trusted-proxies=10.0.0.1/8",
  ]],
  ["forwardedFields", { forwardedFields: ["x-real-ip"] }, "forwardedFields: bad field …", [
    "--forwarded-fields=x-real-ip",
  ]],
  ["forwardedFields", { forwardedFields: [1] }, "…"],
  ["generationHeader", { generationHeader: "Content-Length" }, "…", [
    "--generation-header=Content-Length",
  ]],
  ["http", { http: "127.0.0.1:99999" }, "http: …", ["--http=127.0.0.1:99999"]],
  ["http", { http: 8000 }, "http takes a text, or a list of texts, not 8000"],
  ["fastcgi", { fastcgi: ["127.0.0.1:0", "x"] }, "fastcgi: …", ["--fastcgi=x"]],
  ["mongrel2", { mongrel2: "nonsense" }, "mongrel2: …", ["--mongrel2=nonsense"]],
  ["mongrel2", { mongrel2: "dispatch+tcp://a" }, "mongrel2: …", ["--mongrel2=dispatch+tcp://a"]],
  ["webServerAddrs", { webServerAddrs: [1] }, "…"],
  ["sendfile", { sendfile: "nginx" }, "…", ["--sendfile=nginx"]],
  ["sendfile", { sendfile: 1 }, "sendfile takes a text, not 1"],
  ["sendfileFields", { sendfileFields: ["x-accel-redirect"] }, "…", [
    "--sendfile-fields=x-accel-redirect",
  ]],
  ["signals", { signals: "http://127.0.0.1" }, "…", ["--signals=http://127.0.0.1"]],
  ["signals", { signals: new URL("redis://h") }, "signals takes a text, not …"],
  ["cert", { cert: new Uint8Array(1) }, "cert takes PEM text, not an object"],
  ["https", { https: "127.0.0.1:0" }, "https needs cert and key, as PEM text", ["--https=0"]],
  ["https", { https: "unix:/s", cert: "", key: "" }, "https: HTTPS needs a port, not unix:/s: …", [
    "--https=unix:/s",
    "--cert=c",
    "--key=k",
  ]],
  ["mounts", { mounts: { "a": app } }, "mounts: … does not begin with a slash", ["--mount=a=b"]],
  ["mounts", { mounts: { "/a?b": app } }, "mounts: … has a ? or #", ["--mount=/a?b=c"]],
  ["log", { log: {} }, "log takes a function, not an object"],
  ["log", { log() {}, logFormat: "json" }, "log takes all messages: …"],
  ["logLevel", { logLevel: "debug" }, "…", ["--log-level=debug"]],
  ["logFormat", { logFormat: "xml" }, 'logFormat takes "text" or "json", not "xml"', [
    "--log-format=xml",
  ]],
  ["consoleTags", { consoleTags: true }, "…"],
  ["traces", { traces: "all" }, "…"],
  ["accessLog", { accessLog: "" }, "accessLog takes a path, …"],
  ["accessLog", { accessLog: null }, "accessLog takes a path, …, not null"],
  ["accessLog.file", { accessLog: { file: "" } }, 'accessLog.file takes a path or "-", not ""'],
  ["accessLog.file", { accessLog: { format: "json" } }, "accessLog.file takes …, not undefined"],
  ["accessLog.form", { accessLog: { file: "-", form: "json" } }, "there is no setting …"],
  ["accessLog.format", { accessLog: { file: "-", format: 1 } }, "…"],
  ["accessLog.format", { accessLog: { file: "-", format: "%Z" } }, "…", [
    "--access-log=-",
    "--access-log-format=%Z",
  ]],
  ["health", { health: "x" }, "health: bad address …", ["--health=x"]],
  ["metrics", { metrics: 9100 }, "metrics takes a text, not 9100"],
  ["status", { status: "127.0.0.1:99999" }, "status: bad address …", ["--status=127.0.0.1:99999"]],
  ["statusControl", { statusControl: "token" }, "statusControl needs status: …"],
  ["healthCheck", { healthCheck: [1] }, "…"],
  ["healthCheckTimeoutMs", { healthCheckTimeoutMs: 5 }, "… needs healthCheck", [
    "--health-check-timeout=5ms",
  ]],
  ["forwardedFields", { forwardedFields: ["forwarded"] }, "… needs trustedProxies: …", [
    "--forwarded-fields=forwarded",
  ]],
  ["healthCheckTimeoutMs", { healthCheckTimeoutMs: 0 }, "…", ["--health-check-timeout=0"]],
  ["healthCheck", { healthCheck: "health" }, "healthCheck takes a path such as /health, …", [
    "--health-check=health",
  ]],
];

/** Whether `message` is as `expected` says, where `…` stands for anything. */
function fits(message: string, expected: string): boolean {
  const parts = expected.split("…");
  return message.startsWith(parts[0]) && message.endsWith(parts.at(-1)!);
}

for (const [setting, options, expected, words] of wrong) {
  Deno.test(`refused: ${setting}, ${Deno.inspect(options, { compact: true })}`, async () => {
    const error = await assertRejects(
      () => serve({ app, http, ...options } as ServeOptions),
      SettingsError,
    );
    assertEquals(error.problems.map((problem) => problem.setting), [setting]);
    const [{ message }] = error.problems;
    assert(fits(message, expected), message);
    assertEquals(error.message, message);
    // The command line refuses it, too.
    if (words !== undefined) {
      assertThrows(() => parseCommandLine(["app.ts", ...words], NO_SOURCES), ConfigError);
    }
  });
}

Deno.test("all that is wrong is told at once", async () => {
  const error = await assertRejects(
    () =>
      serve({
        app,
        workers: -1,
        http: ["x", "127.0.0.1:0"],
        limits: { maxBodyBytes: NaN, maxConns: 0 },
        workerLimits: { loadTimeoutMs: -1 },
      }),
    SettingsError,
  );
  assertEquals(error.problems.map(({ setting }) => setting), [
    "workers",
    "limits.maxBodyBytes",
    "limits.maxConns",
    "workerLimits.loadTimeoutMs",
    "http",
  ]);
  assertEquals(error.message.split("\n").length, 5);
});

Deno.test("settings at the ends of their ranges are taken", async () => {
  await using server = await serve({
    app,
    http,
    workers: 1_024,
    backlog: 65_535,
    drainTimeoutMs: 2_147_483_647,
    limits: {
      maxBodyBytes: Infinity,
      maxHeaderBytes: 262_144,
      headerTimeoutMs: Infinity,
      requestTimeoutMs: 0,
      bodyIdleTimeoutMs: 60_000.5,
    },
    workerLimits: { maxWorkerMemoryBytes: Infinity, hangTimeoutMs: Infinity, maxWorkerAgeMs: 0 },
  });
  const { port } = server.addresses[0] as Deno.NetAddr;
  assertEquals(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "ok");
  for (const graceMs of [NaN, -1, "1" as unknown as number]) {
    const error = await assertRejects(() => server.shutdown({ graceMs }), SettingsError);
    assertEquals(error.problems[0].setting, "graceMs");
  }
  assertEquals(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "ok");
});

Deno.test("FastCgiServer and FastCgiClient check their numbers, too", async () => {
  const listen = (options: object) => FastCgiServer.listen("127.0.0.1:0", () => {}, options);
  for (
    const options of [{ backlog: 0 }, { limits: { maxReqs: 0 } }, { limits: { maxConns: NaN } }]
  ) {
    await assertRejects(() => listen(options), SettingsError);
  }
  const client = (options: object) => new FastCgiClient("127.0.0.1:9000", options);
  for (
    const options of [
      { requestsPerConnection: 0 },
      { requestsPerConnection: 65_536 },
      { maxConnections: 0.5 },
      { idleTimeoutMs: -1 },
    ]
  ) {
    assertThrows(() => client(options), SettingsError);
  }
});
