import { ConfigError, LoadError } from "../../src/base/errors.ts";
import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { DEFAULT_IMPORT_HOSTS, ModuleFetcher } from "../../src/loader/fetch/fetcher.ts";
import type { FetchOptions } from "../../src/loader/fetch/fetcher.ts";
import { assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { Bench, LIMITS, MODULE, textOf } from "./fetch_bench.ts";
import { redirectTo, TemporaryFolder } from "./module_server.ts";
import type { Page } from "./module_server.ts";

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
      new RegExp(`^cannot load /lasting: the server answered ${status} [A-Z][A-Za-z ]+$`),
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
    "cannot load /slow: it took longer than 0.2 s",
  );
  clearInterval(timer);
});

/** Cases of what cannot be loaded, and what is said then; the origin of the server is left out. */
const FAULTS: [string, string, Partial<FetchOptions>, string][] = [
  ["a missing module", "/none.ts", {}, "cannot load /none.ts: the server answered 404 Not Found"],
  ["a forbidden one", "/403", {}, "cannot load /403: the server answered 403 Forbidden"],
  ["a part of one", "/206", {}, "cannot load /206: the server answered 206 Partial Content"],
  ["an unasked 304", "/304", {}, "cannot load /304: the server answered 304 Not Modified"],
  [
    "a missing module after redirects",
    "/to-none",
    {},
    "cannot load /none.ts: the server answered 404 Not Found (redirected from /to-none)",
  ],
  [
    "a redirect to nowhere",
    "/nowhere",
    {},
    "cannot load /nowhere: the server answered 302 without saying where to go",
  ],
  [
    "a redirect to no URL",
    "/no-url",
    {},
    "cannot load /no-url: the server answered 302 without saying where to go",
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
    "cannot load /circle-a: its redirects form a loop",
  ],
  [
    "redirects into a circle",
    "/to-circle",
    {},
    "cannot load /circle-a: its redirects form a loop (redirected from /to-circle)",
  ],
  [
    "http: to another machine",
    "http://example.com/a.ts",
    {},
    "cannot load http://example.com/a.ts: http: is allowed from this machine only, since others " +
    "could change what is sent; use https:, or allow it with --allow-insecure-import",
  ],
  [
    "a redirect to http: on another machine",
    "/to-http",
    {},
    "cannot load http://example.com/a.ts: http: is allowed from this machine only, since others " +
    "could change what is sent; use https:, or allow it with --allow-insecure-import (redirected from /to-http)",
  ],
  [
    "a host that is not allowed",
    "https://example.com/a.ts",
    { allowImport: DEFAULT_IMPORT_HOSTS },
    "cannot load https://example.com/a.ts: modules may not come from this host; allow it with " +
    "--allow-import=example.com:443",
  ],
  [
    "a redirect to a host that is not allowed",
    "/to-https",
    { allowImport: ["127.0.0.1:*".replace("*", "1"), "HOST"] },
    "cannot load https://example.com/a.ts: modules may not come from this host; allow it with " +
    "--allow-import=example.com:443 (redirected from /to-https)",
  ],
  [
    "what is not in the cache",
    "/m.ts",
    { cachePolicy: "only" },
    "cannot load /m.ts: it is not in the cache, and --cached-only forbids fetching it",
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
  ["no URL", "https://", {}, "cannot load https://: it is not a valid URL"],
  [
    "a password",
    "http://user:secret@example.com/a.ts",
    {},
    "cannot load http://user:***@example.com/a.ts: http: is allowed from this machine only, " +
    "since others could change what is sent; use https:, or allow it with --allow-insecure-import",
  ],
  [
    "base64 that is none",
    "data:text/javascript;base64,*",
    {},
    "cannot load data:text/javascript;base64,*: it is not a valid data: URL",
  ],
  ["a data: URL without a comma", "data:a", {}, "cannot load data:a: it is not a valid data: URL"],
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
  await using bench = new Bench();
  await bench.server[Symbol.asyncDispose]();
  assertEquals(
    await bench.fault("/m.ts"),
    "cannot load /m.ts: its host refuses connections at this port",
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
