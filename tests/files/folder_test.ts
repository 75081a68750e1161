import { listingHtml, readListing } from "../../src/files/listing.ts";
import type { RawResponse } from "../support/raw_client.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { CHANGED, serveFolder } from "./served_folder.ts";

const FILES = {
  "index.html": "<h1>start</h1>",
  "a.txt": "0123456789",
  "empty.txt": "",
  "ä ö.txt": "umlaut",
  "100%.txt": "percent",
  "sub/index.html": "<h1>sub</h1>",
  "bare/x.txt": "x",
  ".env": "SECRET=1",
  ".git/config": "secret",
  ".well-known/security.txt": "Contact: a@b",
  "sub/.well-known/x": "hidden",
  "app.js": "plain".repeat(100),
  "app.js.br": "brotli",
  "app.js.gz": "gzipped",
  "photo.png": "png",
  "photo.png.gz": "never",
};
const ETAG = `"${CHANGED.getTime().toString(16)}-a"`;
const MODIFIED = "Sat, 03 Feb 2024 04:05:06 GMT";

/** Target, field lines, method; status and what else is to hold. */
interface Case {
  readonly name: string;
  readonly target: string;
  readonly fields?: string;
  readonly method?: string;
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string | null>>;
}

const CASES: readonly Case[] = [
  {
    name: "a file",
    target: "/a.txt",
    status: 200,
    body: "0123456789",
    headers: {
      "content-type": "text/plain; charset=UTF-8",
      "content-length": "10",
      etag: ETAG,
      "last-modified": MODIFIED,
      "accept-ranges": "bytes",
      "x-content-type-options": "nosniff",
      vary: null,
      "cache-control": null,
    },
  },
  {
    name: "an empty file",
    target: "/empty.txt",
    status: 200,
    body: "",
    headers: {
      "content-length": "0",
    },
  },
  {
    name: "a file for HEAD",
    target: "/a.txt",
    method: "HEAD",
    status: 200,
    headers: {
      "content-length": "10",
      etag: ETAG,
    },
  },
  { name: "a file, whatever the query", target: "/a.txt?x=/../", status: 200, body: "0123456789" },
  { name: "a name in UTF-8", target: "/%C3%A4%20%C3%B6.txt", status: 200, body: "umlaut" },
  { name: "a name with a percent sign", target: "/100%25.txt", status: 200, body: "percent" },
  { name: "the index of the root", target: "/", status: 200, body: "<h1>start</h1>" },
  { name: "the index of a folder", target: "/sub/", status: 200, body: "<h1>sub</h1>" },
  {
    name: "a folder without its slash",
    target: "/sub?q=1",
    status: 301,
    headers: {
      location: "/sub/?q=1",
    },
  },
  { name: "a folder without an index", target: "/bare/", status: 404 },
  { name: "a file with a slash", target: "/a.txt/", status: 404 },
  { name: "what is missing", target: "/none", status: 404 },
  { name: "a dot file", target: "/.env", status: 404 },
  { name: "a dot file in an escape", target: "/%2eenv", status: 404 },
  { name: "a file in a dot folder", target: "/.git/config", status: 404 },
  { name: "/.well-known", target: "/.well-known/security.txt", status: 200, body: "Contact: a@b" },
  { name: ".well-known elsewhere", target: "/sub/.well-known/x", status: 404 },
  {
    name: "POST",
    target: "/a.txt",
    method: "POST",
    status: 405,
    headers: {
      allow: "GET, HEAD, OPTIONS",
    },
  },
  {
    name: "OPTIONS",
    target: "/a.txt",
    method: "OPTIONS",
    status: 204,
    headers: {
      allow: "GET, HEAD, OPTIONS",
    },
  },
  // Conditions: RFC 9110 13.
  {
    name: "If-None-Match with its tag",
    target: "/a.txt",
    fields: `If-None-Match: ${ETAG}\r\n`,
    status: 304,
    headers: { etag: ETAG, "content-length": null, "content-type": null },
  },
  {
    name: "two lines of If-None-Match",
    target: "/a.txt",
    fields: `If-None-Match: "x"\r\nIf-None-Match: ${ETAG}\r\n`,
    status: 304,
  },
  {
    name: "If-Modified-Since",
    target: "/a.txt",
    fields: `If-Modified-Since: ${MODIFIED}\r\n`,
    status: 304,
  },
  {
    name: "two dates are none",
    target: "/a.txt",
    fields: `If-Modified-Since: ${MODIFIED}\r\n`.repeat(2),
    status: 200,
  },
  { name: "If-Match with another tag", target: "/a.txt", fields: 'If-Match: "x"\r\n', status: 412 },
  // Ranges: RFC 9110 14.
  {
    name: "a range",
    target: "/a.txt",
    fields: "Range: bytes=2-4\r\n",
    status: 206,
    body: "234",
    headers: { "content-range": "bytes 2-4/10", "content-length": "3", etag: ETAG },
  },
  {
    name: "the last bytes",
    target: "/a.txt",
    fields: "Range: bytes=-3\r\n",
    status: 206,
    body: "789",
  },
  {
    name: "a range after the end",
    target: "/a.txt",
    fields: "Range: bytes=10-\r\n",
    status: 416,
    headers: { "content-range": "bytes */10" },
  },
  {
    name: "a range for HEAD is ignored (14.2)",
    target: "/a.txt",
    method: "HEAD",
    fields: "Range: bytes=2-4\r\n",
    status: 200,
    headers: { "content-length": "10" },
  },
  {
    name: "two ranges in two lines are none",
    target: "/a.txt",
    fields: "Range: bytes=2-4\r\nRange: bytes=0-0\r\n",
    status: 200,
    body: "0123456789",
  },
  {
    name: "If-Range with its tag",
    target: "/a.txt",
    fields: `Range: bytes=2-4\r\nIf-Range: ${ETAG}\r\n`,
    status: 206,
    body: "234",
  },
  {
    name: "If-Range with another",
    target: "/a.txt",
    fields: 'Range: bytes=2-4\r\nIf-Range: "x"\r\n',
    status: 200,
    body: "0123456789",
  },
  {
    name: "If-Range with its date",
    target: "/a.txt",
    fields: `Range: bytes=2-4\r\nIf-Range: ${MODIFIED}\r\n`,
    status: 206,
    body: "234",
  },
  {
    name: "a condition before a range",
    target: "/a.txt",
    fields: `Range: bytes=2-4\r\nIf-None-Match: ${ETAG}\r\n`,
    status: 304,
  },
  // Codings: RFC 9110 12.5.3.
  {
    name: "the best neighbour",
    target: "/app.js",
    fields: "Accept-Encoding: gzip, br\r\n",
    status: 200,
    body: "brotli",
    headers: {
      "content-encoding": "br",
      vary: "accept-encoding",
      "content-type": "text/javascript; charset=UTF-8",
      "content-length": "6",
    },
  },
  {
    name: "the neighbour that is accepted",
    target: "/app.js",
    fields: "Accept-Encoding: br;q=0, gzip;q=0.1\r\n",
    status: 200,
    body: "gzipped",
    headers: { "content-encoding": "gzip" },
  },
  {
    name: "no neighbour, and word that there are",
    target: "/app.js",
    status: 200,
    body: "plain".repeat(100),
    headers: { "content-encoding": null, vary: "accept-encoding" },
  },
  {
    name: "a range of a neighbour",
    target: "/app.js",
    fields: "Accept-Encoding: br\r\nRange: bytes=0-1\r\n",
    status: 206,
    body: "br",
    headers: { "content-encoding": "br", "content-range": "bytes 0-1/6" },
  },
  {
    name: "no neighbour of a picture",
    target: "/photo.png",
    fields: "Accept-Encoding: gzip\r\n",
    status: 200,
    body: "png",
    headers: { vary: null },
  },
  // Attacks.
  { name: "dots", target: "/../../../../etc/passwd", status: 404 },
  { name: "dots that are escaped", target: "/%2e%2e/%2e%2e/etc/passwd", status: 404 },
  { name: "dots behind an escaped slash", target: "/sub/..%2f..%2f..%2fetc/passwd", status: 400 },
  { name: "dots behind a backslash", target: "/sub/..%5c..%5cetc/passwd", status: 400 },
  { name: "dots that are escaped twice", target: "/%252e%252e/etc/passwd", status: 404 },
  { name: "overlong UTF-8", target: "/%c0%ae%c0%ae/etc/passwd", status: 404 },
  { name: "NUL", target: "/a.txt%00.html", status: 404 },
  { name: "an absolute path", target: "//etc/passwd", status: 404 },
  { name: "empty segments", target: "/sub//index.html", status: 404 },
  { name: "half an escape", target: "/a.txt%", status: 404 },
  { name: "a name beyond all measure", target: `/${"a".repeat(5_000)}`, status: 404 },
  {
    name: "another host by two slashes",
    target: "//evil.example",
    status: 404,
    headers: { location: null },
  },
  { name: "another host by a backslash", target: "/%5cevil.example/..", status: 400 },
  {
    name: "another host below a folder",
    target: "//evil.example/../sub",
    status: 404,
    headers: { location: null },
  },
  {
    name: "thousands of ranges",
    target: "/a.txt",
    fields: `Range: bytes=${"0-0,".repeat(3_000)}\r\n`,
    status: 200,
    body: "0123456789",
  },
  {
    name: "ranges that overlap",
    target: "/a.txt",
    fields: "Range: bytes=0-,0-,0-\r\n",
    status: 200,
    body: "0123456789",
  },
];

