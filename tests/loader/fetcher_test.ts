import { ConfigError, LoadError } from "../../src/errors.ts";
import { ModuleCache } from "../../src/loader/cache.ts";
import {
  DEFAULT_FETCH_LIMITS,
  DEFAULT_IMPORT_HOSTS,
  ModuleFetcher,
  StatusError,
} from "../../src/loader/fetcher.ts";
import type { FetchLimits, FetchOptions } from "../../src/loader/fetcher.ts";
import { sha256Hex } from "../../src/loader/hash.ts";
import { Lock } from "../../src/loader/lock.ts";
import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotMatch,
  assertRejects,
} from "../support/assert.ts";
import { filesIn, ModuleServer, redirectTo, TemporaryFolder } from "./module_server.ts";
import type { Page } from "./module_server.ts";

const decoder = new TextDecoder();
const MODULE: Page = {
  body: "export default 1;",
  headers: { "content-type": "text/typescript", etag: '"1"' },
};
/** Attempts follow each other at once. */
const LIMITS: FetchLimits = { ...DEFAULT_FETCH_LIMITS, retryDelaysMs: [1, 1] };

/** A server, a cache, and fetchers in between. */
class Bench implements AsyncDisposable {
  readonly folder = new TemporaryFolder();
  readonly cache = new ModuleCache(`${this.folder.path}/cache`);
  readonly server: ModuleServer;
  readonly origin: string;

  constructor(pages: Record<string, Page> = { "/m.ts": MODULE }) {
    this.server = new ModuleServer(pages);
    this.origin = this.server.origin;
  }

  fetcher(options: Partial<FetchOptions> = {}): ModuleFetcher {
    return new ModuleFetcher(this.cache, {
      reload: "none",
      cachePolicy: "use",
      allowImport: "any",
      allowHttp: "loopback",
      limits: LIMITS,
      lock: null,
      ...options,
    });
  }

  lock(mode: "extend" | "frozen"): Promise<Lock> {
    return Lock.read(`${this.folder.path}/gatehouse.lock`, mode);
  }

  /** Why the module at `path`, or at a URL, cannot be loaded. */
  async fault(path: string, options: Partial<FetchOptions> = {}): Promise<string> {
    const url = path.startsWith("/") ? this.origin + path : path;
    const error = await assertRejects(() => this.fetcher(options).load(url), LoadError);
    assertEquals(error.url, url);
    assertNotMatch(error.message, /\n/);
    return error.message.replaceAll(this.origin, "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

async function textOf(fetcher: ModuleFetcher, url: string): Promise<string> {
  return decoder.decode((await fetcher.load(url)).bytes);
}

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

Deno.test("as many redirects as the limit says are followed, and no more", async () => {
  const pages: Record<string, Page> = { "/0": MODULE };
  for (let i = 1; i <= 4; i++) pages[`/${i}`] = redirectTo(`/${i - 1}`);
  await using bench = new Bench(pages);
  const limits = { ...LIMITS, maxRedirects: 3 };
  await bench.fetcher({ limits }).load(`${bench.origin}/3`);
  assertEquals(
    await bench.fault("/4", { limits }),
    "cannot load /0: there are more than 3 redirects (redirected from /4)",
  );
});

Deno.test("a body as large as the limit is taken, and a larger one given up as it comes", async () => {
  let sent = 0;
  await using bench = new Bench({
    "/1000": "x".repeat(1_000),
    "/1001": "x".repeat(1_001),
    "/endless": () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            sent += 1_000;
            controller.enqueue(new Uint8Array(1_000));
          },
        }),
      ),
  });
  const limits = { ...LIMITS, maxModuleBytes: 1_000 };
  assertEquals((await textOf(bench.fetcher({ limits }), `${bench.origin}/1000`)).length, 1_000);
  for (const path of ["/1001", "/endless"]) {
    assertEquals(
      await bench.fault(path, { limits }),
      `cannot load ${path}: it is larger than 1000 bytes`,
    );
    assertEquals(await bench.cache.readHttpEntry(bench.origin + path), null);
  }
  assertEquals(sent < 10_000_000, true);
  const mebibyte = { ...LIMITS, maxModuleBytes: 1024 * 1024 };
  assertEquals(
    await bench.fault("/endless", { limits: mebibyte }),
    "cannot load /endless: it is larger than 1 MiB",
  );
});

