import { assert, assertEquals } from "../support/assert.ts";
import type { FastCgiGateway } from "../support/fastcgi.ts";
import {
  AUTHORIZER,
  begin,
  concat,
  DATA,
  encodePairs,
  eventually,
  FILTER,
  opening,
  PARAMS,
  paramsOf,
  pieces,
  RawFastCgiClient,
  record,
  request,
  startFastCgi,
  STDIN,
  STDOUT,
  stream,
} from "../support/fastcgi.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const TIMES = [
  "--header-timeout=800ms",
  "--body-timeout=800ms",
  "--idle-timeout=1s",
  "--request-timeout=4s",
];

/** A connection that ends with its case. */
async function withClient(
  gateway: FastCgiGateway,
  body: (client: RawFastCgiClient) => Promise<void>,
): Promise<void> {
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  await body(client);
}

const cases: Record<string, (client: RawFastCgiClient) => Promise<void>> = {
  "parameters that drip in are answered 408, however lively they drip": async (client) => {
    const values = encodePairs({ ...paramsOf("/"), X: "x".repeat(200) });
    const dripping = (async () => {
      await client.send(begin(1));
      for (const byte of values) {
        await client.send(record(PARAMS, 1, Uint8Array.of(byte)));
        await sleep(30);
      }
    })().catch(() => {});
    assertEquals((await client.reply(1)).status, 408);
    client[Symbol.dispose]();
    await dripping;
  },
  "parameters that stop coming are answered 408, and the connection goes on": async (client) => {
    await client.send(begin(1), record(PARAMS, 1, "\x05\x05part"));
    const reply = await client.reply(1);
    assertEquals([reply.status, reply.stdoutEnded], [408, true]);
    await client.send(record(PARAMS, 1), record(STDIN, 1));
    assertEquals((await client.ask(1, "/")).body, "hello");
  },
  "a request that is only begun is answered 408": async (client) => {
    await client.send(begin(1));
    assertEquals((await client.reply(1)).status, 408);
  },
  "a connection that never says anything is closed silently": async (client) => {
    assert(await client.closed());
  },
  "a connection with part of a record is closed silently": async (client) => {
    await client.send(begin(1).subarray(0, 5));
    assert(await client.closed());
  },
  "a connection with part of a record after a request is closed silently": async (client) => {
    await client.ask(1, "/");
    await client.send(begin(1).subarray(0, 5));
    assert(await client.closed());
  },
  "an idle connection is closed silently": async (client) => {
    await client.ask(1, "/");
    assert(await client.closed());
  },
  "a body that stops coming is answered 408, and the connection goes on": async (client) => {
    await client.send(opening(1, "/text", { body: "1234" }), pieces(STDIN, 1, "12"));
    const reply = await client.reply(1);
    assertEquals([reply.status, reply.stdoutEnded], [408, true]);
    assertEquals((await client.ask(1, "/")).body, "hello");
  },
  "a body that never comes is answered 408": async (client) => {
    await client.send(opening(1, "/text", { body: "1234" }));
    assertEquals((await client.reply(1)).status, 408);
  },
  "a body that stops coming is answered 408 on a connection that is busy": async (client) => {
    await client.send(opening(1, "/text", { body: "1234" }), pieces(STDIN, 1, "12"));
    let done = false;
    const busy = (async () => {
      for (let i = 0; i < 500 && !done; i++) {
        await client.ask(2, "/");
        await sleep(10);
      }
    })();
    const status = await Promise.race([client.reply(1).then((reply) => reply.status), busy]);
    done = true;
    assertEquals(status, 408);
    await busy;
  },
  "a body that comes slowly, but steadily, is waited for": async (client) => {
    await client.send(opening(1, "/text", { body: "123456789" }));
    for (const char of "123456789") {
      await client.send(pieces(STDIN, 1, char));
      await sleep(150);
    }
    await client.send(record(STDIN, 1));
    assertEquals((await client.reply(1)).body, "123456789");
  },
  "a filter's file that stops coming is answered 408": async (client) => {
    await client.send(opening(1, "/filter?ms=9", { role: FILTER }), record(STDIN, 1));
    await client.send(opening(2, "/text", { body: "1", role: FILTER }), stream(STDIN, 2, "1"));
    await client.send(pieces(DATA, 1, "some"));
    await client.saw(STDOUT, 1);
    assertEquals((await client.reply(2)).body, "1");
    const ended = await client.reply(1).catch(() => null);
    assert(ended === null || ended.appStatus !== 0, "it had begun: it breaks off");
  },
  "an authorizer's request is complete with its parameters": async (client) => {
    await client.send(opening(1, "/slow?ms=1600", { role: AUTHORIZER }));
    assertEquals((await client.reply(1)).status, 200);
  },
  "an app that takes its time for an answer is waited for": async (client) => {
    assertEquals((await client.ask(1, "/slow?ms=1600", { body: "1" })).body, "slow");
  },
  "a connection is idle from the end of its last answer on": async (client) => {
    assertEquals((await client.ask(1, "/slow?ms=1600")).body, "slow");
    // Longer than it takes to look at the time limits, shorter than this one.
    await sleep(400);
    assertEquals((await client.ask(1, "/")).body, "hello");
  },
  "an app that does not answer in time: 504, and its signal fires": async (client) => {
    const reply = await client.ask(1, "/hang");
    assertEquals([reply.status, reply.stdoutEnded], [504, true]);
    assert(reply.appStatus !== 0);
    const tally = JSON.parse((await client.ask(1, "/tally")).body);
    assert(tally.aborted >= 1);
  },
  "a body that nobody reads any more costs the next request no time limit": async (client) => {
    // It is held up when the app answers.
    await client.send(request(1, "/unread?ms=60", { body: "x".repeat(1_000_000) }));
    assertEquals((await client.reply(1)).body, "unread");
    await client.send(opening(2, "/text", { body: "1234" }));
    assertEquals((await client.reply(2)).status, 408);
  },
  "a web server that stops reading is cut off": async (client) => {
    await client.send(request(1, "/bytes?n=100000000"));
    await sleep(2_500);
    let bytes = 0;
    const chunk = new Uint8Array(262_144);
    for (;;) {
      const read = await client.conn.read(chunk).catch(() => null);
      if (read === null) break;
      bytes += read;
    }
    assert(bytes < 100_000_000);
  },
};

