import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { FastCgiClient } from "../../mod.ts";

const APP = new URL("./node_faults_app.mjs", import.meta.url).pathname;
const BYTES = new TextDecoder("latin1");

/** What comes of each fault: the status and the body; `null` for one that is broken off. */
const FAULTS: Readonly<Record<string, readonly [status: number, body?: string | null]>> = {
  split: [200, "2"],
  badTrailers: [200, "ERR_HTTP_TRAILER_INVALID,ERR_HTTP_TRAILER_INVALID"],
  mutated: [500],
  changing: [500],
  reason: [500],
  longReason: [500],
  longReasonAmid: [500],
  longestReason: [404, "none"],
  hugeTrailers: [200, null],
  status: [500],
  many: [200, "many"],
  huge: [500],
  thrown: [500],
  afterwards: [500],
  rejected: [500],
  rejectedAmid: [200, null],
  finish: [200, "finish"],
  close: [200, "close"],
  drain: [200, null],
  timeout: [500],
  error: [200, "error"],
  again: [200, "once"],
  data: [500],
  end: [500],
  proxy: [500],
};

/** What a client gets until the connection ends, or `until` is there. */
async function answerTo(port: number, request: string, until?: RegExp): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(request));
  let read = "";
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const bytes = await conn.read(buffer);
    if (bytes === null) return read;
    read += BYTES.decode(buffer.subarray(0, bytes));
    if (until?.test(read)) return read;
  }
}

for (const workers of [0, 1]) {
  Deno.test(`a fault of an app of node:http costs its own request (--workers=${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    const { port, log } = gateway;
    for (const [name, [status, body]] of Object.entries(FAULTS)) {
      await test.step(name, async () => {
        const request = name === "data"
          ? "POST /data HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
          : `GET /${name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
        const answer = await answerTo(port, request);
        assertMatch(answer, new RegExp(`^HTTP/1.1 ${status} `));
        assert(!/\r\nx-in/i.test(answer), answer);
        if (body === null) assert(!answer.endsWith("0\r\n\r\n"), "it is not complete");
        else if (body !== undefined) assert(answer.endsWith(`\r\n\r\n${body}`), answer);
      });
    }
    await test.step("a client that leaves amid what a listener throws at", async () => {
      await answerTo(port, "GET /aborted HTTP/1.1\r\nHost: a\r\n\r\n", /begun/);
      await gateway.logged(/on purpose, in aborted/);
    });
    await test.step("clients that leave amid their uploads", async () => {
      const head = "POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc";
      await Promise.all(Array.from({ length: 50 }, () => answerTo(port, head, /^HTTP/)));
    });
    await test.step("the worker goes on, and all is in the log", async () => {
      const fine = "GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
      assertMatch(await answerTo(port, fine), /\r\n\r\nfine$/);
      for (const what of ["in finish", "in close", "in drain", "in error", "in data", "later"]) {
        assert(log.some((line) => line.includes(`on purpose, ${what}`)), what);
      }
      for (const [path, what] of [["longReason", "reason phrase"], ["hugeTrailers", "trailers"]]) {
        const line = new RegExp(
          `^error: (?:worker 1: )?GET .*/${path} failed: RangeError: the ${what} of`,
        );
        assert(log.some((each) => line.test(each)), path);
      }
      assertEquals(log.filter((line) => /died|uncaught/i.test(line)), []);
    });
  });
}

Deno.test("who asks to upgrade over FastCGI gets a 501 if the app listens for that, which is logged once", async () => {
  for (const [listens, status] of [["yes", 501], ["no", 200]] as const) {
    await using gateway = await startGateway([APP, "--workers=1", "--fastcgi=127.0.0.1:0"], {
      env: { LISTENS_FOR_UPGRADES: listens },
    });
    const line = await gateway.logged(/^listening fastcgi/);
    await using front = new FastCgiClient(/[\d.]+:\d+$/.exec(line)![0]);
    const params = { HTTP_CONNECTION: "keep-alive, Upgrade", HTTP_UPGRADE: "websocket" };
    for (let i = 0; i < 2; i++) {
      const response = await front.fetch("http://localhost/upgrade", { params });
      assertEquals([response.status, await response.text() !== ""], [status, true]);
    }
    if (listens === "yes") await gateway.logged(/listens for "upgrade"/);
    const notes = gateway.log.filter((line) => /listens for "upgrade"/.test(line));
    assertEquals(notes.length, listens === "yes" ? 1 : 0);
  }
});

/** Modules of middleware, and what an app of node:http sees behind them. */
const MIDDLEWARE: Readonly<Record<string, readonly [code: string, answer: RegExp]>> = {
  "that looks at headers": [
    "export default (next) => (request, context) => (request.headers.get('a'), next(request, context));",
    /\["\/a\/\.\.\/raw\?b",\["Host","a","X-A","1"/,
  ],
  "that changes headers": [
    "export default (next) => (request, context) => (request.headers.set('x-a', '2'), next(request, context));",
    /\["\/a\/\.\.\/raw\?b",\[.*"x-a","2"/,
  ],
  "that makes another request": [
    "export default (next) => (request, context) => next(new Request('http://b/c', request), context);",
    /\["\/c",\[.*"x-a","1"/,
  ],
  "that makes another context": [
    "export default (next) => (request, context) => next(request, { ...context, remoteAddr: context.remoteAddr," +
    " signal: context.signal });",
    /\["\/.*raw\?b",\[.*"X-A","1"/i,
  ],
  "that adds to the response": [
    "export default (next) => async (request, context) => {" +
    " const response = await next(request, context); response.headers.set('x-b', '3'); return response; };",
    /x-b: 3\r\n[^]*\["\/a\/\.\.\/raw\?b"/,
  ],
  "that reads the response": [
    "export default (next) => async (request, context) => {" +
    " const text = await (await next(request, context)).text(); return new Response(text.toUpperCase()); };",
    /\["\/A\/\.\.\/RAW\?B"/,
  ],
};

for (const [name, [code, answer]] of Object.entries(MIDDLEWARE)) {
  Deno.test(`an app of node:http is served behind middleware ${name}`, async () => {
    const file = await Deno.makeTempFile({ suffix: ".mjs" });
    await Deno.writeTextFile(file, code);
    try {
      await using gateway = await startGateway([APP, file, "--workers=1"], {
        command: FROM_SOURCE,
      });
      const request = "GET /a/../raw?b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nConnection: close\r\n\r\n";
      assertMatch(await answerTo(gateway.port, request), answer);
    } finally {
      await Deno.remove(file);
    }
  });
}
