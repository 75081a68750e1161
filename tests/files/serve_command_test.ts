import { serve } from "gatehouse";
import { FastCgiClient } from "gatehouse/fastcgi";
import { ConfigError } from "../../src/base/errors.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { assertEquals, assertMatch, assertThrows } from "../support/assert.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing, libzmqIsMissing, run } from "../support/peers.ts";

const LARGE = new Uint8Array(700_000).map((_, index) => index * 7 >> 3);

/** A folder, and an app beside it. */
async function makeFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.realPath(await Deno.makeTempDir());
  await Deno.mkdir(`${path}/public/sub`, { recursive: true });
  await Deno.writeTextFile(`${path}/public/index.html`, "<h1>start</h1>");
  await Deno.writeTextFile(`${path}/public/sub/a.txt`, "0123456789");
  await Deno.writeFile(`${path}/public/large.bin`, LARGE);
  await Deno.writeTextFile(
    `${path}/app.ts`,
    `export default { fetch: (r: Request) => new Response("app " + new URL(r.url).pathname) };`,
  );
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function text(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, init);
  return `${response.status} ${await response.text()}`;
}

Deno.test("gatehouse serve DIR serves a folder without any app", async () => {
  await using folder = await makeFolder();
  await using gateway = await startGateway(
    ["serve", "./public", "--listing", "--cache-control", "max-age=9"],
    { cwd: folder.path },
  );
  assertEquals(await text(gateway.url), "200 <h1>start</h1>");
  const json = await fetch(`${gateway.url}/sub/`, { headers: { accept: "application/json" } });
  assertEquals((await json.json()).entries[0].name, "a.txt");
  const kept = await fetch(`${gateway.url}/sub/a.txt`);
  assertEquals(kept.headers.get("cache-control"), "max-age=9");
  await kept.body?.cancel();
  gateway.kill("SIGTERM");
  assertEquals((await gateway.status).code, 0);
});

for (const workers of ["0", "1", "2"]) {
  Deno.test(`folders and apps are mounted side by side (--workers ${workers})`, async () => {
    await using folder = await makeFolder();
    await using gateway = await startGateway(
      ["app.ts", "--mount", "/static=./public", "--mount", "/api=app.ts", "--workers", workers],
      { cwd: folder.path },
    );
    assertEquals(await text(`${gateway.url}/`), "200 app /");
    assertEquals(await text(`${gateway.url}/staticx`), "200 app /staticx");
    assertEquals(await text(`${gateway.url}/api/x`), "200 app /api/x");
    assertEquals(await text(`${gateway.url}/static/sub/a.txt`), "200 0123456789");
    assertEquals(await text(`${gateway.url}/static`), "200 <h1>start</h1>");
    assertMatch(await text(`${gateway.url}/static/none`), /^404 /);
    const large = await fetch(`${gateway.url}/static/large.bin`);
    assertEquals(await large.bytes(), LARGE);
    if (workers !== "0") {
      gateway.kill("SIGHUP");
      await gateway.logged(/generation 2 serves/);
      assertEquals(await text(`${gateway.url}/static/sub/a.txt`), "200 0123456789");
    }
  });
}

Deno.test("folders are served by several processes", async () => {
  await using folder = await makeFolder();
  await using gateway = await startGateway(
    ["serve", "./public", "--processes", "2", "--http", "127.0.0.1:0"],
    { cwd: folder.path },
  );
  for (let i = 0; i < 8; i++) {
    assertEquals(await text(`${gateway.url}/sub/a.txt`), "200 0123456789");
  }
});