Deno.test("a compressed body is taken as what it was before, and limited as that", async () => {
  const compressed = new Response(
    new Blob(["x".repeat(100_000)]).stream().pipeThrough(new CompressionStream("gzip")),
  );
  const body = await compressed.bytes();
  await using bench = new Bench({ "/m": { body, headers: { "content-encoding": "gzip" } } });
  const limits = { ...LIMITS, maxModuleBytes: 99_999 };
  assertEquals(
    await bench.fault("/m", { limits }),
    "cannot load /m: it is larger than 99999 bytes",
  );
  assertEquals((await textOf(bench.fetcher(), `${bench.origin}/m`)).length, 100_000);
});

for (const status of [429, 500, 502, 503, 504]) {
  Deno.test(`a server that says ${status} is asked again, but not for ever`, async () => {
    let left = 2;
    await using bench = new Bench({
      "/passing": () => left-- > 0 ? new Response("later", { status }) : new Response("1"),
      "/lasting": { status },
    });
    assertEquals(await textOf(bench.fetcher(), `${bench.origin}/passing`), "1");
    assertEquals(bench.server.takePaths().length, 3);
    assertMatch(
      await bench.fault("/lasting"),
      new RegExp(`^cannot load /lasting: the server says ${status} [A-Z][A-Za-z ]+$`),
    );
    assertEquals(bench.server.takePaths().length, 3);
  });
}

Deno.test("a connection that breaks is tried again, but not for ever", async () => {
  let left = 2;
  // More is announced than comes.
  const broken = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345";
  const whole = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n1";
  await using folder = new TemporaryFolder();
  await using peer = new RawServer(() => left-- > 0 ? broken : whole);
  const fetcher = new ModuleFetcher(new ModuleCache(folder.path), {
    reload: "none",
    cachePolicy: "use",
    allowImport: "any",
    allowHttp: "loopback",
    limits: LIMITS,
    lock: null,
  });
  assertEquals(await textOf(fetcher, `${peer.origin}/a`), "1");
  left = 3;
  const error = await assertRejects(() => fetcher.load(`${peer.origin}/b`), LoadError);
  assertMatch(error.message, /^cannot load \S+\/b: the connection failed \([^()\n]+\)$/);
});

/** A server that says to each connection what it likes, and closes it. */
class RawServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly origin = `http://127.0.0.1:${this.#listener.addr.port}`;
  readonly #end: Promise<void>;

  constructor(answer: () => string) {
    this.#end = this.#serve(answer);
  }

  async #serve(answer: () => string): Promise<void> {
    for await (const connection of this.#listener) {
      await connection.read(new Uint8Array(10_000));
      await connection.write(new TextEncoder().encode(answer()));
      connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#end;
  }
}

Deno.test("a server that sends nothing more is given up", async () => {
  const closed = Promise.withResolvers<void>();
  const never = new Promise<Response>((resolve) => {
    closed.promise.then(() => resolve(new Response()));
  });
  await using bench = new Bench({
    "/silent": () => never,
    "/stuck": () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(Uint8Array.of(1)) }),
      ),
  });
  const limits = { ...LIMITS, idleTimeoutMs: 50 };
  for (const path of ["/silent", "/stuck"]) {
    assertEquals(
      await bench.fault(path, { limits }),
      `cannot load ${path}: the server has sent nothing for 0.05 s`,
    );
  }
  assertEquals(bench.server.takePaths(), ["/silent", "/stuck"]);
  closed.resolve();
});

Deno.test("a server that goes on and on is given up", async () => {
  let timer: ReturnType<typeof setInterval> | undefined;
  await using bench = new Bench({
    "/slow": () =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            timer = setInterval(() => controller.enqueue(Uint8Array.of(1)), 5);
          },
          cancel: () => clearInterval(timer),
        }),
      ),
  });
  assertEquals(
    await bench.fault("/slow", { limits: { ...LIMITS, totalTimeoutMs: 200 } }),
    "cannot load /slow: it is not there after 0.2 s",
  );
  clearInterval(timer);
});

