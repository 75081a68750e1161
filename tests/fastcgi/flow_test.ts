import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import {
  ABORT_REQUEST,
  begin,
  bothWays,
  concat,
  eventually,
  GET_VALUES,
  opening,
  PARAMS,
  pieces,
  RawFastCgiClient,
  record,
  request,
  REQUEST_COMPLETE,
  startFastCgi,
  STDIN,
  STDOUT,
  stream,
} from "../support/fastcgi.ts";
import { residentBytes } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const MEGABYTE = 1_048_576;

/** What the app has counted so far. */
async function tallies(port: number): Promise<{ aborted: number; cancelled: number }> {
  using client = await RawFastCgiClient.connect(port);
  return JSON.parse((await client.ask(1, "/tally")).body);
}

async function tally(port: number, name: "aborted" | "cancelled"): Promise<number> {
  return (await tallies(port))[name];
}

bothWays("a request can be aborted", async ({ fastcgiPort }, test) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  const before = await tallies(fastcgiPort);
  await test.step("while the app works on it: END_REQUEST, and the app's signal fires", async () => {
    await client.send(request(1, "/hang"));
    // The app is called in the order of the requests.
    assertEquals((await client.ask(2, "/")).body, "hello");
    await client.send(record(ABORT_REQUEST, 1));
    const reply = await client.reply(1);
    assert(reply.appStatus !== 0);
    assertEquals([reply.protocolStatus, reply.stdout], [REQUEST_COMPLETE, ""]);
    await eventually(
      "the signal has fired",
      async () => await tally(fastcgiPort, "aborted") === before.aborted + 1,
    );
  });
  await test.step("while it is answered", async () => {
    await client.send(request(1, "/stream?count=1000000&ms=5"));
    await client.saw(STDOUT, 1);
    await client.send(record(ABORT_REQUEST, 1, "", 7));
    const reply = await client.reply(1);
    assert(reply.appStatus !== 0 && !reply.stdoutEnded);
    await eventually(
      "it is cancelled",
      async () => await tally(fastcgiPort, "cancelled") === before.cancelled + 1,
    );
  });
  const parts: [string, Uint8Array][] = [
    ["before its parameters", begin(3)],
    ["within its parameters", concat(begin(3), record(PARAMS, 3, "\x05\x05part"))],
    ["within its body", concat(opening(3, "/text", { body: "12" }), pieces(STDIN, 3, "1"))],
    ["before its body", opening(3, "/text", { body: "12" })],
  ];
  for (const [name, bytes] of parts) {
    await test.step(name, async () => {
      await client.send(bytes, record(ABORT_REQUEST, 3));
      const reply = await client.reply(3);
      assert(reply.appStatus !== 0);
      assertEquals([reply.protocolStatus, reply.stdout], [REQUEST_COMPLETE, ""]);
      // What was on its way meanwhile.
      await client.send(stream(STDIN, 3, "2"));
      assertEquals((await client.ask(3, "/")).body, "hello");
    });
  }
  await test.step("without KEEP_CONN the connection ends with it", async () => {
    using other = await RawFastCgiClient.connect(fastcgiPort);
    await other.send(opening(1, "/text", { body: "12", keepConn: false }));
    await other.send(record(ABORT_REQUEST, 1));
    assert((await other.reply(1)).appStatus !== 0);
    assert(await other.closed());
  });
});

bothWays("a web server that goes away is noticed by the app", async ({ fastcgiPort }, test) => {
  const leave = async (bytes: Uint8Array) => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(bytes);
    assertEquals((await client.ask(9, "/")).body, "hello");
  };
  const before = await tallies(fastcgiPort);
  let expected = before.aborted;
  const hang = { body: "12", params: { CONTENT_LENGTH: "2" } };
  const cases: [string, Uint8Array][] = [
    ["after a complete request", request(1, "/hang")],
    ["within a body", concat(opening(1, "/hang", hang), pieces(STDIN, 1, "1"))],
    ["within a record", concat(request(1, "/hang"), begin(2))],
  ];
  for (const [name, bytes] of cases) {
    await test.step(name, async () => {
      await leave(bytes);
      expected++;
      await eventually(
        "the signal has fired",
        async () => await tally(fastcgiPort, "aborted") === expected,
      );
    });
  }
  await test.step("within its answer", async () => {
    {
      using client = await RawFastCgiClient.connect(fastcgiPort);
      await client.send(request(1, "/stream?count=1000000&ms=5"));
      await client.saw(STDOUT, 1);
    }
    await eventually(
      "it is cancelled",
      async () => await tally(fastcgiPort, "cancelled") === before.cancelled + 1,
    );
  });
});