Deno.test("files are compressed like other responses, where that is asked for", async () => {
  await using folder = await makeFolder();
  const words = "some words, again and again. ".repeat(10_000);
  await Deno.writeTextFile(`${folder.path}/public/words.txt`, words);
  await using gateway = await startGateway(["serve", "./public", "--compress"], {
    cwd: folder.path,
  });
  using client = Deno.createHttpClient({});
  const ask = (path: string, headers: HeadersInit = {}) =>
    fetch(`${gateway.url}${path}`, { client, headers: { "accept-encoding": "gzip", ...headers } });
  const packed = await ask("/words.txt");
  assertEquals(packed.headers.get("vary")?.toLowerCase(), "accept-encoding");
  assertEquals(await packed.text(), words);
  const etag = packed.headers.get("etag")!;
  assertMatch(etag, /^W\//);
  assertEquals((await ask("/words.txt", { "if-none-match": etag })).status, 304);
  const part = await ask("/words.txt", { range: "bytes=5-9" });
  assertEquals([part.status, await part.text()], [206, "words"]);
  assertEquals(await (await ask("/large.bin")).bytes(), LARGE);
});

Deno.test("folders are served over FastCGI", async () => {
  await using folder = await makeFolder();
  await using gateway = await startGateway(
    ["serve", "./public", "--fastcgi", `unix:${folder.path}/f.sock`],
    { cwd: folder.path },
  );
  await gateway.logged(/^ready/);
  await using client = new FastCgiClient(`unix:${folder.path}/f.sock`);
  const part = await client.fetch("http://localhost/sub/a.txt", {
    headers: { range: "bytes=2-4" },
  });
  assertEquals([part.status, await part.text()], [206, "234"]);
  assertEquals(part.headers.get("content-range"), "bytes 2-4/10");
  const large = await client.fetch("http://localhost/large.bin");
  assertEquals(await large.bytes(), LARGE);
  const head = await client.fetch("http://localhost/large.bin", { method: "HEAD" });
  assertEquals([await head.text(), head.headers.get("content-length")], ["", "700000"]);
});

Deno.test({
  name: "folders are served over Mongrel2",
  ignore: libzmqIsMissing(),
  async fn() {
    await using folder = await makeFolder();
    await using mongrel2 = new FakeMongrel2();
    await using _gateway = await startGateway(
      ["serve", "./public", "--mongrel2", `${mongrel2.send},recv=${mongrel2.recv}`],
      { cwd: folder.path },
    );
    await mongrel2.request(1, "/sub/a.txt", { range: "bytes=2-4" });
    const reply = await mongrel2.reply();
    assertMatch(reply, / HTTP\/1\.1 206 Partial Content\r\n/);
    assertMatch(reply, /\r\n\r\n234$/);
    await Deno.writeTextFile(`${folder.path}/public/large.txt`, "a".repeat(300_000));
    await mongrel2.request(2, "/large.txt");
    let sent = "";
    while (sent.split("\r\n\r\n").at(1)?.length !== 300_000) {
      sent += (await mongrel2.reply()).replace(/^\S+ \d+:\d+, /, "");
    }
    assertMatch(sent, /^HTTP\/1\.1 200 OK\r\n/);
  },
});

Deno.test({
  name: "curl resumes a download, and gets what has changed",
  ignore: isMissing("curl"),
  async fn() {
    await using folder = await makeFolder();
    await using gateway = await startGateway(["serve", "./public"], { cwd: folder.path });
    const [url, out] = [`${gateway.url}/large.bin`, `${folder.path}/out`];
    await Deno.writeFile(out, LARGE.subarray(0, 300_000));
    await run("curl", "-sS", "-f", "-C", "-", "-o", out, url);
    assertEquals(await Deno.readFile(out), LARGE);
    await run("curl", "-sS", "-f", "--etag-save", `${folder.path}/etag`, "-o", out, url);
    const again = await run(
      "curl",
      ...["-sS", "-f", "--etag-compare", `${folder.path}/etag`, "-o", out],
      ...["-w", "%{http_code}", url],
    );
    assertEquals(again.trim(), "304");
  },
});

Deno.test("serve() serves folders beside apps, and alone", async () => {
  await using folder = await makeFolder();
  await using both = await serve({
    http: "127.0.0.1:0",
    mounts: { "/static": `${folder.path}/public` },
    app: () => new Response("app"),
    log() {},
  });
  const url = `http://127.0.0.1:${(both.addresses[0] as Deno.NetAddr).port}`;
  assertEquals(await text(`${url}/static/sub/a.txt`), "200 0123456789");
  assertEquals(await text(`${url}/x`), "200 app");
  await using alone = await serve({
    http: "127.0.0.1:0",
    app: new URL(`file://${folder.path}/public`),
    files: { fallback: "index.html" },
    log() {},
  });
  const { port } = alone.addresses[0] as Deno.NetAddr;
  assertEquals(await text(`http://127.0.0.1:${port}/deep/link`), "200 <h1>start</h1>");
});

Deno.test("what is asked of a folder in vain is said", async () => {
  await using folder = await makeFolder();
  const FAULTS: readonly [readonly string[], RegExp][] = [
    [["./public", "app.ts"], /\.\/public is a folder: there can be no middleware/],
    [
      ["--mount", "/s=./public,strip"],
      /\.\/public is a folder, whose files have no use for ,strip/,
    ],
  ];
  for (const [args, message] of FAULTS) {
    let said = "";
    try {
      await using _ = await startGateway(args, { cwd: folder.path });
    } catch (error) {
      said = String(error);
    }
    assertMatch(said, message);
  }
});

Deno.test("options for folders that cannot be are refused", () => {
  const FAULTS: readonly [readonly string[], RegExp][] = [
    [["--fallback", "../x.html"], /--fallback takes the name of a file in the folder/],
    [["--fallback", "/etc/passwd"], /--fallback takes the name of a file in the folder/],
    [["--cache-control", "a\r\nb: c"], /--cache-control takes the value of a Cache-Control/],
  ];
  for (const [args, message] of FAULTS) {
    const error = assertThrows(() => parseCommandLine(["x", ...args]), ConfigError);
    assertMatch(error.message, message);
  }
});
