import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { latin1Bytes } from "../../src/base/bytes.ts";
import type { Coding } from "../../src/compression/codec/settings.ts";
import { encodeWhole, hasCoding } from "../../src/compression/engine.ts";
import { NO_MONGREL2, ThreeProtocols } from "../faults/three_protocols.ts";
import { decoded, decodedSoFar } from "../support/codings.ts";
import { eventually, RawFastCgiClient, request } from "../support/fastcgi.ts";
import { startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { RawClient } from "../support/raw_client.ts";
import type { RawResponse } from "../support/raw_client.ts";

const APP = new URL("../fixtures/compressed.ts", import.meta.url).pathname;
const LINE = "a line of text that comes again and again, and costs little when it does\n";
const TEXT = LINE.repeat(100).slice(0, 5_000);
const CODINGS = (["br", "zstd", "gzip"] as const).filter(hasCoding);

interface Asked {
  readonly method?: string;
  readonly version?: string;
  readonly accept?: string | null;
  /** Further field lines. */
  readonly fields?: string;
}

/** What is answered, on a connection of its own. */
async function ask(
  port: number,
  path: string,
  { method = "GET", version = "1.1", accept = "gzip", fields = "" }: Asked = {},
): Promise<RawResponse> {
  using client = await RawClient.connect(port);
  const line = accept === null ? "" : `Accept-Encoding: ${accept}\r\n`;
  await client.send(`${method} ${path} HTTP/${version}\r\nHost: a\r\n${line}${fields}\r\n`);
  return await client.receive(method === "HEAD" ? "head" : "response");
}

/** What a response says once its coding is taken off. */
function contentOf({ headers, body }: RawResponse): string {
  const coding = headers.get("content-encoding") as Coding | null;
  const bytes = latin1Bytes(body);
  const isCoded = coding !== null && CODINGS.includes(coding);
  return new TextDecoder().decode(isCoded ? decoded(coding, bytes) : bytes);
}

/** Fields of responses; those that are `null` are missing. */
type Fields = Readonly<Record<string, string | null>>;

const CODED: Fields = { "content-encoding": "gzip", "vary": "Accept-Encoding" };
const PLAIN: Fields = { "content-encoding": null, "vary": "Accept-Encoding" };
const UNTOUCHED: Fields = { "content-encoding": null, "vary": null };

const CASES: Record<string, readonly [path: string, asked: Asked, Fields, content: string]> = {
  "a text is compressed, with its new length": ["/text", {}, CODED, TEXT],
  "the length is that of what is sent (RFC 9110 8.6)": [
    "/text?h-content-length=5000",
    {},
    { ...CODED, "content-length": "134" },
    TEXT,
  ],
  "the client's favourite wins (RFC 9110 12.5.3)": [
    "/text",
    { accept: "br;q=0.1, gzip;q=0.2" },
    CODED,
    TEXT,
  ],
  "a client that says nothing gets it as it is": ["/text", { accept: null }, PLAIN, TEXT],
  "a client that takes nothing gets it as it is": ["/text", { accept: "" }, PLAIN, TEXT],
  "a client that takes something else gets it as it is": [
    "/text",
    { accept: "deflate, gzip;q=0" },
    PLAIN,
    TEXT,
  ],
  "what is short is sent as it is, and varies": ["/text?n=1023", {}, PLAIN, TEXT.slice(0, 1_023)],
  "what is just long enough is compressed": ["/text?n=1024", {}, CODED, TEXT.slice(0, 1_024)],
  "what is short is compressed if it has to be": [
    "/text?n=100",
    { accept: "identity;q=0, gzip" },
    CODED,
    TEXT.slice(0, 100),
  ],
  "other types are not touched": ["/text?h-content-type=image/png", {}, UNTOUCHED, TEXT],
  "event streams are not touched": [
    "/stream?count=1&h-content-type=text/event-stream",
    {},
    UNTOUCHED,
    `0 ${LINE}`,
  ],
  "a stream is compressed": [
    "/stream?count=2",
    {},
    { ...CODED, "transfer-encoding": "chunked", "content-length": null },
    `0 ${LINE}1 ${LINE}`,
  ],
  "a stream of a length is compressed": [
    `/stream?count=2&h-content-length=${2 * LINE.length + 4}`,
    { accept: "identity;q=0, gzip" },
    { ...CODED, "transfer-encoding": "chunked", "content-length": null },
    `0 ${LINE}1 ${LINE}`,
  ],
  "a long text is compressed": [
    "/large?lines=20000",
    {},
    { ...CODED, "transfer-encoding": "chunked", "content-length": null },
    LINE.repeat(20_000),
  ],
  "many bytes are compressed": [
    "/large-bytes?lines=20000",
    {},
    { ...CODED, "transfer-encoding": "chunked", "content-length": null },
    LINE.repeat(20_000),
  ],
  "single bytes are compressed": ["/bytewise?n=500", {}, CODED, TEXT.slice(0, 500)],
  "an empty body is sent as it is": ["/null", {}, { ...PLAIN, "content-length": "0" }, ""],
  "HTTP/1.0 has no chunks": [
    "/stream?count=2",
    { version: "1.0" },
    { ...CODED, "transfer-encoding": null, "connection": "close" },
    `0 ${LINE}1 ${LINE}`,
  ],
  "HEAD says what GET would, but for the length (RFC 9110 9.3.2)": [
    "/text?h-etag=%22a%22",
    { method: "HEAD" },
    { ...CODED, "content-length": null, "etag": 'W/"a"' },
    "",
  ],
  "HEAD of what is not compressed has a length": [
    "/text?n=100",
    { method: "HEAD" },
    { ...PLAIN, "content-length": "100" },
    "",
  ],
  "204 has no content (RFC 9110 15.3.5)": ["/null?status=204", {}, PLAIN, ""],
  "205 has no content": ["/null?status=205", {}, { ...PLAIN, "content-length": "0" }, ""],
  "206 is part of something (RFC 9110 15.3.7)": [
    "/text?status=206&h-content-range=bytes%200-4999/9000",
    { fields: "Range: bytes=0-4999\r\n" },
    { ...PLAIN, "content-range": "bytes 0-4999/9000" },
    TEXT,
  ],
  "206 of many parts is not compressed, either": ["/text?status=206", {}, PLAIN, TEXT],
  "errors are compressed, too": ["/text?status=404", {}, CODED, TEXT],
  "a strong entity tag becomes a weak one (RFC 9110 8.8.3)": [
    "/text?h-etag=%22a%22",
    {},
    { ...CODED, "etag": 'W/"a"' },
    TEXT,
  ],
  "without compression the entity tag stays": [
    "/text?h-etag=%22a%22",
    { accept: null },
    { ...PLAIN, "etag": '"a"' },
    TEXT,
  ],
  "304 has the tag that the client has (RFC 9110 15.4.5)": [
    "/null?status=304&h-etag=%22a%22",
    { fields: 'If-None-Match: "b", W/"a"\r\n' },
    { ...PLAIN, "etag": 'W/"a"' },
    "",
  ],
  "304 to a client that has it as it is": [
    "/null?status=304&h-etag=%22a%22",
    { fields: 'If-None-Match: "a", W/"b"\r\n' },
    { ...PLAIN, "etag": '"a"' },
    "",
  ],
  "no ranges of it are offered (RFC 9110 14.3)": [
    "/text?h-accept-ranges=bytes",
    {},
    { ...CODED, "accept-ranges": null },
    TEXT,
  ],
  "no-transform is obeyed (RFC 9110 7.7)": [
    "/text?h-cache-control=no-transform",
    {},
    UNTOUCHED,
    TEXT,
  ],
  "an app opts out": ["/text?h-content-encoding=identity", {}, UNTOUCHED, TEXT],
  "what the app has encoded is not encoded again (RFC 9110 8.4)": [
    "/text?h-content-encoding=x-own",
    {},
    { "content-encoding": "x-own", "vary": null },
    TEXT,
  ],
  "a digest holds (RFC 9530)": ["/text?h-content-digest=a", {}, UNTOUCHED, TEXT],
  "other values of Vary stay": [
    "/text?h-vary=Cookie",
    {},
    { ...CODED, "vary": "Cookie, Accept-Encoding" },
    TEXT,
  ],
  "trailers come after it (RFC 9110 6.5)": [
    "/trailers",
    {},
    CODED,
    LINE.repeat(3),
  ],
};

for (const workers of [0, 1, 2]) {
  Deno.test(`responses are compressed as HTTP demands (--workers=${workers})`, async (test) => {
    await using gateway = await startGateway([APP, "--compress", `--workers=${workers}`]);
    const { port, log } = gateway;
    for (const [name, [path, asked, fields, content]] of Object.entries(CASES)) {
      await test.step(name, async () => {
        const response = await ask(port, path, asked);
        for (const [field, value] of Object.entries(fields)) {
          // How much it is differs between versions of zlib.
          if (field === "content-length" && value === "134") {
            assertEquals(Number(response.headers.get(field)), response.body.length);
          } else {
            assertEquals(response.headers.get(field), value, field);
          }
        }
        if (asked.method === "HEAD") assertEquals(response.body, "");
        else assertEquals(contentOf(response) === content, true, contentOf(response).slice(0, 200));
      });
    }

    await test.step("each coding can be had", async () => {
      for (const coding of CODINGS) {
        for (const path of ["/text", "/stream?count=50", "/large?lines=3000"]) {
          const response = await ask(port, path, { accept: coding });
          assertEquals(response.headers.get("content-encoding"), coding);
          assertMatch(contentOf(response), /a line of text/);
        }
      }
    });

    await test.step("what cannot be made smaller is sent as it is", async () => {
      const response = await ask(port, "/random?n=2000");
      assertEquals(response.headers.get("content-encoding"), null);
      assertEquals(response.headers.get("vary"), "Accept-Encoding");
      assertEquals(response.body.length, 2_000);
      const demanded = await ask(port, "/random?n=2000", { accept: "identity;q=0, gzip" });
      assertEquals(demanded.headers.get("content-encoding"), "gzip");
    });

    await test.step("what is streamed can be read as it comes", async () => {
      for (const coding of CODINGS) {
        using client = await RawClient.connect(port);
        await client.send(
          `GET /stream?count=3&ms=150 HTTP/1.0\r\nHost: a\r\nAccept-Encoding: ${coding}\r\n\r\n`,
        );
        const reader = new PartReader(client.conn);
        for (let index = 0; index < 3; index++) {
          await reader.until(coding, (text) => text.endsWith(`${index} ${LINE}`));
        }
      }
    });

    await test.step("responses of a pipeline come in their order", async () => {
      using client = await RawClient.connect(port);
      const paths = [
        "/large?lines=2000",
        "/text",
        "/stream?count=5",
        "/text?n=10",
        "/large?lines=900",
      ];
      await client.send(
        paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n`).join(
          "",
        ),
      );
      const lengths: number[] = [];
      for (const _ of paths) lengths.push(contentOf(await client.receive()).length);
      assertEquals(lengths, [
        2_000 * LINE.length,
        5_000,
        5 * (LINE.length + 2),
        10,
        900 * LINE.length,
      ]);
    });

    await test.step("a response that breaks is broken for its client, too", async () => {
      using client = await RawClient.connect(port);
      await client.send("GET /fails HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
      const text = await client.rest();
      assertMatch(text, /content-encoding: gzip/);
      assertEquals(text.includes("\r\n0\r\n"), false);
      await gateway.logged(/broken on purpose/);
    });

    await test.step("a body that is not as long as it says is broken off", async () => {
      for (const bytes of [2_000, 20]) {
        using client = await RawClient.connect(port);
        const { length } = log;
        await client.send(
          `GET /stream?count=5&h-content-length=${bytes} HTTP/1.1\r\nHost: a\r\n` +
            "Accept-Encoding: identity;q=0, gzip\r\n\r\n",
        );
        if (bytes === 20) {
          assertEquals(contentOf(await client.receive()), `0 ${LINE}`.slice(0, 20));
        } else {
          assertEquals((await client.rest()).includes("\r\n0\r\n"), false);
        }
        await gateway.logged(/^error: compression: .*(?:shorter|longer) than/, { before: length });
      }
    });

    if (workers < 2) {
      await test.step("an app is told when its response was sent", async () => {
        await ask(port, "/completed");
        await eventually(
          "it was told",
          async () => (await ask(port, "/completions", { accept: null })).body === "asked,sent",
        );
      });

      await test.step("an app is told of clients that leave in the middle", async () => {
        const cancelled = async () =>
          Number((await ask(port, "/cancelled", { accept: null })).body);
        const before = await cancelled();
        for (const path of ["/endless", "/endless-random", "/stream?count=1000000&ms=5"]) {
          for (const coding of CODINGS) {
            using client = await RawClient.connect(port);
            await client.send(
              `GET ${path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: ${coding}\r\n\r\n`,
            );
            await client.conn.read(new Uint8Array(1_000));
          }
        }
        const count = 3 * CODINGS.length;
        await eventually("all were", async () => await cancelled() === before + count);
      });
    }
  });
}

/** Reads a response without chunks, and what can be decoded of it so far. */
class PartReader {
  #bytes = new Uint8Array(0);

  constructor(readonly conn: Deno.Conn) {}

  async until(coding: Coding, isThere: (text: string) => boolean): Promise<void> {
    for (;;) {
      const end = new TextDecoder("latin1").decode(this.#bytes).indexOf("\r\n\r\n");
      const content = end < 0 ? "" : await decodedSoFar(coding, this.#bytes.subarray(end + 4));
      if (isThere(content)) return;
      const buffer = new Uint8Array(65_536);
      const bytes = await this.conn.read(buffer);
      assert(bytes !== null, "it ended before");
      this.#bytes = new Uint8Array([...this.#bytes, ...buffer.subarray(0, bytes)]);
    }
  }
}

async function withProtocols(body: (gateway: ThreeProtocols) => Promise<void>): Promise<void> {
  await using gateway = await ThreeProtocols.start([APP, "--compress", "--workers=1"]);
  await body(gateway);
}

Deno.test("responses over FastCGI are compressed", () =>
  withProtocols(async (gateway) => {
    using client = await RawFastCgiClient.connect(gateway.port("fastcgi"));
    for (const coding of CODINGS) {
      for (
        const [path, length] of [["/text", 5_000], ["/stream?count=3", 3 * 75], [
          "/large?lines=5000",
          365_000,
        ]] as const
      ) {
        const params = { HTTP_ACCEPT_ENCODING: coding };
        await client.send(request(1, path, { params, keepConn: true }));
        const reply = await client.reply(1);
        assertEquals(reply.headers.get("content-encoding"), coding);
        assertEquals(decoded(coding, latin1Bytes(reply.body)).length, length);
      }
    }
  }));

Deno.test({
  name: "responses over Mongrel2 are compressed",
  ignore: NO_MONGREL2,
  fn: () =>
    withProtocols(async (gateway) => {
      const port = gateway.port("mongrel2");
      for (const coding of CODINGS) {
        for (
          const [path, length] of [["/text", 5_000], ["/stream?count=3", 3 * 75], [
            "/large?lines=5000",
            365_000,
          ]] as const
        ) {
          const response = await ask(port, path, { accept: coding });
          assertEquals(response.headers.get("content-encoding"), coding);
          assertEquals(contentOf(response).length, length);
        }
      }
    }),
});

Deno.test("several processes compress", async () => {
  await using gateway: GatewayProcess = await startGateway([
    APP,
    "--compress=gzip",
    "--workers=1",
    "--processes=2",
  ]);
  for (let i = 0; i < 10; i++) {
    const response = await ask(gateway.port, "/text", { accept: "br, gzip" });
    assertEquals([response.headers.get("content-encoding"), contentOf(response)], ["gzip", TEXT]);
  }
});

Deno.test("types, least sizes and codings are as options say", async () => {
  await using gateway = await startGateway([
    APP,
    "--compress=zstd,gzip:1",
    "--compress-types=+,text/event-stream,image/png",
    "--compress-min-bytes=10",
    "--workers=1",
  ]);
  const { port } = gateway;
  const codingOf = async (path: string, accept: string) =>
    (await ask(port, path, { accept })).headers.get("content-encoding");
  assertEquals(await codingOf("/text", "br, gzip"), "gzip");
  assertEquals(await codingOf("/text?n=5", "gzip"), null);
  assertEquals(await codingOf("/text?n=500", "gzip"), "gzip");
  assertEquals(await codingOf("/text?h-content-type=image/png", "gzip"), "gzip");
  assertEquals(await codingOf("/stream?h-content-type=text/event-stream", "gzip"), "gzip");
});

Deno.test("paths that are excepted are left alone, however they are written", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/in/deep`, { recursive: true });
    for (const name of ["in.txt", "in/a.txt", "in/deep/a.txt"]) {
      await Deno.writeTextFile(`${folder}/${name}`, TEXT);
    }
    const app = `${folder}/app.js`;
    await Deno.writeTextFile(app, `export default () => new Response(${JSON.stringify(TEXT)});`);
    await using gateway = await startGateway([
      ...["--mount", `/=${app}`, "--mount", `/files=${folder}`, "--workers=1"],
      ...["--compress=gzip", "--compress-except=/files/in,/se%63ret, /%C3%A4"],
    ]);
    const cases: [path: string, coding: string | null][] = [
      ["/files/in.txt", "gzip"],
      ["/files/in/a.txt", null],
      ["/files/in/deep/a.txt", null],
      ["/files/in/../in.txt", null],
      ["/files/%69n/a.txt", null],
      ["/files/./in/a.txt", null],
      ["/text", "gzip"],
      ["/secret", null],
      ["/secret?h-a=b", null],
      ["/secret/more", null],
      ["/secrets", "gzip"],
      ["/SECRET", "gzip"],
      ["/%c3%a4", null],
    ];
    for (const [path, coding] of cases) {
      const { headers } = await ask(gateway.port, path, { accept: "gzip" });
      assertEquals(headers.get("content-encoding"), coding, path);
      assertEquals(headers.has("vary"), coding !== null, path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("files are compressed, but not those that are already, and not in parts", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/a.txt`, TEXT);
    await Deno.writeTextFile(`${folder}/b.txt`, TEXT);
    const gzipped = encodeWhole({ coding: "gzip", level: 9 }, new TextEncoder().encode(TEXT));
    await Deno.writeFile(`${folder}/b.txt.gz`, gzipped);
    await using gateway = await startGateway([folder, "--compress=br,gzip"]);
    const { port } = gateway;
    const cases: [path: string, accept: string, coding: string | null, fields: string][] = [
      ["/a.txt", "br, gzip", "br", ""],
      ["/a.txt", "gzip", "gzip", ""],
      ["/a.txt", "", null, ""],
      ["/b.txt", "gzip", "gzip", ""],
      ["/b.txt", "br, gzip", "gzip", ""],
      ["/b.txt", "br", "br", ""],
      ["/a.txt", "gzip", null, "Range: bytes=0-9\r\n"],
    ];
    for (const [path, accept, coding, fields] of cases) {
      const response = await ask(port, path, { accept, fields });
      const { headers } = response;
      assertEquals(headers.get("content-encoding"), coding, `${path} ${accept}`);
      assertEquals(headers.get("vary")?.toLowerCase(), "accept-encoding");
      assertEquals(contentOf(response), fields === "" ? TEXT : TEXT.slice(0, 10));
      // The neighbour has bytes, and a strong tag, of its own; what is encoded each time has none.
      const isOwn = coding === null || path === "/b.txt" && coding === "gzip";
      assertEquals(headers.get("etag")!.startsWith("W/"), !isOwn);
      assertEquals(headers.get("accept-ranges"), isOwn ? "bytes" : null);
      if (fields !== "") continue;
      const again = await ask(port, path, {
        accept,
        fields: `If-None-Match: ${headers.get("etag")}\r\n`,
      });
      assertEquals([again.status, again.headers.get("etag")], [304, headers.get("etag")]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("WebSockets are opened as without compression", async () => {
  const app = new URL("../fixtures/echo_sockets.ts", import.meta.url).pathname;
  for (const workers of [0, 1]) {
    await using gateway = await startGateway([app, "--compress", `--workers=${workers}`]);
    const socket = new WebSocket(gateway.url.replace("http", "ws"));
    const said = Promise.withResolvers<unknown>();
    const closed = Promise.withResolvers<void>();
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => said.resolve(data);
    socket.onclose = () => closed.resolve();
    assertEquals(await said.promise, "hello");
    socket.close();
    await closed.promise;
  }
});

Deno.test("nothing is compressed unless it is asked for", async () => {
  await using gateway = await startGateway([APP, "--workers=1"]);
  const response = await ask(gateway.port, "/text");
  assertEquals(response.headers.get("content-encoding"), null);
  assertEquals(response.headers.get("vary"), null);
});