/** Cases of what cannot be loaded, and what is said then; the origin of the server is left out. */
const FAULTS: [string, string, Partial<FetchOptions>, string][] = [
  ["a missing module", "/none.ts", {}, "cannot load /none.ts: the server says 404 Not Found"],
  ["a forbidden one", "/403", {}, "cannot load /403: the server says 403 Forbidden"],
  ["a part of one", "/206", {}, "cannot load /206: the server says 206 Partial Content"],
  ["an unasked 304", "/304", {}, "cannot load /304: the server says 304 Not Modified"],
  [
    "a missing module after redirects",
    "/to-none",
    {},
    "cannot load /none.ts: the server says 404 Not Found (redirected from /to-none)",
  ],
  [
    "a redirect to nowhere",
    "/nowhere",
    {},
    "cannot load /nowhere: the server says 302, but not where to go",
  ],
  [
    "a redirect to no URL",
    "/no-url",
    {},
    "cannot load /no-url: the server says 302, but not where to go",
  ],
  [
    "a redirect to a file",
    "/to-file",
    {},
    "cannot load file:///etc/passwd: only http: and https: URLs can be fetched (redirected from " +
    "/to-file)",
  ],
  [
    "a redirect to data",
    "/to-data",
    {},
    "cannot load data:text/javascript,1: only http: and https: URLs can be fetched (redirected " +
    "from /to-data)",
  ],
  [
    "redirects in a circle",
    "/circle-a",
    {},
    "cannot load /circle-a: its redirects go round in circles",
  ],
  [
    "redirects into a circle",
    "/to-circle",
    {},
    "cannot load /circle-a: its redirects go round in circles (redirected from /to-circle)",
  ],
  [
    "http: to another machine",
    "http://example.com/a.ts",
    {},
    "cannot load http://example.com/a.ts: http: is for this machine only, as others could change " +
    "what is sent; use https:, or allow it with --allow-insecure-import",
  ],
  [
    "a redirect to http: on another machine",
    "/to-http",
    {},
    "cannot load http://example.com/a.ts: http: is for this machine only, as others could change " +
    "what is sent; use https:, or allow it with --allow-insecure-import (redirected from /to-http)",
  ],
  [
    "a host that is not allowed",
    "https://example.com/a.ts",
    { allowImport: DEFAULT_IMPORT_HOSTS },
    "cannot load https://example.com/a.ts: modules may not come from its host; allow it with " +
    "--allow-import=example.com:443",
  ],
  [
    "a redirect to a host that is not allowed",
    "/to-https",
    { allowImport: ["127.0.0.1:*".replace("*", "1"), "HOST"] },
    "cannot load https://example.com/a.ts: modules may not come from its host; allow it with " +
    "--allow-import=example.com:443 (redirected from /to-https)",
  ],
  [
    "what is not in the cache",
    "/m.ts",
    { cachePolicy: "only" },
    "cannot load /m.ts: it is not in the cache, and --cached-only forbids to fetch it",
  ],
  [
    "an unknown host",
    "https://nobody.invalid/a.ts",
    {},
    "cannot load https://nobody.invalid/a.ts: its host is not known (REASON)",
  ],
  [
    "another scheme",
    "ftp://example.com/a.ts",
    {},
    "cannot load ftp://example.com/a.ts: only http: and https: URLs can be fetched",
  ],
  ["no URL", "https://", {}, "cannot load https://: it is no valid URL"],
  [
    "a password",
    "http://user:secret@example.com/a.ts",
    {},
    "cannot load http://user:***@example.com/a.ts: http: is for this machine only, as others could " +
    "change what is sent; use https:, or allow it with --allow-insecure-import",
  ],
  [
    "base64 that is none",
    "data:text/javascript;base64,*",
    {},
    "cannot load data:text/javascript;base64,*: it is no valid data: URL",
  ],
  ["a data: URL without a comma", "data:a", {}, "cannot load data:a: it is no valid data: URL"],
];

for (const [name, path, options, expected] of FAULTS) {
  Deno.test(`loading ${name} is one line that says so`, async () => {
    await using bench = new Bench({
      "/m.ts": MODULE,
      "/403": { status: 403 },
      "/206": { body: "1", status: 206 },
      "/304": { status: 304 },
      "/nowhere": { status: 302 },
      "/no-url": redirectTo("http://"),
      "/to-none": redirectTo("/none.ts"),
      "/to-file": redirectTo("file:///etc/passwd"),
      "/to-data": redirectTo("data:text/javascript,1"),
      "/to-http": redirectTo("http://example.com/a.ts"),
      "/to-https": redirectTo("https://example.com/a.ts"),
      "/circle-a": redirectTo("/circle-b"),
      "/circle-b": redirectTo("/circle-a"),
      "/to-circle": redirectTo("/circle-a"),
    });
    const { allowImport } = options;
    const allowed = Array.isArray(allowImport)
      ? {
        allowImport: allowImport.map((host) => host === "HOST" ? new URL(bench.origin).host : host),
      }
      : {};
    const message = await bench.fault(path, { ...options, ...allowed });
    assertEquals(message.replace(/(not known) \([^()]+\)/, "$1 (REASON)"), expected);
  });
}