Deno.test("a folder answers", async (test) => {
  await using folder = await serveFolder(FILES);
  for (const { name, target, fields, method, status, body, headers = {} } of CASES) {
    await test.step(name, async () => {
      const response = await folder.ask(target, fields, method);
      assertEquals(response.status, status);
      if (body !== undefined) assertEquals(response.body, body);
      for (const [field, value] of Object.entries(headers)) {
        assertEquals(response.headers.get(field), value, field);
      }
    });
  }
});

Deno.test("several ranges come as multipart/byteranges (RFC 9110 14.6)", async () => {
  await using folder = await serveFolder(FILES);
  const response = await folder.ask("/a.txt", "Range: bytes=7-, 0-1\r\n");
  assertEquals(response.status, 206);
  assertEquals(response.headers.get("content-range"), null);
  const [, boundary] = /^multipart\/byteranges; boundary=(\w+)$/
    .exec(response.headers.get("content-type")!)!;
  const part = (range: string, content: string) =>
    `--${boundary}\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-range: ${range}\r\n\r\n${content}\r\n`;
  assertEquals(
    response.body,
    `${part("bytes 7-9/10", "789")}${part("bytes 0-1/10", "01")}--${boundary}--\r\n`,
  );
  assertEquals(response.headers.get("content-length"), String(response.body.length));
});

