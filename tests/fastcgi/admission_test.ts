/** What a web server may send before, beside and between the parameters of its requests. */
import { FaultLog } from "../../src/net/fault_log.ts";
import { assert, assertEquals } from "../support/assert.ts";
import {
  ABORT_REQUEST,
  AUTHORIZER,
  begin,
  bothWays,
  DATA,
  encodePairs,
  END_REQUEST,
  FILTER,
  opening,
  OVERLOADED,
  PARAMS,
  paramsOf,
  pieces,
  RawFastCgiClient,
  record,
  request,
  STDERR,
  STDIN,
  STDOUT,
  stream,
} from "../support/fastcgi.ts";

// FastCGI 1.0, 3.3.
bothWays("records of an inactive request are ignored, whatever they are", async (gateway) => {
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  await client.ask(1, "/");
  const types = [
    ABORT_REQUEST,
    END_REQUEST,
    PARAMS,
    STDIN,
    STDOUT,
    STDERR,
    DATA,
    9,
    10,
    11,
    12,
    255,
  ];
  const strays = [1, 7].flatMap((id) =>
    types.flatMap((
      type,
    ) => [record(type, id), record(type, id, "odd", 5), record(type, id, "x".repeat(8))])
  );
  await client.send(opening(2, "/text", { body: "ab" }), pieces(STDIN, 2, "a"));
  await client.send(...strays);
  await client.send(stream(STDIN, 2, "b"));
  assertEquals((await client.reply(2)).body, "ab");
  assertEquals((await client.ask(1, "/")).body, "hello");
  assertEquals(client.endings, [1, 2, 1]);
});

bothWays(
  "what an application alone may send ends the connection of an active request",
  async (gateway) => {
    for (const type of [END_REQUEST, STDOUT, STDERR, 10, 11]) {
      using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
      await client.send(opening(1, "/text", { body: "ab" }), record(type, 1, "x".repeat(8)));
      assert(await client.closed());
    }
  },
);

const BODY = "0123456789".repeat(40_000);

// FastCGI 1.0, 3.3: records of different streams may come in any order.
bothWays("a body may come before the end of the parameters", async ({ fastcgiPort }, test) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  const bodies: [string, string][] = [["none", ""], ["a short one", "ab"], ["a long one", BODY]];
  for (const [name, body] of bodies) {
    const pairs = encodePairs(paramsOf("/text", { body }));
    const halves = [pairs.subarray(0, 30), pairs.subarray(30)];
    await test.step(name, async () => {
      await client.send(
        begin(1),
        record(PARAMS, 1, halves[0]),
        stream(STDIN, 1, body),
        record(PARAMS, 1, halves[1]),
        record(PARAMS, 1),
      );
      assertEquals((await client.reply(1)).body, body);
    });
    await test.step(`part of ${name}`, async () => {
      await client.send(begin(1), pieces(STDIN, 1, body.slice(0, 1)), stream(PARAMS, 1, pairs));
      await client.send(stream(STDIN, 1, body.slice(1)));
      assertEquals((await client.reply(1)).body, body);
    });
  }
  await test.step("the file of a filter, too", async () => {
    const pairs = encodePairs(paramsOf("/filter", {}));
    await client.send(begin(1, FILTER), stream(DATA, 1, "file"), stream(STDIN, 1, ""));
    await client.send(stream(PARAMS, 1, pairs));
    assertEquals((await client.reply(1)).body, "FILE");
  });
});

bothWays("requests that are only begun take no room from other connections", async (gateway) => {
  using idle = await RawFastCgiClient.connect(gateway.fastcgiPort);
  for (let id = 1; id <= 64; id++) await idle.send(begin(id), record(PARAMS, id, "\x01\x01"));
  using other = await RawFastCgiClient.connect(gateway.fastcgiPort);
  for (const id of [1, 2, 3]) assertEquals((await other.ask(id, "/")).body, "hello");
  // Nor without end from the memory that their own connection may take.
  await idle.send(begin(65));
  assertEquals((await idle.reply(65)).protocolStatus, OVERLOADED);
  assertEquals((await other.ask(1, "/")).body, "hello");
  await idle.send(record(ABORT_REQUEST, 1), begin(66));
  await idle.send(stream(PARAMS, 66, encodePairs(paramsOf("/"))), record(STDIN, 66));
  assertEquals((await idle.reply(66)).body, "hello");
}, ["--max-reqs=2"]);