bothWays("a web server that half closes its connection", async ({ fastcgiPort }, test) => {
  await test.step("gets the answers to complete requests", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(request(1, "/slow?ms=300"), request(2, "/"));
    await client.closeWrite();
    assertEquals((await client.reply(2)).body, "hello");
    assertEquals((await client.reply(1)).body, "slow");
    assert(await client.closed());
  });
  await test.step("gets a long answer whole", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(request(1, "/bytes?n=5000000"));
    await client.closeWrite();
    assertEquals((await client.reply(1)).body.length, 5_000_000);
    assert(await client.closed());
  });
  await test.step("gives up what is not complete", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(opening(1, "/text", { body: "12" }), pieces(STDIN, 1, "1"));
    await client.closeWrite();
    assert((await client.reply(1)).appStatus !== 0);
    assert(await client.closed());
  });
  await test.step("gets the answer to an authorizer's request, which has no STDIN", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(opening(1, "/slow?ms=100", { role: 2 }));
    await client.closeWrite();
    assertEquals((await client.reply(1)).body, "slow");
  });
});

bothWays("a body that nobody reads holds up nobody", async ({ fastcgiPort, pid }) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  // What the runtime takes for the first bodies is not counted.
  const warm = new Uint8Array(4 * MEGABYTE).fill(97);
  for (let i = 0; i < 5; i++) await client.ask(9, "/count", { body: warm });
  const before = residentBytes(pid);

  const total = 64 * MEGABYTE;
  const piece = new Uint8Array(MEGABYTE);
  for (let at = 0; at < piece.length; at++) piece[at] = (at * 7 + (at >> 8)) & 255;
  let hash = 0;
  await client.send(
    opening(1, "/held", { method: "POST", params: { CONTENT_LENGTH: String(total) } }),
  );
  let most = 0;
  for (let sent = 0, n = 0; sent < total; sent += piece.length, n++) {
    piece[0] = n;
    for (let at = 0; at < piece.length; at++) hash = Math.imul(hash, 31) + piece[at] | 0;
    await client.send(pieces(STDIN, 1, piece));
    const id = 2 + (n & 1);
    const reply = await client.ask(id, "/text", { body: `quick ${n}` });
    assertEquals(reply.body, `quick ${n}`, "others are answered meanwhile");
    most = Math.max(most, residentBytes(pid));
  }
  await client.send(record(STDIN, 1));
  assertEquals(client.endings.includes(1), false);
  assert(most - before < 40 * MEGABYTE, `${(most - before) / MEGABYTE} MB more than before`);
  await client.send(request(4, "/release"));
  assertEquals((await client.reply(1)).body, `${total} ${hash}`, "everything arrives intact");
  assertEquals((await client.ask(2, "/")).body, "hello");
});

bothWays(
  "an upload that is alone on its connection may be read slowly",
  async ({ fastcgiPort }) => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    const body = "x".repeat(8 * MEGABYTE);
    for (const path of ["/slow-read?ms=400", "/slow-read?ms=20", "/count"]) {
      const sending = client.send(request(1, path, { body }));
      assertEquals((await client.reply(1)).body, String(body.length));
      await sending;
    }
    const sending = client.send(request(1, "/unread?ms=300", { body }));
    assertEquals((await client.reply(1)).body, "unread");
    await sending;
    assertEquals((await client.ask(2, "/")).body, "hello");
  },
);

