import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { NO_MONGREL2, ThreeProtocols } from "../faults/three_protocols.ts";
import { startGateway } from "../support/gateway.ts";
import { eventually, RawFastCgiClient, request } from "../support/fastcgi.ts";
import { RawClient } from "../support/raw_client.ts";
import { NOT_IN_TRAILERS } from "../../src/message/trailer_names.ts";

const APP = new URL("../fixtures/trailers.ts", import.meta.url).pathname;

/** What is sent for `path`, up to the end of the connection. */
async function exchange(
  port: number,
  path: string,
  { method = "GET", version = "1.1", te = "trailers" }: {
    readonly method?: string;
    readonly version?: string;
    readonly te?: string | null;
  } = {},
): Promise<{ head: string; content: string }> {
  using client = await RawClient.connect(port);
  const fields = te === null ? "" : `TE: ${te}\r\n`;
  await client.send(
    `${method} ${path} HTTP/${version}\r\nHost: a\r\nConnection: close, TE\r\n${fields}\r\n`,
  );
  const text = await client.rest();
  const end = text.indexOf("\r\n\r\n");
  return { head: text.slice(0, end).toLowerCase(), content: text.slice(end + 4) };
}

/** What of a response is left when its trailers are: `null` for a body that is not in chunks. */
const CASES: Record<string, {
  readonly path: string;
  readonly asked?: Parameters<typeof exchange>[2];
  readonly announced: string | null;
  readonly content: RegExp;
}> = {
  "are announced, and come after a whole body (RFC 9110 6.6.2)": {
    path: "/whole",
    announced: "server-timing, x-sum",
    content: /^0*5\r\nhello\r\n0\r\nserver-timing: app;dur=1\r\nx-sum: 5\r\n\r\n$/,
  },
  "come after a long text": {
    path: "/large",
    announced: "x-sum",
    content: /\r\n0\r\nx-sum: 1\r\n\r\n$/,
  },
  "come after many bytes": {
    path: "/large-bytes",
    announced: "x-sum",
    content: /a\r\n0\r\nx-sum: 1\r\n\r\n$/,
  },
  "come after no body": {
    path: "/none",
    announced: "x-sum",
    content: /^0\r\nx-sum: 0\r\n\r\n$/,
  },
  "that are none are not announced": {
    path: "/empty",
    announced: null,
    content: /^0*5\r\nhello\r\n0\r\n\r\n$/,
  },
  "take the place of a length (RFC 9112 7.1.2)": {
    path: "/length",
    announced: "x-sum",
    content: /^0*5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n$/,
  },
  "take the place of a stream's length": {
    path: "/streamed-length",
    announced: "x-sum",
    content: /^2\r\nab\r\n2\r\ncd\r\n0\r\nx-sum: 4\r\n\r\n$/,
  },
  "come after a stream": {
    path: "/stream",
    announced: "x-sum",
    content: /^2\r\nab\r\n2\r\ncd\r\n0\r\nx-sum: 4\r\n\r\n$/,
  },
  "can be set while the body streams, and announced by the app": {
    path: "/late",
    announced: "x-sum",
    content: /^2\r\nab\r\n2\r\ncd\r\n0\r\nx-sum: 4\r\n\r\n$/,
  },
  "can be replaced while the body streams": {
    path: "/replaced",
    announced: "x-first",
    content: /^2\r\nab\r\n0\r\nx-sum: 2\r\n\r\n$/,
  },
  "are taken by clients that take other codings, too (RFC 9110 10.1.4)": {
    path: "/stream",
    asked: { te: "deflate;q=0.5 ,\tTrailers" },
    announced: "x-sum",
    content: /x-sum: 4\r\n\r\n$/,
  },
  "are not for responses without content": {
    path: "/no-content",
    announced: null,
    content: /^$/,
  },
  "are not for HEAD": {
    path: "/whole",
    asked: { method: "HEAD" },
    announced: null,
    content: /^$/,
  },
  "are not for clients that do not say that they take them (RFC 9110 6.5.1)": {
    path: "/whole",
    asked: { te: null },
    announced: null,
    content: /^hello$/,
  },
  "are not for clients that take something else": {
    path: "/late",
    asked: { te: "gzip, trailersx" },
    announced: null,
    content: /^2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n$/,
  },
  "are not for HTTP/1.0": {
    path: "/stream",
    asked: { version: "1.0" },
    announced: null,
    content: /^abcd$/,
  },
};

for (const workers of [0, 1, 2]) {
  Deno.test(`trailers of a response (--workers=${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    const { port } = gateway;
    for (const [name, { path, asked, announced, content }] of Object.entries(CASES)) {
      await test.step(name, async () => {
        const sent = await exchange(port, path, asked);
        assertMatch(sent.content, content);
        assertEquals(/\r\ntrailer: (.*?)(?:\r\n|$)/.exec(sent.head)?.[1] ?? null, announced);
        const hasLength = sent.head.includes("\r\ncontent-length:");
        assert(announced === null || !hasLength, sent.head);
      });
    }

    await test.step("of a kind that cannot be one are refused by name", async () => {
      for (const name of NOT_IN_TRAILERS) {
        const { content } = await exchange(port, `/given?${name}=1`, { te: null });
        assertMatch(content, new RegExp(`^TypeError: ${name} cannot be a trailer: it has to be`));
      }
    });

    await test.step("that are malformed or too large are refused", async () => {
      const newline = await exchange(port, "/given?x=a%0d%0ab:c");
      assertMatch(newline.content, /TypeError/);
      const most = 65_536 - "x: \r\n".length;
      const fits = await exchange(port, `/huge?n=${most}`);
      assertEquals(fits.content, `3\r\nset\r\n0\r\nx: ${"a".repeat(most)}\r\n\r\n`);
      const beyond = await exchange(port, `/huge?n=${most + 1}`);
      assertMatch(beyond.content, /RangeError: the trailers .* are larger than 65536 bytes/);
    });

    await test.step("are refused when the response has gone", async () => {
      if (workers === 2) return;
      await exchange(port, "/too-late");
      await eventually("it was too late", async () => {
        const { content } = await exchange(port, "/how-late", { te: null });
        return content ===
          "TypeError: the response has gone: it is too late for trailers";
      });
    });
    assertEquals(gateway.log.filter((line) => /^(error|warning)/.test(line)), []);
  });
}

Deno.test("trailers of a response do not pass FastCGI, and nothing else is missing", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--fastcgi=127.0.0.1:0"]);
  const line = await gateway.logged(/^listening fastcgi:/);
  using client = await RawFastCgiClient.connect(Number(line.split(":").at(-1)));
  for (const [path, body] of [["/whole", "hello"], ["/stream", "abcd"], ["/late", "abcd"]]) {
    const params = { HTTP_TE: "trailers" };
    await client.send(request(1, path, { params, keepConn: true }));
    const reply = await client.reply(1);
    assertEquals(reply.body, body);
    assertEquals(reply.headers.get("trailer"), null);
  }
});

Deno.test({
  name: "trailers of a response pass Mongrel2",
  ignore: NO_MONGREL2,
  async fn() {
    await using gateway = await ThreeProtocols.start([APP, "--workers=1"]);
    const { head, content } = await exchange(gateway.port("mongrel2"), "/stream");
    assertMatch(head, /\r\ntrailer: x-sum\r\n/);
    assertMatch(content, /^2\r\nab\r\n2\r\ncd\r\n0\r\nx-sum: 4\r\n\r\n/);
  },
});
