import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "../support/assert.ts";
import { ConfigError } from "../../src/base/errors.ts";
import type { BenchSettings } from "../../src/config/bench_options.ts";
import { COMMAND_TABLES, commandUsage } from "../../src/config/command_help.ts";
import { parseCommand } from "../../src/config/command_line.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import type { FetchSettings } from "../../src/config/fetch_options.ts";
import { helpText } from "../../src/config/help.ts";

async function fetchOf(...words: string[]): Promise<FetchSettings> {
  const command = await parseCommand(["fetch", ...words]);
  assert(command.kind === "fetch");
  return command.settings;
}

async function benchOf(...words: string[]): Promise<BenchSettings> {
  const command = await parseCommand(["bench", ...words]);
  assert(command.kind === "bench");
  return command.settings;
}

Deno.test("fetch takes a subcommand, URLs and options in any order", async () => {
  const one = await fetchOf("oneraw", "-H", "A: b", "http://a/", "--header=C:d", "-X", "PUT");
  assertEquals(one.urls, ["http://a/"]);
  assertEquals(one.fields, [["A", "b"], ["C", "d"]]);
  assertEquals(one.method, "PUT");
  const socket = await fetchOf("socket", "ws://a/", "--linger", "2", "-H", "A: b");
  assertEquals([socket.action, socket.lingerMs, socket.fields], ["socket", 2_000, [["A", "b"]]]);
  const bulk = await fetchOf("bulk", "-n100", "-c", "5", "http://a/", "--", "http://b/");
  assertEquals([bulk.requestCount, bulk.connections], [100, 5]);
  assertEquals(bulk.urls, ["http://a/", "http://b/"]);
  const made = await fetchOf("bulk", "--synthesize-post", "10", "--chunk-size", "4k", "http://a/");
  assertEquals([made.chunkCount, made.chunkBytes], [10, 4_096]);
});

Deno.test("bench takes an app with options of serve, or a target", async () => {
  const served = await benchOf(
    "saturate",
    "app.ts",
    "m.ts",
    "--rate",
    "500",
    "--",
    "--workers",
    "2",
  );
  assertEquals(served.apps, ["app.ts", "m.ts"]);
  assertEquals(served.serveArgs, ["--workers", "2"]);
  assertEquals([served.rate, served.owner], [500, "loopback"]);
  const target = await benchOf(
    "stalled",
    "--target",
    "http://a/",
    "--i-own-this-host",
    "--stall=unread",
  );
  assertEquals([target.target, target.owner, target.stalls], ["http://a/", "declared", ["unread"]]);
  const mixed = await benchOf(
    "mixed",
    "--client",
    "3 GET /a",
    "--client=4 POST /b 10x1k",
    "app.ts",
    "--client",
    "2 WS /s 99",
  );
  assertEquals(mixed.clients, [
    { connections: 3, method: "GET", path: "/a", chunkCount: 0, chunkBytes: 32 },
    { connections: 4, method: "POST", path: "/b", chunkCount: 10, chunkBytes: 1_024 },
    { connections: 2, method: "WS", path: "/s", chunkCount: 0, chunkBytes: 99 },
  ]);
});

Deno.test("dispatch takes where requests come from, and where handlers connect to", async () => {
  const cases: [words: string[], source: object, endpoint: string][] = [
    [
      ["tcp://127.0.0.1:9999", "tcp://*:7000"],
      { send: "tcp://127.0.0.1:9999", recv: "tcp://127.0.0.1:9998" },
      "tcp://*:7000",
    ],
    [
      ["dispatch+tcp://[::1]:7000,name=b,capacity=9", "dispatch+tcp://[::]:0"],
      { dispatcher: "tcp://[::1]:7000", name: "b", capacity: 9 },
      "tcp://[::]:0",
    ],
    [
      ["--", "ipc://a,recv=ipc:///b", "tcp://host:1"],
      { send: "ipc:///folder/a", recv: "ipc:///b" },
      "tcp://host:1",
    ],
    [
      ["--mongrel2-config=m2.sqlite", "--mongrel2-route", "/a", "tcp://host:1"],
      { config: "/folder/m2.sqlite", choice: { route: "/a" } },
      "tcp://host:1",
    ],
  ];
  for (const [words, source, endpoint] of cases) {
    const command = await parseCommand(["dispatch", ...words], { ...NO_SOURCES, cwd: "/folder" });
    assert(command.kind === "dispatch");
    assertEquals({ ...command.settings.source }, source);
    assertEquals(command.settings.endpoint, endpoint);
  }
});

