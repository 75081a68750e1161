import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { Random } from "../support/random.ts";
import { bytesOf } from "../support/parsing.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

/** A request whose answer tells which one it was. */
function tagged(tag: string): string {
  return `POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: ${tag.length}\r\n\r\n${tag}`;
}

Deno.test("20,000 mutated requests hurt nobody, and no answer gets mixed with another", async () => {
  await using gateway = await startGateway([APP, "--workers=2"]);
  const { port } = gateway;
  const random = new Random(3);
  const seeds = [
    get("/"),
    get("/stream"),
    tagged("12345"),
    "POST /text HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
  ];
  const total = 20_000;
  const perConnection = 25;
  /** Requests that have to be answered meanwhile. */
  const enough = 100;
  let attacking = true;
  let checked = 0;
  let sent = 0;
  const attack = async (): Promise<void> => {
    while (attacking && (sent < total || checked < enough)) {
      sent += perConnection;
      let text = "";
      for (let i = 0; i < perConnection; i++) text += random.pick(seeds);
      const bytes = bytesOf(text);
      for (let i = 0; i < perConnection; i++) {
        // One change in each request, on average.
        bytes[random.below(bytes.length)] = random.pick([0, 10, 13, 32, 58, random.below(256)]);
      }
      using client = await RawClient.connect(port);
      await client.send(bytes).catch(() => {});
      if (random.below(2) === 0) {
        await (client.conn as Deno.TcpConn).closeWrite().catch(() => {});
        await client.rest();
      }
    }
  };
  const check = async (): Promise<void> => {
    using client = await RawClient.connect(port);
    while (attacking) {
      const tag = `${checked++}-${random.next()}`;
      await client.send(tagged(tag));
      assertEquals((await client.receive()).body, tag);
    }
  };
  const checking = check().finally(() => attacking = false);
  try {
    await Promise.all(Array.from({ length: 8 }, attack));
  } finally {
    attacking = false;
    await checking;
  }
  assertEquals(await (await fetch(`${gateway.url}/`)).text(), "hello");
  assert(!gateway.log.some((line) => /died|stack|at file:/.test(line)), gateway.log.join("\n"));
});

Deno.test("2,000 idle connections leave an active client unharmed", async () => {
  await using gateway = await startGateway([APP, "--workers=1"]);
  const idle: RawClient[] = [];
  try {
    for (let i = 0; i < 40; i++) {
      idle.push(
        ...await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(gateway.port))),
      );
    }
    using client = await RawClient.connect(gateway.port);
    for (let i = 0; i < 200; i++) {
      await client.send(tagged(`request ${i}`));
      assertEquals((await client.receive()).body, `request ${i}`);
    }
    for (const each of [idle[0], idle[1_000], idle[1_999]]) {
      await each.send(get("/"));
      assertEquals((await each.receive()).body, "hello");
    }
  } finally {
    for (const each of idle) each[Symbol.dispose]();
  }
});
