import { LoadError } from "../../src/base/errors.ts";
import { StatusError } from "../../src/loader/fetch/fetcher.ts";
import type { FetchOptions } from "../../src/loader/fetch/fetcher.ts";
import { sha256Hex } from "../../src/base/sha256.ts";
import { assertEquals, assertInstanceOf, assertMatch, assertRejects } from "../support/assert.ts";
import { Bench, LIMITS, MODULE, textOf } from "./fetch_bench.ts";
import { filesIn, ModuleServer, redirectTo } from "./module_server.ts";
import type { Page } from "./module_server.ts";

const decoder = new TextDecoder();

Deno.test("a module is fetched with its content type, and once only", async () => {
  await using bench = new Bench();
  const fetched: string[] = [];
  const url = `${bench.origin}/m.ts`;
  for (let i = 0; i < 2; i++) {
    const fetcher = bench.fetcher({ onFetch: (url) => fetched.push(url) });
    for (let j = 0; j < 2; j++) {
      const source = await fetcher.load(url);
      assertEquals(source.url, url);
      assertEquals(decoder.decode(source.bytes), "export default 1;");
      assertEquals(source.contentType, "text/typescript");
      assertEquals(source.sha256, await sha256Hex("export default 1;"));
    }
  }
  assertEquals(fetched, [url]);
  const [request, ...others] = bench.server.requests;
  assertEquals(others, []);
  assertMatch(request.headers.get("user-agent")!, /^Deno\/[\d.]+\S* gatehouse\/\d+\.\d+\.\d+/);
  assertEquals(request.headers.get("accept"), "*/*");
});

Deno.test("a module without a content type has none", async () => {
  await using bench = new Bench({ "/m.ts": () => new Response(Uint8Array.of(49)) });
  assertEquals((await bench.fetcher().load(`${bench.origin}/m.ts`)).contentType, "");
});

Deno.test("a second start needs no server", async () => {
  await using bench = new Bench({ "/m.ts": MODULE, "/r": redirectTo("/m.ts") });
  await bench.fetcher().load(`${bench.origin}/r`);
  await bench.server[Symbol.asyncDispose]();
  assertEquals(await textOf(bench.fetcher(), `${bench.origin}/r`), "export default 1;");
  assertEquals(
    await textOf(bench.fetcher({ cachePolicy: "only", reload: "all" }), `${bench.origin}/r`),
    "export default 1;",
  );
});

Deno.test("loads of one URL at the same time share one request", async () => {
  await using bench = new Bench({
    "/m.ts": MODULE,
    "/a": redirectTo("/m.ts"),
    "/b": redirectTo("/m.ts"),
  });
  const fetcher = bench.fetcher({ reload: "all" });
  const paths = ["/m.ts", "/a", "/b", "/m.ts", "/a", "/m.ts#x"];
  const sources = await Promise.all(paths.map((path) => fetcher.load(bench.origin + path)));
  assertEquals(new Set(sources.map(({ sha256 }) => sha256)).size, 1);
  assertEquals(bench.server.takePaths().sort(), ["/a", "/b", "/m.ts"]);
});

Deno.test("no more requests than the limit run at the same time", async () => {
  let running = 0;
  let most = 0;
  const page: Page = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
    return new Response("1");
  };
  const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
  await using bench = new Bench(Object.fromEntries(paths.map((path) => [path, page])));
  const fetcher = bench.fetcher({ limits: { ...LIMITS, maxConcurrentRequests: 3 } });
  await Promise.all(paths.map((path) => fetcher.load(bench.origin + path)));
  assertEquals(bench.server.takePaths().length, 20);
  assertEquals(most, 3);
});

Deno.test("a fragment is not sent, and stays in the URL of the module", async () => {
  await using bench = new Bench({
    "/m.ts": MODULE,
    "/r": redirectTo("/m.ts"),
    "/s": redirectTo("/m.ts#s"),
  });
  const cases = [["/m.ts#a", "/m.ts#a"], ["/r#a", "/m.ts#a"], ["/s#a", "/m.ts#s"]];
  for (const [path, expected] of cases) {
    const { url } = await bench.fetcher().load(bench.origin + path);
    assertEquals(url, bench.origin + expected);
  }
  assertEquals(bench.server.takePaths(), ["/m.ts", "/r", "/s"]);
});

const RELOADS: [string, FetchOptions["reload"], readonly string[]][] = [
  ["none", "none", []],
  ["all", "all", ["/a/r", "/b/m.ts"]],
  ["a prefix of both", ["/"], ["/a/r", "/b/m.ts"]],
  ["a prefix of the redirect", ["/a/"], ["/a/r"]],
  ["a prefix of the target", ["/c", "/b/m"], ["/b/m.ts"]],
  ["another prefix", ["/c"], []],
  ["an empty list", [], []],
];

