/**
 * Responses of `fetch()` that are sent on: what was decoded goes out as it is, without the fields that
 * were true of its encoded form (RFC 9110 8.4, 8.6).
 */
import { gzipSync } from "node:zlib";
import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { RawClient } from "../support/raw_client.ts";
import { latin1Text } from "../../src/message/fields.ts";

const TEXT = "hello ".repeat(50);
const ENCODED = new Uint8Array(gzipSync(TEXT));

const latin1 = (bytes: Uint8Array) => latin1Text(bytes, 0, bytes.length);

const APP = `
const platforms = Object.getPrototypeOf(Response).prototype;
export default {
  async fetch(request) {
    const url = new URL(request.url);
    const upstream = (path, init) => fetch(url.searchParams.get("from") + path, init);
    switch (url.pathname) {
      case "/direct": return upstream("/gzip", { method: request.method });
      case "/chunked": return upstream("/chunked", { method: request.method });
      case "/unknown": return upstream("/unknown");
      case "/not-modified": return upstream("/not-modified");
      case "/no-content": return upstream("/no-content");
      case "/range": return upstream("/gzip", { headers: { range: "bytes=0-" } });
      case "/clone": return (await upstream("/gzip")).clone();
      case "/init": { const r = await upstream("/gzip"); return new Response(r.body, r); }
      case "/headers": { const { body, headers } = await upstream("/gzip"); return new Response(body, { headers }); }
      case "/copied": {
        const r = await upstream("/gzip");
        return new Response(r.body, { headers: [...r.headers, ["x-own", "1"]] });
      }
      case "/clone-init": { const r = (await upstream("/gzip")).clone(); return new Response(r.body, r); }
      case "/tee": { const r = await upstream("/gzip"); return new Response(r.body.tee()[1], r); }
      case "/twice": {
        const r = await upstream("/gzip");
        const again = new Response(r.body, r);
        return new Response(again.body, again);
      }
      case "/text": { const r = await upstream("/gzip"); return new Response(await r.text(), r); }
      case "/text-headers": {
        const r = await upstream("/gzip");
        return new Response(await r.text(), { headers: r.headers });
      }
      case "/bytes": { const r = await upstream("/gzip"); return new Response(await r.bytes(), r); }
      case "/buffer": { const r = await upstream("/gzip"); return new Response(await r.arrayBuffer(), r); }
      case "/blob": { const r = await upstream("/gzip"); return new Response(await r.blob(), r); }
      case "/subclass": {
        class Own extends Response {}
        const r = await upstream("/gzip");
        return new Own(r.body, r);
      }
      case "/own": {
        const bytes = new Uint8Array(await (await upstream("/raw")).arrayBuffer());
        return new Response(bytes, { headers: { "content-encoding": "gzip" } });
      }
      case "/own-stream": {
        const { body } = await upstream("/raw");
        return new Response(body, { headers: { "content-encoding": "gzip" } });
      }
      case "/encoded-again": {
        const r = await upstream("/gzip");
        return new Response(r.body.pipeThrough(new CompressionStream("gzip")), r);
      }
      case "/looks": return Response.json(["body", "headers"].map((name) => {
        const { get, enumerable } = Object.getOwnPropertyDescriptor(platforms, name);
        return [get.name, get.length, enumerable];
      }));
    }
  },
};
`;

interface Expected {
  readonly encoding: string | null;
  readonly body: "decoded" | "encoded" | "none";
  readonly method?: string;
  readonly length?: string | null;
}

const decoded: Expected = { encoding: null, body: "decoded" };
const encoded: Expected = { encoding: "gzip", body: "encoded" };
const cases: Readonly<Record<string, Expected>> = {
  "/direct": { ...decoded, length: null },
  "/chunked": decoded,
  "/clone": decoded,
  "/init": { ...decoded, length: null },
  "/headers": decoded,
  "/copied": decoded,
  "/clone-init": decoded,
  "/tee": decoded,
  "/twice": decoded,
  "/text": decoded,
  "/text-headers": decoded,
  "/bytes": decoded,
  "/buffer": decoded,
  "/blob": decoded,
  "/subclass": decoded,
  "/direct as HEAD": { encoding: null, body: "none", method: "HEAD", length: null },
  "/init as HEAD": { encoding: null, body: "none", method: "HEAD", length: null },
  "/not-modified": { encoding: null, body: "none" },
  "/no-content": { encoding: null, body: "none" },
  "/own": { ...encoded, length: String(ENCODED.length) },
  "/own-stream": encoded,
  "/unknown": { encoding: "x-own", body: "encoded" },
};

function answer(request: Request): Response {
  const own = { "content-length": String(ENCODED.length) };
  switch (new URL(request.url).pathname) {
    case "/gzip":
      return new Response(ENCODED, { headers: { ...own, "content-encoding": "gzip" } });
    case "/unknown":
      return new Response(ENCODED, { headers: { ...own, "content-encoding": "x-own" } });
    case "/chunked":
      return new Response(new Blob([ENCODED]).stream(), {
        headers: { "content-encoding": "gzip" },
      });
    case "/not-modified":
      return new Response(null, { status: 304, headers: { "content-encoding": "gzip" } });
    case "/no-content":
      return new Response(null, { status: 204, headers: { "content-encoding": "gzip" } });
    default:
      return new Response(ENCODED);
  }
}

for (const workers of ["1", "0"]) {
  Deno.test(`fields of a coding go with a body that has it (--workers ${workers})`, async (test) => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/app.js`, APP);
    const upstream = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
    const from = `http://127.0.0.1:${upstream.addr.port}`;
    {
      await using gateway = await startGateway([`${folder}/app.js`, "--workers", workers]);
      const ask = async (path: string, method: string) => {
        using client = await RawClient.connect(gateway.port);
        await client.send(`${method} ${path}?from=${from} HTTP/1.1\r\nHost: a\r\n\r\n`);
        return await client.receive(method === "HEAD" ? "head" : "response");
      };
      for (const [name, { encoding, body, method = "GET", length }] of Object.entries(cases)) {
        await test.step(name, async () => {
          const response = await ask(name.split(" ")[0], method);
          assertEquals(response.headers.get("content-encoding"), encoding);
          const right = { decoded: TEXT, encoded: latin1(ENCODED), none: "" }[body];
          assertEquals(response.body, right);
          if (length !== undefined) assertEquals(response.headers.get("content-length"), length);
        });
      }
      await test.step("what the platform has not decoded is sent as it came", async () => {
        const response = await ask("/range", "GET");
        const isDecoded = response.headers.get("content-encoding") === null;
        assertEquals(response.body.length, isDecoded ? TEXT.length : ENCODED.length);
      });
      await test.step("what the app has encoded again keeps its coding, where it had one", async () => {
        const response = await ask("/encoded-again", "GET");
        assertEquals(response.body.slice(0, 2), latin1(ENCODED).slice(0, 2));
      });
      await test.step("Response looks as the platform's", async () => {
        const getters = ["body", "headers"].map((name) => {
          const { get, enumerable } = Object.getOwnPropertyDescriptor(Response.prototype, name)!;
          return [get!.name, get!.length, enumerable];
        });
        assertEquals((await ask("/looks", "GET")).body, JSON.stringify(getters));
      });
    }
    await upstream.shutdown();
    await Deno.remove(folder, { recursive: true });
  });
}
