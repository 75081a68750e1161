import type { Context } from "gatehouse";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "./support/assert.ts";
import type { GatewayProcess } from "./support/gateway.ts";
import { startGateway } from "./support/gateway.ts";

const EXAMPLES = new URL("../examples/", import.meta.url).pathname;

/** What is to hold of an example. */
interface Behaviour {
  readonly text: string;
  readonly body: (url: string, gateway: GatewayProcess) => Promise<void>;
}

/** What one gateway can tell, by the arguments and variables that it is started with. */
const starts = new Map<string, {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly behaviours: Behaviour[];
}>();

/** Adds a behaviour of an example, which becomes a step of its test. */
function example(
  name: string,
  text: string,
  body: Behaviour["body"],
  args: readonly string[] = [],
  env: Record<string, string> = {},
): void {
  const key = JSON.stringify([name, args, env]);
  const start = starts.get(key) ?? { name, args, env, behaviours: [] };
  starts.set(key, start);
  start.behaviours.push({ text, body });
}

/** Registers a test for each way in which examples are started, with workers and without. */
function registerExamples(): void {
  for (const { name, args, env, behaviours } of starts.values()) {
    const words = [name, ...args.map((arg) => arg.replace(EXAMPLES, ""))].join(" ");
    for (const workers of ["1", "0"]) {
      Deno.test(`examples/${words} (--workers ${workers})`, async (test) => {
        const { FILES_ROOT } = env;
        const allowed = FILES_ROOT === undefined || workers === "0"
          ? []
          : [`--app-allow-read=${FILES_ROOT}`];
        await using gateway = await startGateway(
          [`${EXAMPLES}${name}`, ...args, ...allowed, `--workers=${workers}`],
          { env },
        );
        for (const { text, body } of behaviours) {
          await test.step(text, () => body(gateway.url, gateway));
        }
      });
    }
  }
}

/** Defines a test that fails if it leaves a timer or a file behind: Deno 2.8 and later ask for it. */
function leakless(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });
}

/** Starts `deno serve` with an example, and calls `body` with its URL. */
async function underDenoServe(name: string, body: (url: string) => Promise<void>): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["serve", "-A", "--no-check", "--host=127.0.0.1", "--port=0", `${EXAMPLES}${name}`],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let log = "";
  const { promise: url, resolve, reject } = Promise.withResolvers<string>();
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      log += text;
      const match = /Listening on (http:[^\s]*:\d+)\//.exec(log);
      if (match !== null) resolve(match[1]);
    }
  };
  const reading = Promise.all([read(child.stdout), read(child.stderr)]).then(() => reject(log));
  try {
    await body(await url);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await child.status;
    await reading;
  }
}

example("hello.ts", "greets", async (url) => {
  assertEquals(await (await fetch(url)).text(), "Hello from gatehouse\n");
});

example("function.ts", "echoes JSON, and tells what was asked", async (url) => {
  const echo = await fetch(url, { method: "POST", body: '{"a":[1,"ä"]}' });
  assertEquals(await echo.json(), { a: [1, "ä"] });
  const bad = await fetch(url, { method: "POST", body: "{" });
  assertEquals([bad.status, (await bad.json()).error], [400, "the body is not JSON"]);
  const told = await (await fetch(`${url}/a?b`, { headers: { "x-y": "z" } })).json();
  assertEquals([told.method, told.url, told.headers["x-y"]], ["GET", `${url}/a?b`, "z"]);
});

example("hono.ts", "routes, redirects, sets cookies and handles errors", async (url) => {
  assertEquals(await (await fetch(url)).text(), "Hello from Hono");
  const user = await fetch(`${url}/users/ann`, { headers: { "x-agent": "test" } });
  assertEquals(await user.json(), { name: "ann", agent: "test" });
  const created = await fetch(`${url}/users`, { method: "POST", body: '{"name":"bob"}' });
  assertEquals([created.status, await created.json()], [201, { name: "bob" }]);
  const moved = await fetch(`${url}/old`, { redirect: "manual" });
  assertEquals([moved.status, moved.headers.get("location")], [302, "/"]);
  await moved.body?.cancel();
  const login = await fetch(`${url}/login`);
  assertStringIncludes(login.headers.get("set-cookie")!, "session=secret");
  assertEquals(await login.text(), "welcome");
  const failed = await fetch(`${url}/fail`);
  assertEquals([failed.status, await failed.json()], [500, { error: "on purpose" }]);
  const missing = await fetch(`${url}/nowhere`);
  assertEquals([missing.status, await missing.json()], [404, { error: "nothing at /nowhere" }]);
});

