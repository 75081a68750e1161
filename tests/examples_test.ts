import { assert, assertEquals, assertMatch, assertStringIncludes } from "./support/assert.ts";
import type { GatewayProcess } from "./support/gateway.ts";
import { startGateway } from "./support/gateway.ts";

const EXAMPLES = new URL("../examples/", import.meta.url).pathname;

function example(
  name: string,
  behaviour: string,
  body: (url: string, gateway: GatewayProcess) => Promise<void>,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): void {
  for (const workers of ["1", "0"]) {
    Deno.test(`examples/${name} ${behaviour} (--workers ${workers})`, async () => {
      const app = `${EXAMPLES}${name}`;
      await using gateway = await startGateway([app, ...args, `--workers=${workers}`], { env });
      await body(gateway.url, gateway);
    });
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
  assertEquals(missing.status, 404);
  await missing.body?.cancel();
});

example("sse.ts", "streams events, one by one", async (url) => {
  const response = await fetch(`${url}/?interval=30&count=4`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const pieces: string[] = [];
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) pieces.push(chunk);
  assert(pieces.length > 1, "events arrive as they happen");
  assertEquals(pieces.join("").match(/data: tick \d/g), [0, 1, 2, 3].map((i) => `data: tick ${i}`));
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
await Deno.symlink(`${outside}/secret`, `${files}/link`);

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

example("jsx.tsx", "renders a page, escaped", async (url) => {
  const response = await fetch(`${url}/there`);
  assertStringIncludes(await response.text(), "<h1>Hello from /there</h1>");
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

/** The code blocks of the README in a language. */
async function snippets(language: string): Promise<string[]> {
  const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const blocks = readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"));
  return [...blocks].map(([, code]) => code);
}

Deno.test("the app in the README runs", async () => {
  const code = (await snippets("ts")).find((each) => each.startsWith("// app.ts"))!;
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/app.ts`, code);
  await using gateway = await startGateway([`${folder}/app.ts`, "--workers=1"]);
  assertEquals(await (await fetch(gateway.url)).text(), "Hello, 127.0.0.1");
  const echo = await fetch(gateway.url, { method: "POST", body: "[1]" });
  assertEquals(await echo.json(), [1]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the library's use in the README runs", async () => {
  const code = (await snippets("ts")).find((each) => each.includes("await serve("))!;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--config", new URL("../deno.json", import.meta.url).pathname, "--ext=ts", code],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stdout), "Hello from /here\n", decoder.decode(stderr));
});
