import { assert, assertEquals } from "../support/assert.ts";
import { eventually } from "../support/fastcgi.ts";
import { startGateway } from "../support/gateway.ts";
import { residentBytes } from "../support/peers.ts";
import { RawClient } from "../support/raw_client.ts";

const APP = new URL("../fixtures/compressed.ts", import.meta.url).pathname;

/** What this many clients ask for and do not read, each on a connection of its own. */
async function stalled(port: number, path: string, accept: string, count: number) {
  const clients: RawClient[] = [];
  for (let i = 0; i < count; i++) {
    const client = await RawClient.connect(port);
    await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: ${accept}\r\n\r\n`);
    clients.push(client);
  }
  return clients;
}

async function statusOf(port: number, request: string): Promise<number> {
  using client = await RawClient.connect(port);
  await client.send(request);
  return (await client.receive(request.startsWith("HEAD") ? "head" : "response")).status;
}

Deno.test("hostile clients get no more of compression than others", async (test) => {
  await using gateway = await startGateway([APP, "--compress", "--workers=1"]);
  const { port, pid } = gateway;
  const isWell = async () => {
    using client = await RawClient.connect(port);
    await client.send("GET /text HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    const { status, headers } = await client.receive();
    return status === 200 && headers.get("content-encoding") === "gzip";
  };
  assert(await isWell());

  await test.step("an Accept-Encoding of 8 KB, and thousands of codings", async () => {
    const values = [
      "x".repeat(8_000),
      Array.from({ length: 1_500 }, (_, i) => `c${i}`).join(","),
      "gzip;q=0.001,".repeat(600),
      ",".repeat(8_000),
      `gzip;${"q=0.".repeat(1_900)}`,
      " \t".repeat(4_000),
    ];
    for (const value of values) {
      const lines = `Accept-Encoding: ${value}\r\n`;
      assertEquals(await statusOf(port, `GET /text HTTP/1.1\r\nHost: a\r\n${lines}\r\n`), 200);
    }
    const many = "Accept-Encoding: gzip\r\n".repeat(90);
    assertEquals(await statusOf(port, `GET /text HTTP/1.1\r\nHost: a\r\n${many}\r\n`), 200);
    assert(await isWell());
  });

  await test.step("a flood of HEAD, for which nothing is encoded", async () => {
    using client = await RawClient.connect(port);
    const count = 2_000;
    const request = "HEAD /large?lines=800 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n";
    const sending = client.send(request.repeat(count));
    for (let i = 0; i < count; i++) {
      const { headers } = await client.receive("head");
      assertEquals(headers.get("content-encoding"), "br");
    }
    await sending;
    assert(await isWell());
  });

  await test.step("clients that read nothing hold no megabytes each", async () => {
    const count = 100;
    const before = residentBytes(pid);
    for (const [path, accept] of [["/endless", "br"], ["/endless-random", "gzip"]]) {
      const clients = await stalled(port, path, accept, count);
      // All have what they get by now, if each of the following is served.
      for (let i = 0; i < 20; i++) assert(await isWell());
      await new Promise((resolve) => setTimeout(resolve, 500));
      const bytes = (residentBytes(pid) - before) / count;
      assert(bytes < 2_500_000, `${bytes} bytes for each`);
      for (const client of clients) client[Symbol.dispose]();
    }
    assert(await isWell());
  });

  await test.step("clients that leave in the middle free what they had", async () => {
    for (let round = 0; round < 5; round++) {
      const clients = await stalled(port, "/endless-random", "br", 60);
      for (const client of clients) client[Symbol.dispose]();
    }
    const cancelled = async () => {
      using client = await RawClient.connect(port);
      await client.send("GET /cancelled HTTP/1.1\r\nHost: a\r\n\r\n");
      return Number((await client.receive()).body);
    };
    await eventually("all streams were given up", async () => await cancelled() >= 500);
    assert(await isWell());
  });

  await test.step("bodies of single bytes", async () => {
    const clients = await stalled(port, "/bytewise?n=5000", "br", 20);
    for (const client of clients) {
      const { headers, body } = await client.receive();
      assertEquals(headers.get("content-encoding"), "br");
      // A flush for each byte would make it larger than it was.
      assert(body.length < 5_000, `${body.length} bytes`);
      client[Symbol.dispose]();
    }
  });

  assertEquals(gateway.log.filter((line) => /^(error|warning)/.test(line)), []);
});