for (const name of ["express", "fastify"]) {
  example(`${name}.ts`, "routes, parses, streams, sets cookies and handles errors", async (url) => {
    const greeting = await fetch(url);
    assertMatch(greeting.headers.get("content-type")!, /^text\/(?:html|plain); charset=utf-8$/);
    assertMatch(await greeting.text(), /^Hello from (?:Express|Fastify)$/);
    const user = await fetch(`${url}/users/ann?a=b`);
    assertEquals(user.headers.getSetCookie().length, 2);
    const { name, query } = await user.json();
    assertEquals([name, query], ["ann", { a: "b" }]);
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ name: "bob" });
    const created = await fetch(`${url}/users`, { method: "POST", headers, body });
    assertEquals([created.status, await created.json()], [201, { name: "bob" }]);
    const bad = await fetch(`${url}/users`, { method: "POST", headers, body: "{" });
    await bad.body?.cancel();
    assert(bad.status === 400 || bad.status === 500, `${bad.status}`);
    assertEquals(await (await fetch(`${url}/ticks`)).text(), "tick 0\ntick 1\ntick 2\n");
    const failed = await fetch(`${url}/fail`);
    assertEquals(failed.status, 500);
    assertStringIncludes(await failed.text(), "on purpose");
    const head = await fetch(`${url}/users/ann`, { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
    const missing = await fetch(`${url}/nowhere`);
    assertEquals(missing.status, 404);
    await missing.body?.cancel();
  });
}

example("sse.ts", "streams events, one by one", async (url) => {
  const response = await fetch(`${url}/?interval=30&count=4`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const pieces: string[] = [];
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) pieces.push(chunk);
  assert(pieces.length > 1, "events arrive as they happen");
  assertEquals(pieces.join("").match(/data: tick \d/g), [0, 1, 2, 3].map((i) => `data: tick ${i}`));
});

example("sse.ts", "refuses an interval that is no number", async (url) => {
  for (const query of ["interval=x", "interval=0", "interval=-1", "count=x", "count=-1"]) {
    const response = await fetch(`${url}/?${query}`);
    assertEquals(response.status, 400, query);
    await response.body?.cancel();
  }
});

example("sse.ts", "ends at once when no event is asked for", async (url) => {
  assertEquals(await (await fetch(`${url}/?count=0`)).text(), "");
});

leakless("examples/sse.ts stops when its stream is cancelled", async () => {
  const { default: app } = await import("../examples/sse.ts");
  const response = app.fetch(new Request("http://localhost/?interval=5"));
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
});

leakless("examples/sse.ts stops when its request is aborted", async () => {
  const { default: app } = await import("../examples/sse.ts");
  const client = new AbortController();
  const { signal } = client;
  const response = app.fetch(new Request("http://localhost/?interval=5", { signal }));
  const reader = response.body!.getReader();
  await reader.read();
  client.abort();
  await assertRejects(async () => {
    for (;;) await reader.read();
  }, DOMException);
});

