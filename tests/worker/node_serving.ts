/** Servers of `node:http` in apps, whatever runs them. */

import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import type { ServingLeg } from "./self_serving.ts";

/** What an answer is: its body, or also its status and some of its fields. */
interface Answer {
  readonly status?: number;
  readonly fields?: Readonly<Record<string, string | null>>;
  readonly body?: string;
}

const ROWS: readonly (readonly [path: string, init: RequestInit, Answer])[] = [
  ["text", {}, { status: 200, fields: { "content-length": "4" }, body: "text" }],
  ["text", { method: "HEAD" }, { status: 200, body: "" }],
  ["text", { method: "POST", body: "ignored" }, { body: "text" }],
  ["bytes", {}, { fields: { "content-length": "2" } }],
  ["nothing", {}, { fields: { "content-length": "0" }, body: "" }],
  ["latin1", {}, { fields: { "content-length": "1" } }],
  ["base64", {}, { body: "hello" }],
  ["later", {}, { fields: { "content-length": "5" }, body: "later" }],
  ["echo", { method: "POST", body: "echo" }, { body: "echo" }],
  ["echo", { method: "POST", body: "a".repeat(3_000_000) }, { body: "a".repeat(3_000_000) }],
  ["echo", {}, { body: "" }],
  ["awaited", { method: "PUT", body: "shout" }, { body: "SHOUT" }],
  ["asked?b=/c", { headers: { "x-a": "1", cookie: "d=e" } }, {
    fields: { "content-type": "application/json" },
    body: '["GET","/asked?b=/c","1.1","1","d=e","string","127.0.0.1","number",false,true]',
  }],
  ["kinds", {}, { body: "true,true,true,true,false,false" }],
  ["swapped", { method: "POST", body: "x" }, { fields: { "x-swapped": "yes" }, body: "x" }],
  ["cookies", {}, {
    status: 201,
    fields: { "set-cookie": "a=1, b=2, c=3", "x-a": "1" },
    body: '[1,["set-cookie","x-a"],true]',
  }],
  ["list", {}, { fields: { "x-a": "1, 2" }, body: "list" }],
  ["pairs", {}, { fields: { "x-a": "1, 2" }, body: "pairs" }],
  ["connection", {}, { fields: { trailer: "x-b", "x-b": null }, body: "left out" }],
  ["wrapped", {}, { fields: { "x-wrapped": "yes" }, body: "wrapped" }],
  ["204", {}, { status: 204, fields: { "content-length": null }, body: "" }],
  ["304", {}, { status: 304, fields: { etag: '"e"' }, body: "" }],
  ["length", {}, { fields: { "content-length": "6" }, body: "length" }],
  ["length", { method: "HEAD" }, { fields: { "content-length": "6" }, body: "" }],
  ["flushed", {}, { body: "flushed" }],
  ["calls", {}, { body: "calls back" }],
  ["large", {}, { body: "A".repeat(64 * 65_536) }],
  ["piped", {}, { body: "piped" }],
  ["finished", {}, { body: "finished" }],
  ["thrown", {}, { status: 500 }],
  ["unread", { method: "POST", body: "a".repeat(200_000) }, { body: "unread" }],
  ["read", { method: "POST", body: "a".repeat(200_000) }, { body: "read" }],
  ["codes", {}, {
    body: "ERR_INVALID_HTTP_TOKEN,ERR_INVALID_CHAR,ERR_HTTP_INVALID_HEADER_VALUE," +
      "ERR_HTTP_INVALID_STATUS_CODE,ERR_INVALID_ARG_TYPE,ERR_INVALID_ARG_VALUE;" +
      "ERR_HTTP_HEADERS_SENT,ERR_HTTP_HEADERS_SENT",
  }],
];

