import { assert, assertEquals, assertStrictEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { residentBytes } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { sharedCopy } from "../../src/worker/body_copies.ts";

const LARGE_BYTES = 100_000;

function pattern(bytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, i) => i % 251);
}

Deno.test("a large array that has not changed is copied once", () => {
  const { buffer } = pattern(LARGE_BYTES);
  const copy = sharedCopy(buffer, 0, LARGE_BYTES);
  assert(copy.buffer !== buffer);
  assertEquals(copy, pattern(LARGE_BYTES));
  assertStrictEquals(sharedCopy(buffer, 0, LARGE_BYTES), copy);
});

Deno.test("a change of an array, wherever it is, leaves the copies from before as they are", () => {
  for (const at of [0, 1, 7, LARGE_BYTES / 2, LARGE_BYTES - 1]) {
    const source = pattern(LARGE_BYTES);
    const before = sharedCopy(source.buffer, 0, LARGE_BYTES);
    source[at] = 255;
    const after = sharedCopy(source.buffer, 0, LARGE_BYTES);
    assertEquals(before, pattern(LARGE_BYTES));
    assertEquals(after, source);
  }
});

Deno.test("parts of one buffer are not taken for each other, even with the same bytes", () => {
  const buffer = new ArrayBuffer(3 * LARGE_BYTES);
  new Uint8Array(buffer, 2 * LARGE_BYTES).fill(1);
  for (const [at, length] of [[0, 1], [0, 2], [1, 1], [1, 2], [2, 1], [0, 3], [0, 1]]) {
    const copy = sharedCopy(buffer, at * LARGE_BYTES, length * LARGE_BYTES);
    assertEquals(copy, new Uint8Array(buffer, at * LARGE_BYTES, length * LARGE_BYTES));
  }
});

Deno.test("a buffer that has become another in length is copied anew", () => {
  const buffer = new ArrayBuffer(LARGE_BYTES, { maxByteLength: 2 * LARGE_BYTES });
  assertEquals(sharedCopy(buffer, 0, LARGE_BYTES).length, LARGE_BYTES);
  buffer.resize(2 * LARGE_BYTES);
  assertEquals(sharedCopy(buffer, 0, 2 * LARGE_BYTES).length, 2 * LARGE_BYTES);
  buffer.resize(LARGE_BYTES - 1);
  assertEquals(sharedCopy(buffer, 0, LARGE_BYTES - 1).length, LARGE_BYTES - 1);
});

Deno.test("small arrays are copied each time", () => {
  const { buffer } = pattern(100);
  assert(sharedCopy(buffer, 0, 100) !== sharedCopy(buffer, 0, 100));
});

Deno.test("no app can get a copy by what it puts in the place of constructors", () => {
  const { buffer } = pattern(LARGE_BYTES);
  const copy = sharedCopy(buffer, 0, LARGE_BYTES);
  const stolen: unknown[] = [];
  Object.defineProperty(Uint8Array.prototype, "constructor", {
    get() {
      stolen.push(this);
      return Uint8Array;
    },
    configurable: true,
  });
  let others: Uint8Array[];
  try {
    others = [copy.slice(), copy.subarray(0)];
  } finally {
    Object.defineProperty(Uint8Array.prototype, "constructor", {
      value: Uint8Array,
      writable: true,
      configurable: true,
    });
  }
  assertEquals(stolen, []);
  for (const other of others) assertEquals([...other], [...copy]);
});

const CLIENTS = 32;
const BODY_BYTES = 8_388_608;
const APP = `
const bytes = new Uint8Array(${BODY_BYTES}).fill(97);
const text = "a".repeat(${BODY_BYTES});
export default (request) => new Response(request.url.endsWith("/bytes") ? bytes : text);
`;

for (const workers of [0, 1]) {
  for (const kind of ["bytes", "text"]) {
    const name = `clients that read nothing share one body of ${kind}, with --workers ${workers}`;
    Deno.test({
      name,
      ignore: Deno.build.os !== "linux",
      async fn() {
        await inFolder({ "app.js": APP }, async (folder) => {
          await using gateway = await startGateway([`${folder}/app.js`, `--workers=${workers}`]);
          const request = new TextEncoder().encode(`GET /${kind} HTTP/1.1\r\nHost: a\r\n\r\n`);
          const first = new Uint8Array(1);
          const connections: Deno.Conn[] = [];
          const ask = async () => {
            const { port } = gateway;
            const connection = await Deno.connect({ hostname: "127.0.0.1", port });
            connections.push(connection);
            await connection.write(request);
            await connection.read(first);
          };
          try {
            // The body itself, and the first copy, are there before.
            await ask();
            const before = residentBytes(gateway.pid);
            while (connections.length <= CLIENTS) await ask();
            const more = residentBytes(gateway.pid) - before;
            assert(more < CLIENTS * BODY_BYTES / 4, `${more / 1_048_576} MiB more`);
          } finally {
            for (const connection of connections) connection.close();
          }
        });
      },
    });
  }
}

const THIEF = `
const bytes = new Uint8Array(${BODY_BYTES}).fill(97);
Object.defineProperty(Uint8Array.prototype, "constructor", {
  get() {
    if (this !== bytes && this.length === bytes.length) this.fill(98);
    return Uint8Array;
  },
  configurable: true,
});
export default (request) => {
  const response = new Response(bytes);
  if (request.url.endsWith("/body")) void response.body;
  return response;
};
`;

Deno.test("an app that looks at a response closely changes no other one that is being sent", async () => {
  const client = Deno.createHttpClient({});
  await inFolder({ "app.js": THIEF }, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, "--workers=1"]);
    const sent = await fetch(`${gateway.url}/`, { client });
    await (await fetch(`${gateway.url}/body`, { client })).body!.cancel();
    const body = await sent.bytes();
    assertEquals(body.length, BODY_BYTES);
    assertEquals(body.findIndex((byte) => byte !== 97), -1);
  });
  client.close();
});