Deno.test("links lead to what is in the folder, and nowhere else", async () => {
  await using folder = await serveFolder({ ...FILES, "sub/inner.txt": "inner" });
  await using other = await serveFolder({ "secret.txt": "secret", "index.html": "secret" });
  await Deno.symlink(`${folder.path}/sub/inner.txt`, `${folder.path}/link.txt`);
  await Deno.symlink(`${other.path}/secret.txt`, `${folder.path}/out.txt`);
  await Deno.symlink(other.path, `${folder.path}/out`);
  await Deno.symlink("loop", `${folder.path}/loop`);
  await Deno.symlink(`${other.path}/secret.txt`, `${folder.path}/app.css.gz`);
  await Deno.writeTextFile(`${folder.path}/app.css`, "css");
  assertEquals((await folder.ask("/link.txt")).body, "inner");
  for (const target of ["/out.txt", "/out/secret.txt", "/out/", "/loop", "/loop/"]) {
    assertEquals((await folder.ask(target)).status, 404, target);
  }
  const css = await folder.ask("/app.css", "Accept-Encoding: gzip\r\n");
  assertEquals([css.body, css.headers.get("content-encoding")], ["css", null]);
});

Deno.test({
  name: "pipes, sockets and devices are not opened",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await serveFolder(FILES);
    const made = await new Deno.Command("mkfifo", { args: [`${folder.path}/pipe`] }).output();
    assert(made.success);
    using _socket = Deno.listen({ transport: "unix", path: `${folder.path}/socket` });
    await Deno.symlink("/dev/zero", `${folder.path}/zero`);
    for (const target of ["/pipe", "/socket", "/zero"]) {
      assertEquals((await folder.ask(target)).status, 404, target);
    }
  },
});