/** What the app tells of events, when all of that is over. */
const TOLD: Readonly<Record<string, readonly string[]>> = {
  calls: ["ended"],
  large: ["true"],
  piped: ["fine"],
  finished: ["fine"],
  codes: ["ERR_STREAM_WRITE_AFTER_END"],
  unread: ["res finish", "req close", "res close"],
  read: ["req end", "req close", "res finish", "res close"],
};

/** Requests whose clients leave. */
const LEAVING: Readonly<Record<string, readonly [request: string, until: RegExp]>> = {
  left: ["GET /left HTTP/1.1\r\nHost: a\r\n\r\n", /begun/],
  silent: ["GET /silent HTTP/1.1\r\nHost: a\r\n\r\n", /^/],
  upload: [
    "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
    /got some/,
  ],
};

/** What the app is told of that; of its response at once only if that had begun: a client may half close. */
const LEFT: readonly string[] = [
  "req aborted",
  "req close",
  "req error ECONNRESET",
];

/** What the app tells of `name`, in alphabetical order, as soon as that is as much as `expected`. */
async function toldOf({ url }: GatewayProcess, name: string, expected: readonly string[]) {
  for (let i = 0;; i++) {
    const told = await (await fetch(`${url}/told/${name}`)).json() as string[];
    if (told.length >= expected.length || i === 100) return told.sort();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const APP = new URL("./node_app.ts", import.meta.url);

/** Registers the tests of one leg. */
export function nodeServingTests({ name, command, args }: ServingLeg): void {
  Deno.test(`servers of node:http are served by the gateway (${name})`, async (test) => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.copyFile(APP, `${folder}/app.ts`);
      await using gateway = await startGateway([`${folder}/app.ts`, ...args], {
        command,
        env: { GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const { port, url, log } = gateway;
      await test.step("they are told where the gateway listens", async () => {
        const [address, listening, heard] = await (await fetch(`${url}/address`)).json();
        assertEquals([address.port, address.family, listening], [port, "IPv4", true]);
        assertEquals(heard, ["listening", "has a timeout", "called back"]);
        await assertRejects(
          () => Deno.connect({ hostname: "127.0.0.1", port: 27531 }),
          Deno.errors.ConnectionRefused,
        );
      });
      for (const [path, init, { status = 200, fields = {}, body }] of ROWS) {
        await test.step(`${init.method ?? "GET"} /${path}`, async () => {
          const response = await fetch(`${url}/${path}`, init);
          const text = await response.text();
          assertEquals(response.status, status, text);
          for (const [name, value] of Object.entries(fields)) {
            assertEquals(response.headers.get(name), value, name);
          }
          if (body !== undefined) assert(text === body, text.slice(0, 1_000));
        });
      }
      for (const [name, expected] of Object.entries(TOLD)) {
        await test.step(`what /${name} tells`, async () => {
          assertEquals(await toldOf(gateway, name, expected), [...expected].sort());
        });
      }
      for (const path of ["broken", "destroyed"]) {
        await test.step(`a response that is destroyed is broken off (${path})`, async () => {
          await assertRejects(async () => await (await fetch(`${url}/${path}`)).text(), TypeError);
        });
      }
      for (const [name, [request, until]] of Object.entries(LEAVING)) {
        await test.step(`a client that leaves /${name}`, async () => {
          const conn = await Deno.connect({ hostname: "127.0.0.1", port });
          await conn.write(new TextEncoder().encode(request));
          let read = "";
          const buffer = new Uint8Array(4_096);
          while (!until.test(read)) {
            const count = await conn.read(buffer);
            assert(count !== null, read);
            read += new TextDecoder().decode(buffer.subarray(0, count));
          }
          // The app has it by then.
          await (await fetch(`${url}/text`)).text();
          conn.close();
          const expected = name === "silent" ? LEFT : [...LEFT, "res close"];
          assertEquals(await toldOf(gateway, name, expected), [...expected]);
        });
      }
      assertEquals(log.filter((line) => /uncaught|died|abort|Not implemented/.test(line)), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