const WRONG: readonly string[][] = [
  ["fetch"],
  ["fetch", "all", "http://a/"],
  ["fetch", "oneraw"],
  ["fetch", "oneraw", "http://a/", "http://b/"],
  ["fetch", "oneraw", "-n", "2", "http://a/"],
  ["fetch", "oneraw", "http://a/", "--output", "pretty"],
  ["fetch", "oneraw", "http://a/", "-d", "x", "--synthesize-post", "1"],
  ["fetch", "oneraw", "--linger", "2", "http://a/"],
  ["fetch", "socket"],
  ["fetch", "socket", "ws://a/", "ws://b/"],
  ["fetch", "socket", "ws://a/", "-d", "x"],
  ["fetch", "socket", "ws://a/", "-X", "POST"],
  ["fetch", "socket", "ws://a/", "--linger", "600h"],
  ["fetch", "bulk", "--request", "f", "http://a/"],
  ["fetch", "bulk", "-n", "0", "http://a/"],
  ["fetch", "bulk", "-n", "http://a/"],
  ["fetch", "bulk", "-H", "no colon", "http://a/"],
  ["fetch", "bulk", "--chunk-size", "0", "http://a/"],
  ["fetch", "bulk", "--timeout", "0", "http://a/"],
  ["fetch", "bulk", "--json", "a", "--json", "b", "http://a/"],
  ["fetch", "bulk", "http://a/", "--json"],
  ["fetch", "bulk", "--unknown", "http://a/"],
  ["--workers", "2", "fetch", "bulk"],
  ["bench"],
  ["dispatch"],
  ["dispatch", "tcp://127.0.0.1:9999"],
  ["dispatch", "tcp://127.0.0.1:9999", "tcp://*:7000", "tcp://*:7001"],
  ["dispatch", "tcp://127.0.0.1:9999,uploads-start=early", "tcp://*:7000"],
  ["dispatch", "tcp://127.0.0.1:9999,chroot=/m2,uploads=/uploads", "tcp://*:7000"],
  ["dispatch", "dispatch+tcp://127.0.0.1:9999,route=strip", "tcp://*:7000"],
  ["dispatch", "127.0.0.1:9999", "tcp://*:7000"],
  ["dispatch", "tcp://127.0.0.1:9999", "7000"],
  ["dispatch", "tcp://127.0.0.1:9999", "tcp://*:70000"],
  ["dispatch", "tcp://127.0.0.1:9999", "tcp://host"],
  ["dispatch", "tcp://127.0.0.1:9999", "udp://host:1"],
  ["dispatch", "tcp://127.0.0.1:9999", "tcp://a b:1"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--ping-interval", "0"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--ping-interval", "2h"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--queue-timeout", "0"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--max-queue", "-1"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--max-held-bytes", "unlimited"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--log-level", "loud"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--workers", "2"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--sticky=yes"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--sticky", "--sticky-cookie", "sid"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--sticky-cookie", "a", "--sticky-regex", "b"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--sticky-cookie", "a b"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--sticky-header", "x:y"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--sticky-regex="],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--curve-secret-key", "k"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--curve-clients", "k"],
  ["dispatch", "--mongrel2-config", "f", "tcp://a:2", "tcp://b:1"],
  ["dispatch", "--mongrel2-config", "f"],
  ["dispatch", "--mongrel2-route", "/a", "tcp://a:2", "tcp://b:1"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--request-timeout", "-1"],
  ["dispatch", "tcp://a:2", "tcp://b:1", "--status-control", "f"],
  ["dispatch", "keygen"],
  ["dispatch", "keygen", "a", "b"],
  ["dispatch", "keygen", "a", "--sticky"],
  ["dispatch", "keygen", "--curve-clients", "k", "a"],
  ["bench", "everything", "app.ts"],
  ["bench", "saturate"],
  ["bench", "saturate", "app.ts", "--target", "http://a/"],
  ["bench", "saturate", "--target", "http://a/", "--", "--workers", "2"],
  ["bench", "saturate", "--target", "http://a/", "--profile", "d"],
  ["bench", "saturate", "app.ts", "--client", "1 GET /"],
  ["bench", "saturate", "app.ts", "--i-own-this-host=yes"],
  ["bench", "saturate", "app.ts", "--protocol", "spdy"],
  ["bench", "mixed", "app.ts", "--client", "GET /"],
  ["bench", "mixed", "app.ts", "--client", "1 GET path"],
  ["bench", "mixed", "app.ts", "--client", "1 POST / 1024"],
  ["bench", "mixed", "app.ts", "--client", "1 WS / 2x1024"],
  ["bench", "mixed", "app.ts", "--client", "0 GET /"],
  ["bench", "stalled", "app.ts", "--stall", "silent,loud"],
];

Deno.test("dispatch shows the settings of IN that it takes, and says of others whose they are", async () => {
  const cases: [text: string, message: RegExp][] = [
    ["tcp://a", /write tcp:\/\/HOST:PORT\[,recv=ENDPOINT\]\[,ident=ID\]$/],
    ["dispatch+tcp://a", /write dispatch\+tcp:\/\/HOST:PORT\[,name=NAME\]\[,capacity=N\]\[,curve-/],
    ["tcp://a:9,route=mount", /^IN: ,route= is for the handlers: a dispatcher passes/],
  ];
  for (const [text, message] of cases) {
    const error = await assertRejects(
      () => parseCommand(["dispatch", text, "tcp://*:7000"]),
      ConfigError,
    );
    assertMatch(error.message, message);
  }
});

for (const words of WRONG) {
  Deno.test(`gatehouse ${words.join(" ")} is wrong usage`, async () => {
    await assertRejects(() => parseCommand(words), ConfigError);
  });
}

Deno.test("an option that is nearly right is suggested", async () => {
  const { message } = await assertRejects(
    () => fetchOf("bulk", "--conections", "2", "x"),
    ConfigError,
  );
  assertStringIncludes(message, "did you mean --connections?");
});

Deno.test("commands with options of their own have help, with all that their tables have", async () => {
  for (const { name, options, subcommands } of COMMAND_TABLES) {
    assertEquals(await parseCommand([name, subcommands[0].name || "x", "--help"]), {
      kind: "help",
      topic: name,
    });
    const text = helpText(name);
    for (const option of options) assertStringIncludes(text, `--${option.name}`);
    for (const subcommand of subcommands) {
      const { without = [] } = subcommand;
      assertStringIncludes(text, commandUsage(name, subcommand));
      const known = options.map((option) => option.name);
      assertEquals(without.filter((option) => !known.includes(option)), []);
    }
    assertEquals(new Set(options.map((option) => option.name)).size, options.length);
    const letters = options.flatMap(({ letter }) => letter ?? []);
    assertEquals(new Set(letters).size, letters.length);
  }
});