Deno.test("a link that swings between inside and outside never shows what is outside", async () => {
  await using folder = await serveFolder({ "in/f.txt": "inside" });
  await using other = await serveFolder({ "f.txt": "SECRET" });
  const place = `${folder.path}/d`;
  const swing = new Worker(
    URL.createObjectURL(
      new Blob([`
    const { place, inside, outside } = JSON.parse(decodeURIComponent("${
        encodeURIComponent(
          JSON.stringify({ place, inside: `${folder.path}/in`, outside: other.path }),
        )
      }"));
    const put = (target) => {
      try { Deno.removeSync(place + ".new"); } catch {}
      Deno.symlinkSync(target, place + ".new");
      Deno.renameSync(place + ".new", place);
    };
    put(inside);
    postMessage("ready");
    const isEnded = () => {
      try { return Deno.statSync(inside + "/end").isFile; } catch { return false; }
    };
    while (!isEnded()) { put(outside); put(inside); }
    postMessage("ended");
  `]),
    ),
    { type: "module" },
  );
  try {
    await new Promise((resolve) => swing.onmessage = resolve);
    const seen = new Set<string>();
    for (let i = 0; i < 400; i++) {
      const { status, body } = await folder.ask("/d/f.txt");
      seen.add(status === 200 ? body : String(status));
    }
    assert(!seen.has("SECRET"), [...seen].join());
    assert(seen.has("inside"), [...seen].join());
  } finally {
    // A worker that is ended at once may still write when the folder is removed.
    const ended = new Promise((resolve) => swing.onmessage = resolve);
    await Deno.writeTextFile(`${folder.path}/in/end`, "");
    await ended;
    swing.terminate();
  }
});

Deno.test("a folder with a prefix is found below it, however it is escaped", async () => {
  await using folder = await serveFolder(FILES, {}, "/st ä");
  assertEquals((await folder.ask("/st%20%C3%A4/a.txt")).body, "0123456789");
  assertEquals((await folder.ask("/%73t%20%c3%a4/a.txt")).body, "0123456789");
  assertEquals((await folder.ask("/st%20%C3%A4")).headers.get("location"), "/st%20%C3%A4/");
  assertEquals((await folder.ask("/st%20%C3%A4/sub")).headers.get("location"), "/st%20%C3%A4/sub/");
  assertEquals((await folder.ask("/other/a.txt")).status, 404);
});

Deno.test("pages are revalidated, and other files kept as long as it is said", async () => {
  await using folder = await serveFolder(FILES, { cacheControl: "max-age=60" });
  assertEquals((await folder.ask("/a.txt")).headers.get("cache-control"), "max-age=60");
  assertEquals((await folder.ask("/")).headers.get("cache-control"), "no-cache");
  const kept = await folder.ask("/a.txt", `If-None-Match: ${ETAG}\r\n`);
  assertEquals([kept.status, kept.headers.get("cache-control")], [304, "max-age=60"]);
  assertEquals((await folder.ask("/none")).headers.get("cache-control"), null);
});

Deno.test("a fallback is sent for pages that do not exist, and for nothing else", async () => {
  await using folder = await serveFolder(FILES, { fallback: "index.html" });
  const page = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
  const PAGES: readonly [string, string, number][] = [
    ["/deep/link", page, 200],
    ["/deep/link", "", 200],
    ["/deep/link.v2", page, 200],
    ["/deep/link", "Accept: application/json\r\n", 404],
    ["/missing.js", "Accept: */*\r\n", 404],
    ["/missing.png", "Accept: image/*\r\n", 404],
    ["/.env", page, 404],
    ["/%2e%2e%2f", page, 404],
  ];
  for (const [target, fields, status] of PAGES) {
    const response = await folder.ask(target, fields);
    assertEquals(response.status, status, target);
    if (status === 200) assertEquals(response.body, "<h1>start</h1>");
  }
});

