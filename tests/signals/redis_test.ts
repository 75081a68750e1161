import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { freePort } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { REDIS_PROGRAMS, RedisServer } from "../support/redis.ts";
import type { RedisProgram } from "../support/redis.ts";
import app from "./signals_app.ts";
import type { Context } from "../../src/worker/context.ts";
import { ConfigError } from "../../src/base/errors.ts";
import type { Server } from "../../mod.ts";
import { serve } from "../../mod.ts";
import { parseRedisUrl } from "../../src/signals/redis_address.ts";

const APP = new URL("./signals_app.ts", import.meta.url).pathname;

/** A test with each program that there is. */
function withEach(
  name: string,
  body: (program: RedisProgram, test: Deno.TestContext) => Promise<void>,
): void {
  if (REDIS_PROGRAMS.length === 0) Deno.test.ignore(name, () => {});
  for (const program of REDIS_PROGRAMS) {
    Deno.test(`${name} (${program})`, (test) => body(program, test));
  }
}

async function ask({ port }: Pick<GatewayProcess, "port">, path: string): Promise<string> {
  using client = await RawClient.connect(port);
  await client.send(get(path));
  return (await client.receive()).body;
}

async function startMachine(redis: RedisServer, ...args: string[]): Promise<GatewayProcess> {
  const url = `redis://127.0.0.1:${redis.port}/1`;
  const gateway = await startGateway([APP, `--signals=${url}`, "--workers=1", ...args]);
  await gateway.logged(/^signals go through Redis at 127\.0\.0\.1:\d+$/);
  return gateway;
}