for (const workers of ["1", "0"]) {
  Deno.test(`time limits end what takes too long (--workers ${workers})`, async (test) => {
    await using gateway = await startFastCgi([APP, "--workers", workers, ...TIMES]);
    await Promise.all(
      Object.entries(cases).map(([name, body]) =>
        test.step({
          name,
          sanitizeOps: false,
          sanitizeResources: false,
          sanitizeExit: false,
          fn: () => withClient(gateway, body),
        })
      ),
    );
    assertEquals(gateway.log.filter((line) => /^error/.test(line)), []);
  });
}

Deno.test("the time for a body does not run while the app is not reading", async () => {
  await using gateway = await startFastCgi([APP, "--workers=1", "--body-timeout=400ms"]);
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  // One window's worth, so that nothing more is asked for until the app reads on.
  const [first, rest] = ["x".repeat(262_144), "y".repeat(100_000)];
  await client.send(opening(1, "/slow-read?ms=1200", { body: first + rest }));
  await client.send(pieces(STDIN, 1, first));
  await sleep(1_300);
  await client.send(stream(STDIN, 1, rest));
  assertEquals((await client.reply(1)).body, String(first.length + rest.length));
});

Deno.test("a connection carries as many requests as it may", async () => {
  await using gateway = await startFastCgi([
    APP,
    "--workers=1",
    "--max-requests-per-connection=3",
  ]);
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  for (const id of [1, 2, 3]) assertEquals((await client.ask(id, "/")).body, "hello");
  assert(await client.closed());
});

Deno.test("--no-keep-alive closes each connection after its request", async () => {
  await using gateway = await startFastCgi([APP, "--workers=0", "--no-keep-alive"]);
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  assertEquals((await client.ask(1, "/")).body, "hello");
  assert(await client.closed());
});

