import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { fetchPlain } from "../../src/loader/fetch/plain_http.ts";

const HEADERS = { accept: "*/*", "user-agent": "test" };

/** A server that answers each connection with `pieces`, one after another, and then closes it or not. */
function server(pieces: readonly (string | Uint8Array)[], end: "closed" | "open" = "closed") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const requests: string[] = [];
  const closed: Promise<void>[] = [];
  const serve = async (connection: Deno.Conn) => {
    const buffer = new Uint8Array(8192);
    const bytes = await connection.read(buffer);
    requests.push(new TextDecoder().decode(buffer.subarray(0, bytes ?? 0)));
    for (const piece of pieces) {
      const data = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
      for (let at = 0; at < data.length;) at += await connection.write(data.subarray(at));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (end === "open") await connection.read(buffer);
    connection.close();
  };
  const accepting = (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      // Whoever is refused closes the connection.
      closed.push(serve(connection).catch(() => connection.close()));
    }
  })();
  const url = new URL(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/a/b.ts?c=d`);
  return {
    url,
    requests,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(closed);
    },
  };
}

function asked(url: URL, signal = new AbortController().signal): Promise<Response> {
  return fetchPlain(url, { headers: HEADERS, signal });
}

async function gzipped(text: string): Promise<Uint8Array> {
  const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return await new Response(compressed).bytes();
}

Deno.test("a request has the path alone in its first line, the host, and what it is given", async () => {
  await using peer = server(["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
  await (await asked(peer.url)).body?.cancel();
  const [first, ...lines] = peer.requests[0].trimEnd().split("\r\n");
  assertEquals(first, "GET /a/b.ts?c=d HTTP/1.1");
  assertEquals(lines.sort(), [
    "accept-encoding: gzip",
    "accept: */*",
    "connection: close",
    `host: ${peer.url.host}`,
    "user-agent: test",
  ]);
});

const OK = "HTTP/1.1 200 OK\r\n";
const answers: Record<string, [text: string, status: number, body: string]> = {
  "a body with its length": [`${OK}Content-Length: 5\r\n\r\nhello`, 200, "hello"],
  "a length that is said twice": [`${OK}Content-Length: 5, 5\r\n\r\nhello`, 200, "hello"],
  "more than the length": [`${OK}Content-Length: 5\r\n\r\nhello, world`, 200, "hello"],
  "chunks": [
    `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n`,
    200,
    "hello",
  ],
  "chunks and a length": [
    `${OK}Content-Length: 1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    200,
    "hello",
  ],
  "a body up to the end": ["HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello"],
  "bare line feeds": ["HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, "hello"],
  "no reason": ["HTTP/1.1 404\r\nContent-Length: 4\r\n\r\ngone", 404, "gone"],
  "an informational response before": [
    `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 5\r\n\r\nhello`,
    200,
    "hello",
  ],
  "an empty line before": [`\r\n${OK}Content-Length: 5\r\n\r\nhello`, 200, "hello"],
  "a redirect": ["HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, ""],
  "nothing new": ["HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", 304, ""],
};
for (const [name, [text, status, body]] of Object.entries(answers)) {
  Deno.test(`an answer over plain HTTP: ${name}, in one piece and byte by byte`, async () => {
    for (const pieces of [[text], [...text]]) {
      await using peer = server(pieces);
      const response = await asked(peer.url);
      assertEquals(response.status, status);
      assertEquals(await response.text(), body);
    }
  });
}

Deno.test("a body that is compressed is given as it was", async () => {
  const text = "text ".repeat(10_000);
  const data = await gzipped(text);
  const head = `${OK}Content-Encoding: gzip\r\nContent-Length: ${data.length}\r\n\r\n`;
  await using peer = server([head, data]);
  const response = await asked(peer.url);
  assertEquals(response.headers.get("content-encoding"), null);
  assertEquals(await response.text(), text);
});

const faults: Record<string, [text: string, message: string]> = {
  "nothing": ["", "closed before there was an answer"],
  "half a head": [`${OK}Content-Le`, "closed before there was an answer"],
  "what is not HTTP": ["SSH-2.0\r\n\r\n", "not HTTP/1.1"],
  "a line that is no field": [`${OK}: x\r\n\r\n`, "not a field"],
  "a name that is none": [`${OK}a b: x\r\n\r\n`, "header name"],
  "a head without end": [`${OK}A: ${"a".repeat(70_000)}`, "larger than 64 KiB"],
  "a body that is cut off": [
    `${OK}Content-Length: 9\r\n\r\nhello`,
    "before the whole body had " +
    "come",
  ],
  "chunks that are cut off": [
    `${OK}Transfer-Encoding: chunked\r\n\r\n9\r\nhello`,
    "before the whole body had come",
  ],
  "chunks without an end": [
    `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    "before the whole body had come",
  ],
  "chunks that are none": [`${OK}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, "chunk"],
  "lengths that differ": [
    `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    "Content-Length",
  ],
  "a length that is none": [`${OK}Content-Length: -5\r\n\r\nhello`, "Content-Length"],
  "an unknown transfer coding": [`${OK}Transfer-Encoding: br\r\n\r\nhello`, "transfer coding"],
};
for (const [name, [text, message]] of Object.entries(faults)) {
  Deno.test(`an answer over plain HTTP is refused: ${name}`, async () => {
    await using peer = server([text]);
    const error = await assertRejects(async () => await (await asked(peer.url)).text(), TypeError);
    assertStringIncludes(error.message.toLowerCase(), message.toLowerCase());
  });
}

Deno.test("a refused connection is an error as fetch() has it", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const error = await assertRejects(() => asked(new URL(`http://127.0.0.1:${port}/`)), TypeError);
  assertStringIncludes(error.message, "refused");
});

for (
  const [when, pieces] of [["before the head", []], ["within the body", [
    `${OK}\r\nhello`,
  ]]] as const
) {
  Deno.test(`a request that is given up ${when} ends with the reason, and its connection`, async () => {
    await using peer = server(pieces, "open");
    const aborter = new AbortController();
    const reason = new Error("given up");
    const asking = (async () => {
      const response = await asked(peer.url, aborter.signal);
      const reader = response.body!.getReader();
      await reader.read();
      setTimeout(() => aborter.abort(reason), 5);
      await reader.read();
    })();
    if (pieces.length === 0) setTimeout(() => aborter.abort(reason), 20);
    const error = await assertRejects(() => asking, Error);
    assert(error === reason, String(error));
  });
}

Deno.test("a body that is cancelled closes its connection", async () => {
  await using peer = server([`${OK}\r\nhello`], "open");
  await (await asked(peer.url)).body!.cancel();
});