async function waiting(gateway: GatewayProcess, name: string, count: number): Promise<void> {
  while (await ask(gateway, `/waiting?name=${name}`) !== String(count)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

withEach("signals and topics reach other machines through Redis", async (program, test) => {
  await using redis = await RedisServer.start(program);
  await using one = await startMachine(redis);
  await using two = await startMachine(redis, "--processes=2");
  const both = [one, two];

  await test.step("a signal wakes all that wait for it, and counts them", async () => {
    const waiters = Array.from({ length: 10 }, (_, i) => ask(both[i % 2], "/wait?name=all"));
    await waiting(one, "all", 10);
    assertEquals(await ask(two, "/send?name=all&value=news"), "10");
    assertEquals(new Set(await Promise.all(waiters)), new Set(['"news"']));
    assertEquals(await ask(one, "/send?name=all&value=news"), "0");
  });

  await test.step("a signal for one wakes each that waits once, wherever it is", async () => {
    const waiters = Array.from({ length: 8 }, (_, i) => ask(both[i % 2], "/wait?name=one"));
    await waiting(one, "one", 8);
    const sent: string[] = [];
    for (let i = 0; i < 10; i++) {
      sent.push(await ask(one, `/send?name=one&value=${i}&wake=one`));
    }
    assertEquals(sent.join(""), "1111111100");
    assertEquals(new Set(await Promise.all(waiters)).size, 8);
  });

  await test.step("a subscriber resumes at another machine, and follows", async () => {
    const first = await ask(one, "/publish?name=topic&value=a");
    await ask(two, "/publish?name=topic&value=b");
    const live = ask(two, `/read?name=topic&after=${first}&count=3`);
    await ask(one, "/publish?name=topic&value=c");
    await ask(two, "/publish?name=topic&value=d");
    assertEquals(await live, '"b","c","d"');
    assertEquals(await ask(one, "/read?name=topic&after=0&count=4"), '"a","b","c","d"');
  });

  await test.step("a gap is told, and only where there is one", async () => {
    for (const after of ["nonsense", "99999999999999-0"]) {
      assertEquals(await ask(one, `/read?name=topic&after=${after}&count=2`), 'gap,"a"', after);
    }
    const before = await ask(one, "/publish?name=long&value=before");
    await ask(one, "/publish?name=long&count=1000");
    assertEquals(await ask(two, `/read?name=long&after=${before}&count=2`), "0,1");
    await ask(one, "/publish?name=long&value=last");
    assertEquals(await ask(two, `/read?name=long&after=${before}&count=2`), "gap,1");
    assertEquals(await ask(two, "/read?name=long&after=0&count=1000").then(lastOf), '"last"');
    assertEquals(await ask(two, "/slow?name=slow&count=900"), "900 0 true");
  });
});

/** Publishes values of so many bytes, or reads all that is kept of a topic: how long each value is. */
async function sizesApp(request: Request, { topics }: Context): Promise<Response> {
  const { searchParams } = new URL(request.url);
  const sizes = searchParams.getAll("size").map(Number);
  for (const size of sizes) await topics.publish("sizes", "x".repeat(size));
  if (sizes.length > 0) return new Response();
  const last = await topics.publish("sizes", "");
  const lengths: number[] = [];
  for await (const event of topics.subscribe("sizes", { after: "0" })) {
    if (event.kind === "gap") throw new Error("a gap");
    const { length } = event.value as string;
    if (length > 0) lengths.push(length);
    if (event.id === last) break;
  }
  return new Response(lengths.join());
}

withEach(
  "a topic's history has a bound in bytes, also if Redis has evicted part of it",
  async (program) => {
    await using redis = await RedisServer.start(program);
    const signals = `redis://127.0.0.1:${redis.port}`;
    const ready = Promise.withResolvers<void>();
    const log = (_level: string, line: string) => /^signals go/.test(line) && ready.resolve();
    await using server = await serve({ app: sizesApp, http: "127.0.0.1:0", signals, log });
    const { port } = server.addresses[0] as Deno.NetAddr;
    await ready.promise;
    const publish = async (size: number, count: number) => {
      const sizes = Array.from({ length: count }, () => `size=${size}`);
      await ask({ port }, `/?${sizes.join("&")}`);
    };
    const kept = () => ask({ port }, "/");
    const times = (size: number, count: number) => Array.from({ length: count }, () => size);
    // 17 such values, and no more, are a MiB.
    await publish(60_000, 20);
    assertEquals(await kept(), times(60_000, 17).join());
    await redis.command("DEL", "gatehouse:bytes:sizes");
    await publish(60_000, 1);
    assertEquals(await kept(), times(60_000, 17).join());
    // What is dropped makes room: for three of these, two of the others.
    await publish(30_000, 3);
    assertEquals(await kept(), [...times(60_000, 15), ...times(30_000, 3)].join());
    await redis.command("DEL", "gatehouse:topic:sizes");
    await publish(60_000, 3);
    assertEquals(await kept(), times(60_000, 3).join());
  },
);

function lastOf(list: string): string {
  return list.slice(list.lastIndexOf(",") + 1);
}

withEach(
  "Redis that is killed and started again under load loses nothing that was acknowledged",
  async (program) => {
    // Otherwise Redis answers up to two seconds before it writes.
    await using redis = await RedisServer.start(program, "--appendfsync", "always");
    await using one = await startMachine(redis);
    await using two = await startMachine(redis);
    const first = await ask(one, "/publish?name=load&value=first");
    const following = ask(two, `/read?name=load&after=${first}&until=end`);
    const acknowledged: string[] = [];
    let isOver = false;
    let failures = 0;
    const publishers = Array.from({ length: 4 }, async (_, publisher) => {
      for (let i = 0; !isOver; i++) {
        const value = `${publisher}-${i}`;
        const answer = await ask(one, `/publish?name=load&value=${value}`);
        if (/^\d+-\d+$/.test(answer)) acknowledged.push(value);
        else {
          assert(answer.startsWith("SignalDeliveryError: "), answer);
          failures++;
        }
      }
    });
    for (let kills = 0; kills < 3; kills++) {
      const { length } = acknowledged;
      while (acknowledged.length < length + 40) await new Promise((wake) => setTimeout(wake, 10));
      await redis.killAndRestart();
    }
    const { length } = acknowledged;
    while (acknowledged.length < length + 20) await new Promise((wake) => setTimeout(wake, 10));
    isOver = true;
    await Promise.all(publishers);
    while (!/^\d/.test(await ask(one, "/publish?name=load&value=end")));
    const got = (await following).split(",").map((each) => each.replaceAll('"', ""));
    assert(failures > 0, "nobody has noticed");
    assertEquals(new Set(got).size, got.length, "nothing comes twice");
    const missing = acknowledged.filter((value) => !got.includes(value));
    assertEquals(missing, []);
    assert(!got.includes("gap"));
  },
);

withEach(
  "a gateway serves without Redis, says so once, and finds it when it is there",
  async (program) => {
    let port: number;
    {
      await using gone = await RedisServer.start(program);
      port = gone.port;
    }
    const url = `redis://:sesame@127.0.0.1:${port}`;
    await using gateway = await startGateway([APP, `--signals=${url}`, "--workers=1"]);
    for (const path of ["/publish?name=a&value=1", "/send?name=a&value=1"]) {
      const answer = await ask(gateway, path);
      assertEquals(answer, `SignalDeliveryError: Redis at 127.0.0.1:${port} is away`, path);
    }
    assert(/^\d+$/.test(await ask(gateway, "/")));
    await new Promise((resolve) => setTimeout(resolve, 500));
    assertEquals(gateway.log.filter((line) => /refused/i.test(line)).length, 1);
    assert(!gateway.log.some((line) => line.includes("sesame")), gateway.log.join("\n"));
  },
);

withEach("a password opens the server, and is in no log and no status", async (program) => {
  await using redis = await RedisServer.start(program, "--requirepass", "sesame");
  const url = (password: string) => `redis://:${password}@127.0.0.1:${redis.port}`;
  {
    const env = { GATEHOUSE_SIGNALS: url("sesame") };
    await using gateway = await startGateway([APP, "--workers=1"], { env });
    await gateway.logged(/^signals go through/);
    assert(/^\d+-\d+$/.test(await ask(gateway, "/publish?name=a&value=1")));
    assert(!gateway.log.some((line) => line.includes("sesame")));
  }
  await using gateway = await startGateway([APP, "--workers=1", `--signals=${url("cesamo")}`]);
  await gateway.logged(/WRONGPASS|NOAUTH/);
  assert(!gateway.log.some((line) => line.includes("cesamo")));
  const [own, ...first] = FROM_SOURCE;
  const { stdout, stderr } = await new Deno.Command(own, {
    args: [...first, "config", "show", APP, `--signals=${url("cesamo")}`],
  }).output();
  const shown = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert(shown.includes("signals"), shown);
  assert(!shown.includes("cesamo"), shown);
});

for (
  const [text, expected] of [
    ["redis://a", { host: "a", port: 6379, database: 0, transport: "plain" }],
    ["rediss://u:p%40@[::1]:7/3", {
      host: "::1",
      port: 7,
      database: 3,
      transport: "tls",
      username: "u",
      password: "p@",
    }],
    ["redis://:p@a/", { host: "a", port: 6379, database: 0, transport: "plain", password: "p" }],
  ] as const
) {
  Deno.test(`the server ${text}`, () => {
    const nobody = { username: undefined, password: undefined };
    assertEquals(parseRedisUrl(text, "--signals"), { ...nobody, ...expected });
  });
}

for (
  const text of [
    "",
    "localhost",
    "http://:sesame@a",
    "redis://",
    "redis://:sesame@a/x",
    "redis://:sesame@a/1/2",
    "redis://:sesame@a?b",
    "redis://:sesame@a#b",
    "redis://:sesame@a:99999",
    "redis://:sesame%@a",
  ]
) {
  Deno.test(`${JSON.stringify(text)} names no server, and that is said without passwords`, () => {
    const error = assertThrows(() => parseRedisUrl(text, "--signals"), ConfigError);
    assert(!error.message.includes("sesame"));
  });
}

withEach("gateways of serve() reach others through Redis", async (program) => {
  await using redis = await RedisServer.start(program);
  const signals = `redis://127.0.0.1:${redis.port}/1`;
  const lines: string[] = [];
  const log = (_level: string, line: string) => void lines.push(line);
  await using one = await serve({ app, http: "127.0.0.1:0", signals, log });
  await using two = await serve({ app: APP, http: "127.0.0.1:0", workers: 1, signals, log });
  const portOf = ({ addresses: [address] }: Server) => (address as Deno.NetAddr).port;
  const waiter = ask({ port: portOf(one) }, "/wait?name=library");
  while (await ask({ port: portOf(two) }, "/waiting?name=library") !== "1");
  assertEquals(await ask({ port: portOf(two) }, "/send?name=library&value=news"), "1");
  assertEquals(await waiter, '"news"');
  const told = lines.filter((line) => /^signals go through Redis at 127\.0\.0\.1:\d+$/.test(line));
  assertEquals(told.length, 2, lines.join("\n"));
});

withEach(
  "Redis is spoken to over TLS if its certificate is trusted, and else not at all",
  (program) =>
    inFolder({}, async (folder) => {
      const { certFile, keyFile } = await makeOwnCertificate(folder);
      const tlsPort = freePort();
      await using _redis = await RedisServer.start(
        program,
        ...["--tls-port", `${tlsPort}`, "--tls-auth-clients", "no", "--requirepass", "sesame"],
        ...["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", certFile],
      );
      const env = { GATEHOUSE_SIGNALS: `rediss://:sesame@127.0.0.1:${tlsPort}` };
      const trusting = { env: { ...env, NODE_EXTRA_CA_CERTS: certFile } };
      await using one = await startGateway([APP, "--workers=1"], trusting);
      await using two = await startGateway([APP, "--workers=1"], trusting);
      for (const each of [one, two]) await each.logged(/^signals go through Redis at 127/);
      const waiter = ask(two, "/wait?name=tls");
      await waiting(one, "tls", 1);
      assertEquals(await ask(one, "/send?name=tls&value=news"), "1");
      assertEquals(await waiter, '"news"');

      await using wary = await startGateway([APP, "--workers=1"], { env });
      const said = await wary.logged(/^warning: Redis at .*certificate/);
      assert(!said.includes("sesame"), said);
      assert((await ask(wary, "/publish?name=tls&value=1")).startsWith("SignalDeliveryError: "));
      await ask(one, "/publish?name=tls&value=2");
      assertEquals(await ask(two, "/read?name=tls&after=0&count=1"), '"2"');
    }),
);