for (const [name, reload, expected] of RELOADS) {
  Deno.test(`reloading ${name} asks the server for that, once`, async () => {
    await using bench = new Bench({ "/a/r": redirectTo("../b/m.ts"), "/b/m.ts": MODULE });
    const url = `${bench.origin}/a/r`;
    await bench.fetcher().load(url);
    bench.server.takePaths();
    const fetcher = bench.fetcher({
      reload: typeof reload === "string" ? reload : reload.map((path) => bench.origin + path),
    });
    for (let i = 0; i < 3; i++) {
      assertEquals(decoder.decode((await fetcher.load(url)).bytes), "export default 1;");
    }
    assertEquals(bench.server.takePaths(), [...expected]);
  });
}

Deno.test("reloading asks with ETag and Last-Modified, and 304 keeps the body but takes the news", async () => {
  const modified = "Sat, 21 Nov 2026 00:00:00 GMT";
  const headers = { "content-type": "text/typescript", etag: '"1"', "last-modified": modified };
  await using bench = new Bench({ "/m.ts": { body: "1", headers } });
  const url = `${bench.origin}/m.ts`;
  await bench.fetcher().load(url);
  const [before] = bench.server.requests.splice(0);
  assertEquals(before.headers.has("if-none-match"), false);
  bench.server.pages["/m.ts"] = {
    status: 304,
    headers: { "content-type": "text/tsx", etag: '"2"' },
  };
  const { bytes, contentType } = await bench.fetcher({ reload: "all" }).load(url);
  assertEquals([decoder.decode(bytes), contentType], ["1", "text/tsx"]);
  const [asked] = bench.server.requests.splice(0);
  assertEquals(asked.headers.get("if-none-match"), '"1"');
  assertEquals(asked.headers.get("if-modified-since"), modified);
  const entry = await bench.cache.readHttpEntry(url);
  assertEquals(entry?.kind === "body" && [entry.etag, entry.lastModified], ['"2"', modified]);
});

Deno.test("reloading takes what has changed", async () => {
  await using bench = new Bench();
  const url = `${bench.origin}/m.ts`;
  await bench.fetcher().load(url);
  bench.server.pages["/m.ts"] = "export default 2;";
  assertEquals(await textOf(bench.fetcher(), url), "export default 1;");
  assertEquals(await textOf(bench.fetcher({ reload: "all" }), url), "export default 2;");
  assertEquals(await textOf(bench.fetcher(), url), "export default 2;");
  bench.server.pages["/m.ts"] = redirectTo("/n.ts");
  bench.server.pages["/n.ts"] = "export default 3;";
  const { url: reached } = await bench.fetcher({ reload: "all" }).load(url);
  assertEquals(reached, `${bench.origin}/n.ts`);
});

const DAMAGES: [string, (path: string) => Promise<void>][] = [
  ["changed", (path) => Deno.writeTextFile(path, "export default 6;")],
  ["cut off", (path) => Deno.writeTextFile(path, '{"kind":"body"')],
  ["emptied", (path) => Deno.writeTextFile(path, "")],
  ["removed", (path) => Deno.remove(path)],
];

for (const [name, damage] of DAMAGES) {
  for (const kind of ["blobs", "http"]) {
    for (const reload of ["none", "all"] as const) {
      Deno.test(`a file of ${kind} that was ${name} is fetched again (reload ${reload})`, async () => {
        await using bench = new Bench();
        const url = `${bench.origin}/m.ts`;
        await bench.fetcher().load(url);
        bench.server.requests.splice(0);
        const [path] = await filesIn(`${bench.cache.root}/${kind}`);
        await damage(`${bench.cache.root}/${kind}/${path}`);
        assertEquals(await textOf(bench.fetcher({ reload }), url), "export default 1;");
        const [request] = bench.server.requests;
        // There is nothing that could be confirmed.
        assertEquals(request.headers.has("if-none-match"), false);
        assertEquals(await textOf(bench.fetcher(), url), "export default 1;");
        assertEquals(bench.server.takePaths(), ["/m.ts"]);
      });
    }
  }
}

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`a redirect by ${status} is followed, and kept as an entry of its own`, async () => {
    await using bench = new Bench({
      "/a/": redirectTo("b", status),
      "/a/b": redirectTo("../m.ts?x=1", status),
      "/m.ts?x=1": MODULE,
    });
    for (let i = 0; i < 2; i++) {
      const { url } = await bench.fetcher().load(`${bench.origin}/a/`);
      assertEquals(url, `${bench.origin}/m.ts?x=1`);
    }
    assertEquals(bench.server.takePaths(), ["/a/", "/a/b", "/m.ts?x=1"]);
    const entry = await bench.cache.readHttpEntry(`${bench.origin}/a/`);
    assertEquals(entry?.kind === "redirect" && entry.location, `${bench.origin}/a/b`);
  });
}

Deno.test("a failed load can be repeated", async () => {
  await using bench = new Bench();
  const fetcher = bench.fetcher();
  const url = `${bench.origin}/late.ts`;
  await assertRejects(() => fetcher.load(url), LoadError);
  bench.server.pages["/late.ts"] = "1";
  assertEquals(await textOf(fetcher, url), "1");
});