bothWays(
  "requests count from the end of their parameters, or their first input, on",
  async (gateway) => {
    using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
    const pairs = encodePairs(paramsOf("/text", { body: "ab" }));
    await client.send(opening(1, "/text", { body: "ab" }));
    await client.send(begin(2), pieces(STDIN, 2, "a"));
    await client.send(begin(3), pieces(STDIN, 3, "a"));
    assertEquals((await client.reply(3)).protocolStatus, OVERLOADED);
    await client.send(request(4, "/", { role: AUTHORIZER }));
    assertEquals((await client.reply(4)).protocolStatus, OVERLOADED);
    await client.send(stream(PARAMS, 2, pairs), stream(STDIN, 2, "b"), stream(STDIN, 1, "ab"));
    assertEquals([(await client.reply(1)).body, (await client.reply(2)).body], ["ab", "ab"]);
    assertEquals((await client.ask(3, "/")).body, "hello");
  },
  ["--max-reqs=2"],
);

bothWays("parameters of many requests at once are bounded together", async (gateway) => {
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  // Each is within its own bound, three times the limit.
  for (const id of [1, 2, 3]) await client.send(begin(id), record(PARAMS, id, "x".repeat(2_500)));
  assertEquals((await client.reply(3)).protocolStatus, OVERLOADED);
  await client.send(record(ABORT_REQUEST, 1), record(ABORT_REQUEST, 2));
  await client.reply(2);
  assertEquals((await client.ask(3, "/")).body, "hello");
}, ["--max-header-bytes=1000"]);

bothWays("parameters as nginx makes them of full buffers are served", async ({ fastcgiPort }) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  const path = `/${"p".repeat(8_100)}`;
  const params: Record<string, string> = {
    DOCUMENT_URI: path,
    SCRIPT_NAME: path,
    SCRIPT_FILENAME: `/usr/share/nginx/html${path}`,
    PATH_INFO: path,
  };
  for (const name of ["A", "B", "COOKIE"]) params[`HTTP_${name}`] = "v".repeat(8_150);
  assertEquals((await client.ask(1, path, { params })).status, 404);
  assertEquals((await client.ask(1, "/", { params })).body, "hello");
});

// FastCGI 1.0, 6.4.
bothWays(
  "the output of a filter waits until its STDIN is complete",
  async ({ fastcgiPort }, test) => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    const body = "x".repeat(10);
    const start = () =>
      client.send(
        opening(1, "/", { role: FILTER, body }),
        pieces(STDIN, 1, "x"),
        stream(DATA, 1, "f"),
      );
    await test.step("a response comes after it", async () => {
      await start();
      // Beside it, others are served.
      for (const id of [2, 3]) assertEquals((await client.ask(id, "/slow?ms=50")).body, "slow");
      assert(!client.seen.some(([, id]) => id === 1), "nothing was sent");
      await client.send(stream(STDIN, 1, body.slice(1)));
      const reply = await client.reply(1);
      assertEquals([reply.body, reply.appStatus, reply.stdoutEnded], ["hello", 0, true]);
    });
    await test.step("it can be aborted before", async () => {
      const { length } = client.seen;
      await start();
      await client.ask(2, "/slow?ms=50");
      await client.send(record(ABORT_REQUEST, 1));
      assert((await client.reply(1)).appStatus !== 0);
      assert(!client.seen.slice(length).some(([, id]) => id === 1));
    });
    await test.step("a web server that leaves before it harms nothing", async () => {
      using leaving = await RawFastCgiClient.connect(fastcgiPort);
      await leaving.send(opening(1, "/", { role: FILTER, body }), pieces(STDIN, 1, "x"));
      await client.ask(2, "/slow?ms=50");
      leaving[Symbol.dispose]();
      assertEquals((await client.ask(2, "/")).body, "hello");
    });
  },
);

bothWays(
  "what a filter says is sent in the end if the rest of STDIN does not come",
  async (gateway) => {
    using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
    await client.send(opening(1, "/", { role: FILTER, body: "abc" }), pieces(STDIN, 1, "x"));
    assertEquals((await client.reply(1)).body, "hello");
  },
  ["--body-timeout=500ms"],
);

Deno.test("a log of faults takes so many in a period, and tells how many it left out", () => {
  const lines: string[] = [];
  const faults = new FaultLog((level, text) => lines.push(`${level}: ${text}`));
  for (let i = 1; i <= 24; i++) faults.warn(`fault ${i}`, 100 + i);
  assertEquals(lines, Array.from({ length: 20 }, (_, i) => `warning: fault ${i + 1}`));
  faults.warn("fault 25", 10_101);
  faults.warn("fault 26", 10_102);
  assertEquals(lines.slice(20), [
    "warning: fault 25 (4 before it are not shown)",
    "warning: fault 26",
  ]);
});
