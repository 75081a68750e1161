import { LARGE_PIECE_BYTES, TransferMemory } from "../../src/files/transfer.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { CHANGED, serveFolder } from "./served_folder.ts";

/** Bytes in which each place can be told from the others. */
function pattern(bytes: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2_654_435_761);
  return new Uint8Array(words.buffer, 0, bytes);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

for (const size of [65_535, 65_536, 65_537, 131_072, 1_000_000, 10_000_001]) {
  Deno.test(`a file of ${size} bytes arrives as it is`, async () => {
    const content = pattern(size);
    await using folder = await serveFolder({ "f": content });
    const response = await fetch(`http://127.0.0.1:${folder.port}/f`);
    assertEquals(response.headers.get("content-length"), String(size));
    assertEquals(await sha256(await response.bytes()), await sha256(content));
  });
}

Deno.test("ranges of a large file arrive as they are, in one part and in several", async () => {
  const content = pattern(3_000_000);
  await using folder = await serveFolder({ "f": content });
  const one = await folder.ask("/f", "Range: bytes=70001-2070000\r\n");
  assertEquals(await sha256(latin1(one.body)), await sha256(content.slice(70_001, 2_070_001)));
  const two = await folder.ask("/f", "Range: bytes=100-1000099,2000000-2999999\r\n");
  const [, boundary] = /boundary=(\w+)/.exec(two.headers.get("content-type")!)!;
  const parts = two.body.split(`--${boundary}`).slice(1, 3).map((part) =>
    part.slice(part.indexOf("\r\n\r\n") + 4, -2)
  );
  assertEquals(await sha256(latin1(parts[0])), await sha256(content.slice(100, 1_000_100)));
  assertEquals(await sha256(latin1(parts[1])), await sha256(content.slice(2_000_000)));
});

Deno.test("large files in a pipeline come in the order of their requests", async () => {
  const content = pattern(500_000);
  await using folder = await serveFolder({ "big": content, "small": "small" });
  using client = await RawClient.connect(folder.port);
  await client.send(get("/big") + get("/small") + get("/big") + get("/small"));
  for (const expected of [content, latin1("small"), content, latin1("small")]) {
    const { body } = await client.receive();
    assertEquals(await sha256(latin1(body)), await sha256(expected));
  }
});

Deno.test("a client that takes its time gets all of it", async () => {
  const content = pattern(8_000_000);
  await using folder = await serveFolder({ "f": content });
  using client = await RawClient.connect(folder.port);
  await client.send(get("/f"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { body } = await client.receive();
  assertEquals(await sha256(latin1(body)), await sha256(content));
});

Deno.test("a file that becomes shorter ends its connection, and no other length is sent", async () => {
  await using folder = await serveFolder({ "f": pattern(12_000_000), "g": "next" });
  using client = await RawClient.connect(folder.port);
  await client.send(get("/f") + get("/g"));
  // Until the system's own buffers are full.
  await new Promise((resolve) => setTimeout(resolve, 200));
  await Deno.truncate(`${folder.path}/f`, 1_000);
  await assertRejects(() => client.receive(), Error, "the connection ended within a body");
  assertMatch(folder.log.join("\n"), /f was not sent in full: the file has become shorter/);
});

Deno.test("a file that grows is sent as long as it was", async () => {
  const content = pattern(12_000_000);
  await using folder = await serveFolder({ "f": content, "g": "next" });
  using client = await RawClient.connect(folder.port);
  await client.send(get("/f") + get("/g", "Connection: close\r\n"));
  await client.receive("head");
  await Deno.writeTextFile(`${folder.path}/f`, "more", { append: true });
  const rest = await client.rest();
  const body = rest.slice(0, content.length);
  assertEquals(await sha256(latin1(body)), await sha256(content));
  assertMatch(rest.slice(content.length), /^HTTP\/1\.1 200 [^]*\r\n\r\nnext$/);
});

Deno.test("a file that is replaced while it is sent is sent as it was", async () => {
  const content = pattern(12_000_000);
  await using folder = await serveFolder({ "f": content });
  using client = await RawClient.connect(folder.port);
  await client.send(get("/f"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await Deno.writeTextFile(`${folder.path}/new`, "other");
  await Deno.rename(`${folder.path}/new`, `${folder.path}/f`);
  const { body } = await client.receive();
  assertEquals(await sha256(latin1(body)), await sha256(content));
});

Deno.test({
  name: "clients that leave have their files closed",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = await serveFolder({ "f": pattern(12_000_000) });
    const openFiles = () =>
      [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
        try {
          return Deno.readLinkSync(`/proc/self/fd/${name}`) === `${folder.path}/f`;
        } catch {
          return false;
        }
      }).length;
    for (let i = 0; i < 20; i++) {
      using client = await RawClient.connect(folder.port);
      await client.send(get("/f"));
      await new Promise((resolve) => setTimeout(resolve, i));
    }
    while (openFiles() > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  },
});

Deno.test("the answer to HEAD leaves no file open, and tells the same as that to GET", async () => {
  await using folder = await serveFolder({ "f": pattern(1_000_000) });
  const head = await folder.ask("/f", "", "HEAD");
  const full = await folder.ask("/f");
  for (const name of ["content-length", "content-type", "etag", "last-modified", "accept-ranges"]) {
    assertEquals(head.headers.get(name), full.headers.get(name));
  }
  assertEquals(
    full.headers.get("last-modified"),
    new Date(Math.floor(CHANGED.getTime() / 1_000) * 1_000).toUTCString(),
  );
});

Deno.test("large pieces are given out as far as the memory for them goes", () => {
  const memory = new TransferMemory(5 * LARGE_PIECE_BYTES);
  assert(memory.takeLarge() && memory.takeLarge());
  assert(!memory.takeLarge());
  memory.giveLarge();
  assert(memory.takeLarge());
});

Deno.test("files in a long pipeline arrive, whatever waited of those before them", async () => {
  const sizes = [60_000, 20_000_000];
  await using folder = await serveFolder({ "a": pattern(sizes[0]), "b": pattern(sizes[1]) });
  // How much waits when the large one begins is between nothing and all that there may be.
  for (const count of [97, 98, 99, 100]) {
    using client = await RawClient.connect(folder.port);
    const sent = client.send(get("/a").repeat(count) + get("/b", "Connection: close\r\n"));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const buffer = new Uint8Array(65_536);
    let bytes = 0;
    for (;;) {
      const read = await client.conn.read(buffer);
      if (read === null) break;
      bytes += read;
    }
    await sent;
    assert(bytes > sizes[0] * count + sizes[1], `${bytes} bytes`);
  }
});