Deno.test("a listing has the names as text, and their paths", async () => {
  const evil = `<img src=x onerror="alert('1')">&.txt`;
  await using folder = await serveFolder(
    {
      ...FILES,
      [`bare/${evil}`]: "",
      "bare/javascript:alert(1)": "",
      "bare/.hidden": "",
      "bare/d/x": "",
    },
    { listing: "entries" },
  );
  await Deno.symlink("/etc", `${folder.path}/bare/etc`);
  const html = await folder.ask("/bare/", "Accept: text/html\r\n");
  assertMatch(html.headers.get("content-type")!, /^text\/html/);
  assertEquals(html.headers.get("vary"), "accept");
  assertMatch(html.headers.get("content-security-policy")!, /default-src 'none'/);
  assertStringIncludes(html.body, '<a href="./x.txt">x.txt</a>');
  assertStringIncludes(html.body, '<a href="./d/">d/</a>');
  assertStringIncludes(html.body, '<a href="./javascript%3Aalert(1)">');
  assertStringIncludes(
    html.body,
    "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;.txt</a>",
  );
  assert(!/<img|href="javascript|hidden|etc/.test(html.body), html.body);
  const json: RawResponse = await folder.ask("/bare/", "Accept: application/json\r\n");
  assertEquals(json.headers.get("content-type"), "application/json");
  const { path, entries, isCut } = JSON.parse(json.body);
  assertEquals([path, isCut], ["/bare/", false]);
  assertEquals(entries.map(({ name }: { name: string }) => name), [
    "d",
    evil,
    "javascript:alert(1)",
    "x.txt",
  ]);
  assertEquals(entries[3], {
    name: "x.txt",
    kind: "file",
    size: 1,
    modified: CHANGED.toISOString(),
  });
  assertEquals((await folder.ask("/bare/", "", "HEAD")).body, "");
  assertEquals((await folder.ask("/sub/")).body, "<h1>sub</h1>");
});

Deno.test("a listing is cut where there are too many names", async () => {
  const files = Object.fromEntries(Array.from({ length: 2_001 }, (_, i) => [`f/${i}.txt`, ""]));
  await using folder = await serveFolder(files, { listing: "entries" });
  const { entries, isCut } = JSON.parse(
    (await folder.ask("/f/", "Accept: application/json\r\n")).body,
  );
  assertEquals([entries.length, isCut], [2_000, true]);
  const html = await folder.ask("/f/");
  assert(html.body.endsWith("</html>\n"));
});

Deno.test("a path of thousands of folders that are not there is answered at once", async () => {
  await using folder = await serveFolder({ "f": "content" }, { listing: "entries" });
  // The walk up a path must not look at each folder: 50 of these would take minutes.
  for (let i = 0; i < 50; i++) {
    assertEquals((await folder.ask("/a".repeat(3_900))).status, 404);
  }
  assertEquals((await folder.ask("/f")).status, 200);
});

const MEMORY = "/dev/shm";
const hasMemory = await Deno.stat(MEMORY).then(({ isDirectory }) => isDirectory, () => false);

Deno.test({
  name: "a file of a time that no Date has is listed without it",
  // Its file system has such times; others have not.
  ignore: !hasMemory,
  async fn() {
    const folder = await Deno.makeTempDir({ dir: MEMORY });
    try {
      await Deno.writeTextFile(`${folder}/f`, "");
      await Deno.utime(`${folder}/f`, 99_999_999_999_999, 99_999_999_999_999);
      const listing = await readListing(folder, 0);
      assertEquals(listing.entries, [{ name: "f", kind: "file", size: 0, modified: null }]);
      assertStringIncludes(listingHtml("", 0, listing), "<td>0</td><td></td>");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
