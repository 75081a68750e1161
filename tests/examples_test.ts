import { serve } from "gatehouse";
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
import { get, RawClient } from "./support/raw_client.ts";

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
    // Processes are for apps that have workers.
    for (const workers of args.includes("--processes=2") ? ["2"] : ["1", "0"]) {
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
await Deno.mkdir(`${files}/sub`);
await Deno.writeTextFile(`${files}/sub/index.html`, "<p>index</p>");
await Deno.writeTextFile(`${outside}/secret`, "secret");
await Deno.writeFile(`${files}/big.bin`, new Uint8Array(1_000_000).map((_, i) => i));

example(
  "files.ts",
  "sends files with conditions and ranges, and nothing above",
  async (url, { port }) => {
    const whole = await fetch(`${url}/a.txt`);
    assertEquals(whole.headers.get("content-type"), "text/plain; charset=UTF-8");
    assertEquals(await whole.text(), "0123456789");
    const modified = whole.headers.get("last-modified")!;
    const conditions: [Record<string, string>, number, string][] = [
      [{ "if-none-match": whole.headers.get("etag")! }, 304, ""],
      [{ "if-modified-since": modified }, 304, ""],
      [{ range: "bytes=2-4" }, 206, "234"],
      [{ range: "bytes=10-" }, 416, "416 Range Not Satisfiable\n"],
    ];
    for (const [headers, status, text] of conditions) {
      const response = await fetch(`${url}/a.txt`, { headers });
      assertEquals([response.status, await response.text()], [status, text]);
    }
    const part = await fetch(`${url}/big.bin`, { headers: { range: "bytes=300000-799999" } });
    const bytes = await part.bytes();
    assert(bytes.length === 500_000 && bytes.every((byte, i) => byte === ((300_000 + i) & 0xff)));
    using client = await RawClient.connect(port);
    for (
      const path of [`/..${outside}/secret`, "/a.txt%00", "/%ff", "/sub%2findex.html", "/sub/"]
    ) {
      await client.send(get(path));
      assertEquals((await client.receive()).status, 404, path);
    }
  },
  [],
  { FILES_ROOT: files },
);

const sendsToMany: Behaviour["body"] = async (_, { port }) => {
  const starts = Array.from({ length: 40 }, (_, i) => i * 20_000);
  const parts = await Promise.all(starts.map(async (start) => {
    using client = await RawClient.connect(port);
    await client.send(get("/big.bin", `Range: bytes=${start}-${start + 99_999}\r\n`));
    return (await client.receive()).body;
  }));
  for (const [i, part] of parts.entries()) {
    assertEquals(part.length, 100_000);
    // Bytes are characters here, as many as the client has received.
    assertEquals(part.charCodeAt(0), starts[i] & 0xff);
    assertEquals(part.charCodeAt(99_999), (starts[i] + 99_999) & 0xff);
  }
};

for (const args of [[], ["--processes=2"]]) {
  example("files.ts", "sends parts of a file to many", sendsToMany, args, { FILES_ROOT: files });
}

const tellsProgress: Behaviour["body"] = async (url, { port }) => {
  const watchers = await Promise.all(Array.from({ length: 12 }, () => fetch(`${url}/1`)));
  using client = await RawClient.connect(port);
  await client.send("PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
  const part = "x".repeat(100_000);
  const readers = watchers.map(({ body }) =>
    body!.pipeThrough(new TextDecoderStream()).getReader()
  );
  const texts = watchers.map(() => "");
  const until = async (text: string) => {
    for (const [i, reader] of readers.entries()) {
      while (!texts[i].includes(text)) texts[i] += (await reader.read()).value!;
    }
  };
  for (const received of [100_000, 200_000]) {
    await client.send(part);
    // The upload waits meanwhile, and its watchers do not.
    await until(`{"received":${received},"total":300000,"state":"running"}`);
  }
  await client.send(part);
  assertEquals((await client.receive()).body, '{"received":300000}');
  await until('{"received":300000,"total":300000,"state":"done"}');
  for (const reader of readers) assertEquals((await reader.read()).done, true);
  assertStringIncludes(await (await fetch(`${url}/1`)).text(), '"state":"done"');
  const wrong = await fetch(`${url}/1`, { method: "POST", body: "again" });
  assertEquals([wrong.status, await wrong.text()], [405, "PUT or GET\n"]);
  assertStringIncludes(await (await fetch(url)).text(), "<progress");

  using lost = await RawClient.connect(port);
  const failing = await fetch(`${url}/2`);
  await lost.send("PUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  lost[Symbol.dispose]();
  assertStringIncludes(await failing.text(), '"state":"failed"');
};

for (const args of [[], ["--processes=2"]]) {
  example("progress.ts", "tells many how much of an upload has arrived", tellsProgress, args);
}

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

leakless(
  "examples/middleware/basic_auth.ts tells the app who was let in, whatever the client says",
  async () => {
    const { default: basicAuth } = await import("../examples/middleware/basic_auth.ts");
    for (const [name, value] of Object.entries(USER)) Deno.env.set(name, value);
    const guarded = basicAuth({ fetch: (_request, { env }) => Response.json(env) });
    for (const name of Object.keys(USER)) Deno.env.delete(name);
    await using server = await serve({ app: guarded, http: "127.0.0.1:0", log() {} });
    const { port } = server.addresses[0] as Deno.NetAddr;
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { "authorization": basic("ann:pass:wörd"), "remote-user": "bob", "auth-type": "x" },
    });
    const { AUTH_TYPE, REMOTE_USER, HTTP_REMOTE_USER } = await response.json();
    assertEquals([AUTH_TYPE, REMOTE_USER, HTTP_REMOTE_USER], ["Basic", "ann", "bob"]);
  },
);

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