for (const workers of ["1", "0"]) {
  Deno.test(`SIGTERM finishes what is under way (--workers ${workers})`, async () => {
    await using gateway = await startFastCgi([APP, "--workers", workers]);
    const { fastcgiPort } = gateway;
    using busy = await RawFastCgiClient.connect(fastcgiPort);
    using idle = await RawFastCgiClient.connect(fastcgiPort);
    assertEquals((await idle.ask(1, "/")).body, "hello");
    await busy.send(opening(1, "/text", { body: "1234" }), pieces(STDIN, 1, "12"));
    await busy.send(request(2, "/held", { body: "a" }));
    assertEquals((await busy.ask(3, "/")).body, "hello");
    gateway.kill("SIGTERM");
    assert(await idle.closed(), "idle connections are closed at once");
    await eventually(
      "nobody listens",
      () =>
        Deno.connect({ hostname: "127.0.0.1", port: fastcgiPort }).then((conn) => {
          conn.close();
          return false;
        }, () => true),
    );
    await busy.send(stream(STDIN, 1, "34"), request(4, "/release"));
    assertEquals((await busy.reply(1)).body, "1234");
    assertEquals((await busy.reply(2)).body, "1 97");
    assertEquals((await busy.reply(4)).body, "released");
    assert(await busy.closed(), "KEEP_CONN or not");
    assertEquals((await gateway.status).code, 0);
  });
}

Deno.test("one gateway serves HTTP and FastCGI, at several addresses", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/app.sock`;
    await using gateway = await startFastCgi([
      APP,
      "--workers=1",
      "--http",
      "127.0.0.1:0",
      "--fastcgi",
      "127.0.0.1:0",
      "--fastcgi",
      `unix:${path},mode=0600`,
    ]);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    for (const target of [gateway.fastcgiPort, { path }]) {
      using client = await RawFastCgiClient.connect(target);
      assertEquals((await client.ask(1, "/")).body, "hello");
      const { localAddr, remoteAddr, url } = JSON.parse((await client.ask(2, "/info")).body);
      assertEquals(localAddr.transport, typeof target === "number" ? "tcp" : "unix");
      assertEquals(remoteAddr.transport, typeof target === "number" ? "tcp" : "unix");
      assertEquals(url, "http://localhost/info");
      await client.send(record(9, 0, "\x01"));
      assert(await client.closed());
    }
    assertEquals(await (await fetch(`${gateway.url}/`)).text(), "hello");
    const [one, other] = await Promise.all([
      fetch(`${gateway.url}/worker`).then((response) => response.text()),
      (async () => {
        using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
        return (await client.ask(1, "/worker")).body;
      })(),
    ]);
    assertEquals(one, other, "they share the apps");
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    await eventually("the socket is removed", () => Deno.lstat(path).then(() => false, () => true));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("FCGI_WEB_SERVER_ADDRS says who may connect", async (test) => {
  await test.step("others are refused", async () => {
    await using gateway = await startFastCgi([APP, "--workers=0"], {
      env: { FCGI_WEB_SERVER_ADDRS: "192.0.2.1,192.0.2.2" },
    });
    using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
    await client.send(request(1, "/")).catch(() => {});
    assert(await client.closed());
    await gateway.logged(/^warning: .*127\.0\.0\.1 is not among FCGI_WEB_SERVER_ADDRS/);
  });
  for (const list of ["127.0.0.1", "192.0.2.1, 127.0.0.1", ""]) {
    await test.step(`${JSON.stringify(list)} lets this one in`, async () => {
      await using gateway = await startFastCgi([APP, "--workers=0"], {
        env: { FCGI_WEB_SERVER_ADDRS: list },
      });
      using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
      assertEquals((await client.ask(1, "/")).body, "hello");
    });
  }
});

Deno.test("a response of one piece after another leaves each connection usable", async () => {
  await using gateway = await startFastCgi([APP, "--workers=1"]);
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  const ids = Array.from({ length: 200 }, (_, i) => i + 1);
  await client.send(concat(...ids.map((id) => request(id, `/text`, { body: `${id}` }))));
  for (const id of ids) assertEquals((await client.reply(id)).body, `${id}`);
});