Deno.test("headers are sent along, secret ones only to the origin that was asked", async () => {
  await using other = new ModuleServer({ "/m.ts": MODULE });
  await using bench = new Bench({
    "/m.ts": MODULE,
    "/near": redirectTo("/m.ts"),
    "/far": redirectTo(`${other.origin}/m.ts`),
  });
  const headers = { Authorization: "Bearer x", Cookie: "a=b", "X-Other": "1" };
  await bench.fetcher().load(`${bench.origin}/near`, headers);
  await bench.fetcher().load(`${bench.origin}/far`, headers);
  for (const request of bench.server.requests) {
    assertEquals(request.headers.get("authorization"), "Bearer x");
    assertEquals(request.headers.get("cookie"), "a=b");
  }
  const [{ headers: far }] = other.requests;
  assertEquals([far.get("authorization"), far.get("cookie"), far.get("x-other")], [
    null,
    null,
    "1",
  ]);
});

Deno.test("a data: URL is read in all its forms", async () => {
  await using bench = new Bench({});
  const cases = [
    ["data:text/javascript,export%20default%201", "text/javascript", "export default 1"],
    ["data:text/typescript;base64,bGV0IGE6IDE=", "text/typescript", "let a: 1"],
    ["data:text/javascript;charset=utf-8,%C3%A9", "text/javascript;charset=utf-8", "é"],
    ["data:text/javascript,let%20a#fragment", "text/javascript", "let a"],
    ["DATA:text/javascript;BASE64,MQ==", "text/javascript", "1"],
    ["data:application/json,[1]", "application/json", "[1]"],
    ["data:,x", "text/plain;charset=US-ASCII", "x"],
  ];
  for (const [url, contentType, text] of cases) {
    const source = await bench.fetcher({ cachePolicy: "only" }).load(url);
    assertEquals(source.url, url);
    assertEquals([source.contentType, decoder.decode(source.bytes)], [contentType, text]);
    assertEquals(source.sha256, await sha256Hex(text));
  }
});

Deno.test("a file is read, and a missing one is one line that says so", async () => {
  await using bench = new Bench({});
  const folder = new URL(`file://${bench.folder.path}/`);
  await Deno.writeTextFile(new URL("a b.ts", folder), "1");
  const fetcher = bench.fetcher();
  const { url, bytes, contentType, sha256 } = await fetcher.readFileSource(`${folder}a%20b.ts#x`);
  assertEquals([url, contentType], [`${folder}a%20b.ts#x`, ""]);
  assertEquals([decoder.decode(bytes), sha256], ["1", await sha256Hex("1")]);
  const cases = [
    [`${folder}none.ts`, "there is no such file"],
    [`${folder}a%20b.ts/c.ts`, "there is no such file"],
    [`${folder}`, "it is a folder"],
    [`${folder}a%2Fb.ts`, "it is not the path of a file"],
    [`${folder}a%00b.ts`, "it is not the path of a file"],
  ];
  for (const [url, reason] of cases) {
    const error = await assertRejects(() => fetcher.readFileSource(url), LoadError);
    assertEquals(error.message, `cannot load ${url}: ${reason}`);
  }
});

Deno.test("a resource is bound by neither the hosts nor the lock, and has an entry of its own", async () => {
  await using bench = new Bench({
    "/p": (request) => new Response(`for ${request.headers.get("accept")}`),
  });
  const url = `${bench.origin}/p`;
  const lock = await bench.lock("frozen");
  const options = { lock, allowImport: [] };
  for (const accept of ["application/json", "text/html"]) {
    const { bytes } = await bench.fetcher(options).loadResource(url, { accept });
    assertEquals(decoder.decode(bytes), `for ${accept}`);
    const again = await bench.fetcher(options).loadResource(url, { accept });
    assertEquals(again.bytes, bytes);
  }
  assertEquals(await textOf(bench.fetcher(), url), "for */*");
  assertEquals(bench.server.takePaths().length, 3);
});

Deno.test("a resource is revalidated or not kept if that is wished, and limited as is wished", async () => {
  await using bench = new Bench();
  const url = `${bench.origin}/m.ts`;
  const fetcher = bench.fetcher();
  await fetcher.loadResource(url, { freshness: "uncached", authorization: "Basic x" });
  assertEquals(bench.server.requests[0].headers.get("authorization"), "Basic x");
  assertEquals((await bench.cache.info()).kinds.blobs.entries, 0);
  await fetcher.loadResource(url);
  assertEquals(bench.server.takePaths().length, 2);
  const second = bench.fetcher();
  for (let i = 0; i < 2; i++) await second.loadResource(url, { freshness: "revalidated" });
  const [request, ...others] = bench.server.requests.splice(0);
  assertEquals([request.headers.get("if-none-match"), others.length], ['"1"', 0]);
  const error = await assertRejects(
    () => fetcher.loadResource(url, { freshness: "uncached", maxBytes: 16 }),
    LoadError,
  );
  assertEquals(error.message, `cannot load ${url}: it is larger than 16 bytes`);
});

Deno.test("a resource that the server refuses is an error with the status", async () => {
  await using bench = new Bench({});
  const error = await assertRejects(
    () => bench.fetcher().loadResource(`${bench.origin}/none`),
    StatusError,
  );
  assertEquals(error.status, 404);
  assertInstanceOf(error, LoadError);
  assertEquals(error.name, "LoadError");
});
