import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { residentBytes } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { Random } from "../support/random.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { cpuMs } from "../support/sockets.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const HEAD = "POST /PATH HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const MEBIBYTE = 1_048_576;
const isLinux = Deno.build.os === "linux";
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const head = (path: string) => HEAD.replace("PATH", path);
const tiny = (count: number) => "1\r\nx\r\n".repeat(count);

for (const workers of ["1", "0"]) {
  Deno.test(`chunks are what their client made them, however small (--workers ${workers})`, async () => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    const random = new Random(5);
    using client = await RawClient.connect(gateway.port);
    for (let round = 0; round < 3; round++) {
      const sizes = Array.from(
        { length: 5_000 },
        () => random.below(50) === 0 ? 1 + random.below(3_000) : 1 + random.below(3),
      );
      const chunks = sizes.map((size, i) => String.fromCharCode(97 + i % 26).repeat(size));
      const sending = client.send(
        head("chunks") + chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join(
          "",
        ) + "0\r\nX-T: v\r\n\r\n",
      );
      const { pieces, trailers } = JSON.parse((await client.receive()).body) as {
        pieces: [number | null, string][];
        trailers: [string, string][];
      };
      await sending;
      const seen: [number, string][] = [];
      for (const [size, data] of pieces) {
        // A chunk can come in several pieces, and the first one tells its size.
        if (size !== null) seen.push([size, data]);
        else seen.at(-1)![1] += data;
      }
      assertEquals(seen, chunks.map((chunk) => [chunk.length, chunk]));
      assertEquals(trailers, [["x-t", "v"]]);
    }
  });

  Deno.test(`a body in 100,000 chunks is read whole (--workers ${workers})`, async () => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    using client = await RawClient.connect(gateway.port);
    for (const path of ["count", "text", "slow-read?ms=100"]) {
      const sending = client.send(`${head(path)}${tiny(100_000)}0\r\n\r\n`);
      const { status, body } = await client.receive();
      await sending;
      assertEquals(status, 200);
      assertEquals(path === "text" ? body.length : Number(body), 100_000, path);
    }
  });
}

Deno.test("what clients pad their bodies with is refused before it is much", async (test) => {
  await using gateway = await startGateway([APP, "--workers=1"]);
  const padded: Record<string, [status: number, text: string]> = {
    "chunk extensions": [400, `1;${"x".repeat(1_000)}\r\nx\r\n`.repeat(17)],
    "zeros before the sizes of chunks": [400, `${"0".repeat(1_000)}1\r\nx\r\n`.repeat(17)],
    "trailers": [431, `0\r\n${`X: ${"x".repeat(1_000)}\r\n`.repeat(33)}`],
    "trailer lines": [431, `0\r\n${"X: 1\r\n".repeat(129)}`],
  };
  for (const [what, [status, text]] of Object.entries(padded)) {
    await test.step(`${what}: ${status}`, async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(head("count") + text);
      const response = await client.receive();
      assertEquals([response.status, response.headers.get("connection")], [status, "close"]);
    });
  }
});

const HOLDER = `
export default async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/hold") await new Promise(() => {});
  if (pathname === "/block") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
  return new Response("ok");
};
`;

for (const [what, prepare] of Object.entries({ "does not read": "/", "is busy": "/block" })) {
  Deno.test({
    name: `chunks of one byte take no more memory than their window while the app ${what}`,
    ignore: !isLinux,
    async fn() {
      await inFolder({ "app.js": HOLDER }, async (folder) => {
        await using gateway = await startGateway([`${folder}/app.js`, "--workers=1"]);
        const { port, pid, url } = gateway;
        await (await fetch(url)).text();
        const before = residentBytes(pid);
        using first = await RawClient.connect(port);
        await first.send(get(prepare));
        const clients: RawClient[] = [];
        const sending: Promise<void>[] = [];
        for (let i = 0; i < 10; i++) {
          const client = await RawClient.connect(port);
          clients.push(client);
          // They are cut off in the end.
          sending.push(client.send(head("hold") + tiny(300_000)).catch(() => {}));
        }
        await sleep(1_500);
        const grown = residentBytes(pid) - before;
        assert(grown < 64 * MEBIBYTE, `it has grown by ${Math.round(grown / MEBIBYTE)} MiB`);
        for (const each of clients) each[Symbol.dispose]();
        await Promise.all(sending);
        assertEquals((await first.receive()).body, "ok");
        assertEquals(await (await fetch(url)).text(), "ok");
      });
    },
  });
}

Deno.test({
  name: "a chunk of one byte costs microseconds, as long as the body may be",
  ignore: !isLinux,
  async fn() {
    await using gateway = await startGateway([APP, "--workers=1"]);
    const { port, pid } = gateway;
    using client = await RawClient.connect(port);
    const costMs = async (count: number) => {
      const before = cpuMs(pid);
      const sending = client.send(`${head("count")}${tiny(count)}0\r\n\r\n`);
      assertEquals((await client.receive()).body, String(count));
      await sending;
      return cpuMs(pid) - before;
    };
    await costMs(10_000);
    const used = await costMs(300_000);
    // It was 27 s of CPU time when the cost of each was that of all before it.
    assert(used < 6_000, `${used} ms of CPU time`);
  },
});