bothWays("a web server that does not read gets no more than it can take", async (gateway) => {
  const { fastcgiPort, pid } = gateway;
  using other = await RawFastCgiClient.connect(fastcgiPort);
  for (let i = 0; i < 5; i++) await other.ask(1, `/bytes?n=${4 * MEGABYTE}`);
  const before = residentBytes(pid);
  using client = await RawFastCgiClient.connect(fastcgiPort);
  const large = 16 * MEGABYTE;
  const ids = [1, 2, 3, 4, 5];
  await client.send(...ids.map((id) => request(id, `/bytes?n=${large}`)));
  let most = 0;
  for (let i = 0; i < 100; i++) {
    assertEquals((await other.ask(1, "/text", { body: `${i}` })).body, `${i}`);
    most = Math.max(most, residentBytes(pid));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert(most - before < 40 * MEGABYTE, `${(most - before) / MEGABYTE} MB more than before`);
  for (const id of ids) assertEquals((await client.reply(id)).body.length, large);
});

bothWays("an early answer to an upload is received, KEEP_CONN or not", async ({ fastcgiPort }) => {
  for (const keepConn of [false, true]) {
    for (let i = 0; i < 4; i++) {
      using client = await RawFastCgiClient.connect(fastcgiPort);
      const options = { body: "x".repeat(3_000_000), keepConn };
      const sending = client.send(request(1, "/unread", options)).then(() => true, () => false);
      assertEquals((await client.reply(1)).body, "unread");
      if (keepConn) {
        assert(await sending);
        assertEquals((await client.ask(2, "/")).body, "hello");
      } else {
        assert(await client.closed());
        client[Symbol.dispose]();
        await sending;
      }
    }
  }
});

Deno.test("a response to a web server that leaves before its end does no harm", async () => {
  await using gateway = await startFastCgi([APP, "--workers=1"]);
  const { fastcgiPort } = gateway;
  for (let i = 0; i < 20; i++) {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(request(1, `/bytes?n=${MEGABYTE}`), request(2, `/large?n=${i * 50_000}`));
    if (i % 2 === 0) await client.saw(STDOUT, 1);
  }
  using client = await RawFastCgiClient.connect(fastcgiPort);
  assertEquals((await client.ask(1, "/")).body, "hello");
  assertEquals(gateway.log.filter((line) => /^(?:error|warning)/.test(line)), []);
  using gone = await RawFastCgiClient.connect(fastcgiPort);
  gone[Symbol.dispose]();
  await assertRejects(() => gone.ask(1, "/"), Error);
});

/** Sends what `make` makes for each number from 1 to `count`, until the gateway takes no more; how many were sent. */
async function sendUnread(
  client: RawFastCgiClient,
  count: number,
  make: (id: number) => Uint8Array,
): Promise<number> {
  let sent = 0;
  (async () => {
    for (; sent < count; sent += 100) {
      await client.send(...Array.from({ length: 100 }, (_, i) => make(sent + i + 1)));
    }
    // It is cut off in the end.
  })().catch(() => {});
  for (let last = -1; last !== sent;) {
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  return sent;
}

Deno.test({
  name: "a web server that asks and never reads costs no more than a window",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const app = `const big = "x".repeat(200_000); export default () => new Response(big);`;
    await inFolder({ "app.ts": app }, async (folder) => {
      await using gateway = await startFastCgi([`${folder}/app.ts`, "--workers=1"]);
      const { fastcgiPort, pid } = gateway;
      using other = await RawFastCgiClient.connect(fastcgiPort);
      await other.ask(1, "/");
      const before = residentBytes(pid);
      using client = await RawFastCgiClient.connect(fastcgiPort);
      await sendUnread(client, 2_000, (id) => request(id, "/"));
      const grown = residentBytes(pid) - before;
      assert(grown < 64 * MEGABYTE, `it has grown by ${Math.round(grown / MEGABYTE)} MB`);
      client[Symbol.dispose]();
      await eventually("others are served", async () => {
        return (await other.ask(1, "/")).body.length === 200_000;
      });
    });
  },
});

const answeredRecords: Record<string, Uint8Array> = {
  "records that nobody knows": record(99, 0),
  "records that ask for values": record(GET_VALUES, 0, "\x0e\x00FCGI_MAX_CONNS"),
};

for (const [what, bytes] of Object.entries(answeredRecords)) {
  Deno.test(`${what} are not read without end where nobody reads the answers`, async () => {
    await using gateway = await startFastCgi([APP, "--workers=1"]);
    using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
    const count = 40_000_000 / bytes.length;
    assert(await sendUnread(client, count, () => bytes) < count);
    using other = await RawFastCgiClient.connect(gateway.fastcgiPort);
    assertEquals((await other.ask(1, "/")).body, "hello");
  });
}

Deno.test("a web server that reads late gets the answers to all that it asked", async () => {
  await using gateway = await startFastCgi([APP, "--workers=1"]);
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  const sending = (async () => {
    for (let i = 0; i < 30; i++) {
      for (let id = 1; id <= 10; id++) await client.send(request(i * 10 + id, "/large?n=100000"));
      await client.send(record(GET_VALUES, 0, "\x0e\x00FCGI_MAX_CONNS"), record(99, 0));
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (let id = 1; id <= 300; id++) {
    assertEquals((await client.reply(id)).body.length, 100_000);
  }
  for (let i = 0; i < 60; i++) await client.management();
  await sending;
});