Deno.test("a port at which nobody listens is one line that says so", async () => {
  const bench = new Bench();
  await bench.server[Symbol.asyncDispose]();
  assertEquals(
    await bench.fault("/m.ts"),
    "cannot load /m.ts: its host refuses connections at this port",
  );
  await bench.folder[Symbol.asyncDispose]();
});

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
    [`${folder}a%2Fb.ts`, "it is no path of a file"],
    [`${folder}a%00b.ts`, "it is no path of a file"],
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

Deno.test("a lock pins modules and redirects, and a changed byte refuses to load", async () => {
  await using bench = new Bench({ "/r": redirectTo("/m.ts#f"), "/m.ts": MODULE });
  const lock = await bench.lock("extend");
  const fetcher = bench.fetcher({ lock });
  await fetcher.load(`${bench.origin}/r`);
  await fetcher.load(`${bench.origin}/m.ts#x`);
  await fetcher.load("data:text/javascript,1");
  await lock.write();
  assertEquals(JSON.parse(await Deno.readTextFile(lock.path)), {
    version: 1,
    modules: { [`${bench.origin}/m.ts`]: await sha256Hex("export default 1;") },
    redirects: { [`${bench.origin}/r`]: `${bench.origin}/m.ts#f` },
  });
  bench.server.takePaths();

  // Where the lock says it leads, whatever the server says now.
  const frozen = await bench.lock("frozen");
  bench.server.pages["/r"] = redirectTo("/other.ts");
  const { url } = await bench.fetcher({ lock: frozen, reload: "all" }).load(`${bench.origin}/r`);
  assertEquals(url, `${bench.origin}/m.ts#f`);
  assertEquals(bench.server.takePaths(), ["/m.ts"]);

  bench.server.pages["/m.ts"] = "export default 2;";
  await bench.fetcher({ lock: frozen }).load(`${bench.origin}/m.ts`);
  assertMatch(
    await bench.fault("/m.ts", { lock: frozen, reload: "all" }),
    /^cannot load \/m\.ts: its content is not what the lock file \S+ pins: SHA-256 [\da-f]{12}… and not /,
  );
  // What is in the cache now is refused as well.
  assertMatch(await bench.fault("/m.ts", { lock: frozen }), /^cannot load \/m\.ts: its content is/);
});

Deno.test("a frozen lock refuses what it does not know", async () => {
  await using bench = new Bench({ "/r": redirectTo("/m.ts"), "/m.ts": MODULE });
  const lock = await bench.lock("frozen");
  for (const path of ["/m.ts", "/r"]) {
    assertMatch(
      await bench.fault(path, { lock }),
      new RegExp(
        `^cannot load ${path}: the lock file \\S+ is out of date, as it does not list it; `,
      ),
    );
  }
});

Deno.test("a pinned redirect leads nowhere that is not allowed", async () => {
  await using bench = new Bench({});
  const lock = await bench.lock("extend");
  lock.pinRedirect(`${bench.origin}/r`, "http://example.com/a.ts");
  assertMatch(
    await bench.fault("/r", { lock }),
    /^cannot load http:\/\/example\.com\/a\.ts: http: is/,
  );
});

Deno.test("a host to import from that is none is an error of the configuration", () => {
  const cache = new ModuleCache("/nowhere");
  assertEquals(
    errorOf(() =>
      new ModuleFetcher(cache, {
        reload: "none",
        cachePolicy: "use",
        allowImport: ["https://example.com"],
        allowHttp: "loopback",
        limits: LIMITS,
        lock: null,
      })
    ),
    new ConfigError(
      'cannot use "https://example.com" as a host to import from: it should be HOST or HOST:PORT, ' +
        "such as example.com, *.example.com or [::1]:8080",
    ).message,
  );
});

function errorOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "no error";
}