leakless("examples/sse.ts makes no more events than are read", async () => {
  const { default: app } = await import("../examples/sse.ts");
  const response = app.fetch(new Request("http://localhost/?interval=20"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const reader = response.body!.getReader();
  await reader.read();
  const second = reader.read().then(() => "there already");
  const soon = new Promise((resolve) => setTimeout(() => resolve("not made yet"), 0));
  assertEquals(await Promise.race([second, soon]), "not made yet");
  await second;
  await reader.cancel();
});

example("upload.ts", "hashes uploads and lists forms", async (url) => {
  const bytes = new Uint8Array(3_000_000).map((_, i) => i);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const known = await fetch(url, { method: "PUT", body: bytes });
  assertEquals(await known.json(), { bytes: 3_000_000, sha256 });
  const streamed = await fetch(url, { method: "POST", body: new Blob([bytes]).stream() });
  assertEquals(await streamed.json(), { bytes: 3_000_000, sha256 });
  const form = new FormData();
  form.append("file", new File(["contents"], "notes.txt"));
  form.append("field", "value");
  const listed = await fetch(`${url}/form`, { method: "POST", body: form });
  assertEquals(await listed.json(), [{ name: "notes.txt", size: 8 }]);
  const refused = await fetch(url);
  assertEquals([refused.status, refused.headers.get("allow")], [405, "POST, PUT"]);
  await refused.body?.cancel();
});

example("upload.ts", "refuses what is no form where it wants one", async (url) => {
  const headers = { "content-type": "multipart/form-data; boundary=b" };
  const bodies: RequestInit[] = [{ body: "text" }, { body: "text", headers }];
  for (const init of bodies) {
    const response = await fetch(`${url}/form`, { method: "POST", ...init });
    assertEquals([response.status, await response.text()], [400, "the body is not a form\n"]);
  }
});

example("download.ts", "sends as much as is asked for", async (url) => {
  const chunked = await fetch(`${url}/?bytes=1000001`);
  assertEquals(chunked.headers.get("content-length"), null);
  assertEquals((await chunked.bytes()).length, 1_000_001);
  const known = await fetch(`${url}/?bytes=1000001&length=known`);
  assertEquals(known.headers.get("content-length"), "1000001");
  assertEquals((await known.bytes()).length, 1_000_001);
  const bad = await fetch(`${url}/?bytes=x`);
  assertEquals(bad.status, 400);
  await bad.body?.cancel();
});

leakless("examples/download.ts makes no more than is read", async () => {
  const { default: app } = await import("../examples/download.ts");
  // Were it made at once, there would be no room for it.
  const { body } = app.fetch(new Request("http://localhost/?bytes=1000000000000"));
  const reader = body!.getReader();
  assertEquals((await reader.read()).value!.length, 65_536);
  await reader.cancel();
});

const files = await Deno.makeTempDir();
const outside = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => {
  Deno.removeSync(files, { recursive: true });
  Deno.removeSync(outside, { recursive: true });
});
await Deno.writeTextFile(`${files}/a.txt`, "0123456789");
await Deno.writeTextFile(`${files}/empty.txt`, "");
await Deno.mkdir(`${files}/sub`);
await Deno.writeTextFile(`${files}/sub/index.html`, "<p>index</p>");
await Deno.writeTextFile(`${outside}/secret`, "secret");
await Deno.writeTextFile(`${outside}/index.html`, "secret");
await Deno.symlink(`${outside}/secret`, `${files}/link`);
await Deno.symlink(outside, `${files}/folder`);
await Deno.symlink(`${files}/loop`, `${files}/loop`);
await Deno.symlink(`${files}/a.txt`, `${files}/alias.txt`);
await Deno.mkdir(`${files}/bare`);
await Deno.writeFile(`${files}/big.bin`, new Uint8Array(1_000_000).map((_, i) => i));

example(
  "files.ts",
  "serves files with conditions and ranges, and nothing outside",
  async (url, { port }) => {
    const whole = await fetch(`${url}/a.txt`);
    assertEquals(whole.headers.get("content-type"), "text/plain; charset=utf-8");
    assertEquals(whole.headers.get("content-length"), "10");
    assertEquals(await whole.text(), "0123456789");
    const head = await fetch(`${url}/a.txt`, { method: "HEAD" });
    assertEquals([head.headers.get("content-length"), await head.text()], ["10", ""]);
    assertEquals(await (await fetch(`${url}/empty.txt`)).text(), "");
    assertEquals(await (await fetch(`${url}/sub/`)).text(), "<p>index</p>");

    const etag = whole.headers.get("etag")!;
    const modified = whole.headers.get("last-modified")!;
    const conditions: [Record<string, string>, number][] = [
      [{ "if-none-match": etag }, 304],
      [{ "if-none-match": `"other", ${etag}` }, 304],
      [{ "if-none-match": '"other"' }, 200],
      [{ "if-modified-since": modified }, 304],
      [{ "if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT" }, 200],
      [{ range: "bytes=2-4" }, 206],
      [{ range: "bytes=10-" }, 416],
      [{ range: "lines=1-2" }, 200],
    ];
    for (const [headers, status] of conditions) {
      const response = await fetch(`${url}/a.txt`, { headers });
      assertEquals(response.status, status, JSON.stringify(headers));
      await response.body?.cancel();
    }
    const ranges: [string, string, string][] = [
      ["bytes=2-4", "234", "bytes 2-4/10"],
      ["bytes=7-", "789", "bytes 7-9/10"],
      ["bytes=-2", "89", "bytes 8-9/10"],
      ["bytes=0-99", "0123456789", "bytes 0-9/10"],
    ];
    for (const [range, text, contentRange] of ranges) {
      const response = await fetch(`${url}/a.txt`, { headers: { range } });
      assertEquals(await response.text(), text);
      assertEquals(response.headers.get("content-range"), contentRange);
    }
    const posted = await fetch(`${url}/a.txt`, { method: "POST" });
    assertEquals([posted.status, posted.headers.get("allow")], [405, "GET, HEAD"]);
    await posted.body?.cancel();

    const { get, RawClient } = await import("./support/raw_client.ts");
    using client = await RawClient.connect(port);
    const escapes = [
      `/..${outside}/secret`,
      `/%2e%2e${outside}/secret`,
      `/..%2f..%2f${outside}/secret`,
      `/sub/%2e%2e/%2e%2e${outside}/secret`,
      "/link",
      "/folder",
      "/folder/",
      "/folder/secret",
      "/loop",
      "/bare/",
      `/${"a".repeat(300)}`,
      "/sub%2findex.html",
      "/sub%5Cindex.html",
      "/a.txt%00",
      "/%ff",
      "/missing",
      "/a.txt/x",
    ];
    for (const path of escapes) {
      await client.send(get(path));
      const response = await client.receive();
      assertEquals(response.status, 404, path);
    }
  },
  [],
  { FILES_ROOT: files },
);

example(
  "files.ts",
  "answers HEAD as it would GET, without the body",
  async (url) => {
    for (const path of ["/a.txt", "/empty.txt", "/sub/", "/missing"]) {
      const got = await fetch(`${url}${path}`);
      const head = await fetch(`${url}${path}`, { method: "HEAD" });
      assertEquals([head.status, await head.text()], [got.status, ""], path);
      const length = (await got.bytes()).length;
      if (got.ok) assertEquals(head.headers.get("content-length"), String(length), path);
      for (const name of ["content-type", "etag", "last-modified", "accept-ranges"]) {
        assertEquals(head.headers.get(name), got.headers.get(name), `${path} ${name}`);
      }
    }
    // A range means something to GET alone (RFC 9110 14.2).
    const ranged = await fetch(`${url}/a.txt`, { method: "HEAD", headers: { range: "bytes=2-4" } });
    assertEquals([ranged.status, ranged.headers.get("content-length")], [200, "10"]);
  },
  [],
  { FILES_ROOT: files },
);

example(
  "files.ts",
  "sends parts of files, and the whole of one that changed",
  async (url) => {
    const part = await fetch(`${url}/big.bin`, { headers: { range: "bytes=300000-799999" } });
    assertEquals(part.headers.get("content-length"), "500000");
    const bytes = await part.bytes();
    assertEquals(bytes.length, 500_000);
    assert(bytes.every((byte, i) => byte === ((300_000 + i) & 0xff)));

    const beyond = await fetch(`${url}/a.txt`, { headers: { range: "bytes=10-" } });
    assertEquals([beyond.status, beyond.headers.get("content-range")], [416, "bytes */10"]);
    await beyond.body?.cancel();
    const none = await fetch(`${url}/empty.txt`, { headers: { range: "bytes=0-" } });
    assertEquals([none.status, none.headers.get("content-range")], [416, "bytes */0"]);
    await none.body?.cancel();

    const whole = [{ range: "bytes=2-4", "if-range": '"old"' }, { range: "bytes=0-1,3-4" }];
    for (const headers of whole) {
      const response = await fetch(`${url}/a.txt`, { headers: headers as HeadersInit });
      assertEquals([response.status, await response.text()], [200, "0123456789"]);
    }
    assertEquals(await (await fetch(`${url}/alias.txt`)).text(), "0123456789");
  },
  [],
  { FILES_ROOT: files },
);

leakless("examples/files.ts closes its files, however the answer ends", async () => {
  Deno.env.set("FILES_ROOT", files);
  const { default: app } = await import("../examples/files.ts");
  Deno.env.delete("FILES_ROOT");
  const ask = (path: string, init?: RequestInit) =>
    app.fetch(new Request(`http://localhost${path}`, init));
  const read = await ask("/big.bin");
  assertEquals((await read.bytes()).length, 1_000_000);
  const left = await ask("/big.bin");
  const reader = left.body!.getReader();
  await reader.read();
  await reader.cancel();
  await (await ask("/big.bin")).body!.cancel();
  await (await ask("/big.bin", { headers: { range: "bytes=0-9" } })).bytes();
  const etag = read.headers.get("etag")!;
  const bodiless: [RequestInit, number][] = [
    [{ method: "HEAD" }, 200],
    [{ headers: { "if-none-match": etag } }, 304],
    [{ headers: { range: "bytes=1000000-" } }, 416],
  ];
  for (const [init, status] of bodiless) {
    const response = await ask("/big.bin", init);
    assertEquals([response.status, response.body], [status, null]);
  }
  assertEquals((await ask("/empty.txt")).body, null);
});

example("jsx.tsx", "renders a page, escaped", async (url) => {
  const page = await fetch(`${url}/?name=${encodeURIComponent("<b> & co")}`);
  assertEquals(page.headers.get("content-type"), "text/html; charset=utf-8");
  assertStringIncludes(await page.text(), "<h1>Hello, &lt;b&gt; &amp; co</h1>");
});

example("factory.ts", "makes its app", async (url) => {
  assertEquals(await (await fetch(`${url}/you`)).text(), "Hello, /you\n");
}, ["--factory"]);

example("background.ts", "works on after the response", async (url) => {
  assertEquals(await (await fetch(url)).text(), "Hello, 127.0.0.1\n");
  for (let i = 0; i < 50; i++) {
    const visits = await (await fetch(`${url}/visits`)).json();
    if (visits["127.0.0.1"] === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the visit was not counted");
});

example("hello.ts", "can be wrapped in middleware/timing.ts", async (url) => {
  const response = await fetch(url);
  assertMatch(response.headers.get("server-timing")!, /^app;dur=[\d.]+$/);
  assertEquals(await response.text(), "Hello from gatehouse\n");
}, [`${EXAMPLES}middleware/timing.ts`]);

const USER = { AUTH_USER: "ann", AUTH_PASSWORD: "pass:wörd" };

function basic(credentials: string): string {
  return `Basic ${new TextEncoder().encode(credentials).toBase64()}`;
}

example(
  "hello.ts",
  "can be kept behind middleware/basic_auth.ts",
  async (url) => {
    const refused = [
      undefined,
      "",
      "Basic",
      "Basic ",
      "Basic !",
      "Bearer YW5u",
      basic(""),
      basic(":"),
      basic("ann"),
      basic("ann:"),
      basic("ann:pass"),
      basic("bob:pass:wörd"),
      basic("ann:pass:wörd "),
    ];
    for (const authorization of refused) {
      const headers = new Headers();
      if (authorization !== undefined) headers.set("authorization", authorization);
      const response = await fetch(url, { headers });
      assertEquals(response.status, 401, authorization);
      assertMatch(response.headers.get("www-authenticate")!, /^Basic realm="/);
      assertEquals(await response.text(), "who are you?\n");
    }
    const known = basic("ann:pass:wörd");
    for (const authorization of [known, known.replace("Basic", "basic")]) {
      const response = await fetch(url, { headers: { authorization } });
      assertEquals(await response.text(), "Hello from gatehouse\n");
    }
  },
  [`${EXAMPLES}middleware/basic_auth.ts`],
  USER,
);

Deno.test("examples/middleware/basic_auth.ts does not start without a user and a password", async () => {
  const { default: basicAuth } = await import("../examples/middleware/basic_auth.ts");
  const app = { fetch: () => new Response() };
  const settings: [Record<string, string>, string][] = [
    [{ AUTH_PASSWORD: "x" }, "AUTH_USER"],
    [{ AUTH_USER: "ann" }, "AUTH_PASSWORD"],
    [{ AUTH_USER: "ann", AUTH_PASSWORD: "" }, "AUTH_PASSWORD"],
    [{ AUTH_USER: "a:b", AUTH_PASSWORD: "x" }, "colon"],
  ];
  for (const [env, complaint] of settings) {
    for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
    assertThrows(() => basicAuth(app), Error, complaint);
    for (const name of Object.keys(env)) Deno.env.delete(name);
  }
});

Deno.test("examples/middleware/timing.ts keeps the response as it was", async () => {
  const { default: timing } = await import("../examples/middleware/timing.ts");
  // Redirects and fetched responses do not let their headers be changed.
  const app = timing({ fetch: () => Response.redirect("http://localhost/there", 303) });
  const response = await app.fetch(new Request("http://localhost/"), {} as Context);
  assertEquals([response.status, response.headers.get("location")], [
    303,
    "http://localhost/there",
  ]);
  assertMatch(response.headers.get("server-timing")!, /^app;dur=[\d.]+$/);
  const named = timing({ fetch: () => new Response("x", { status: 201, statusText: "Made" }) });
  const made = await named.fetch(new Request("http://localhost/"), {} as Context);
  assertEquals([made.status, made.statusText, await made.text()], [201, "Made", "x"]);
});

leakless("examples/background.ts waits no longer than its client", async () => {
  const { default: app } = await import("../examples/background.ts");
  const client = new AbortController();
  const work: Promise<unknown>[] = [];
  const context = {
    remoteAddr: { transport: "unix", path: "/socket" },
    signal: client.signal,
    waitUntil: (promise: Promise<unknown>) => void work.push(promise),
  } as unknown as Context;
  const started = performance.now();
  const answer = app.fetch(new Request("http://localhost/wait"), context);
  client.abort();
  assertEquals(await (await answer).text(), "Hello, local\n");
  await app.fetch(new Request("http://localhost/wait"), context);
  assert(performance.now() - started < 5_000);
  assertEquals(work.length, 2);
  await Promise.all(work);
  const visits = await app.fetch(new Request("http://localhost/visits"), context);
  assertEquals(await visits.json(), { local: 2 });
});

const UNCHANGED: [string, string, string][] = [
  ["hello.ts", "/", "Hello from gatehouse\n"],
  ["hono.ts", "/", "Hello from Hono"],
  ["sse.ts", "/?interval=1&count=1", "id: 0\ndata: tick 0\n\n"],
  ["upload.ts", "/", "POST or PUT something\n"],
  ["download.ts", "/?bytes=3", "..."],
  ["files.ts", "/hello.ts", await Deno.readTextFile(`${EXAMPLES}hello.ts`)],
  ["jsx.tsx", "/", "<!doctype html><html><body><h1>Hello, JSX</h1></body></html>"],
];
for (const [name, path, text] of UNCHANGED) {
  Deno.test(`examples/${name} runs unchanged under deno serve`, async () => {
    await underDenoServe(name, async (url) => {
      assertEquals(await (await fetch(`${url}${path}`)).text(), text);
    });
  });
}

registerExamples();
