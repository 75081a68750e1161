import { FastCgiClient } from "gatehouse/fastcgi";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { until } from "../support/reloading.ts";

const LARGE = new Uint8Array(3_000_000).map((_, index) => index * 7 >> 3);

const APP = `
let completed = "nothing yet";
export default {
  async fetch(request, context) {
    const { pathname, searchParams } = new URL(request.url);
    const path = searchParams.get("p");
    const here = (name) => new URL(name, import.meta.url);
    switch (pathname) {
      case "/path": return context.sendFile(path);
      case "/download": return context.sendFile(here("a.txt"), { download: 'ä"b.txt' });
      case "/page": return context.sendFile(here("404.html"), { status: 404, statusText: "Gone Fishing" });
      case "/fields": return context.sendFile(here("a.txt"), {
        headers: { "content-type": "text/x-own", "etag": '"own"', "cache-control": "max-age=5" },
      });
      case "/changed": {
        const response = context.sendFile(here("a.txt"));
        response.headers.set("x-more", "yes");
        return response;
      }
      case "/read": return new Response("read " + await context.sendFile(here("a.txt")).text());
      case "/watched": {
        context.completed.then(() => completed = "sent", (error) => completed = error.name);
        return context.sendFile(here(path));
      }
      case "/completed": return new Response(completed);
      case "/plain": return context.sendFile(here("app.js"), { precompressed: "ignore" });
      case "/status": try { return context.sendFile("a", { status: 99 }); } catch (e) { return new Response(e.name); }
      case "/url": try { return context.sendFile("https://example.com/a"); } catch (e) { return new Response(e.name); }
      case "/named": return new Response("dropped", {
        headers: { "x-sendfile": path, "content-type": "text/x-named", "x-kept": "yes" },
      });
      case "/accel": return new Response(null, { headers: { "x-accel-redirect": path } });
    }
    return context.sendFile(here("." + pathname));
  },
};
`;

interface Site extends AsyncDisposable {
  readonly path: string;
}

async function makeSite(): Promise<Site> {
  const path = await Deno.realPath(await Deno.makeTempDir());
  const old = new Date("2024-01-02T03:04:05Z");
  await Deno.mkdir(`${path}/app`);
  const files: Record<string, string | Uint8Array> = {
    "app/main.js": APP,
    "app/a.txt": "0123456789",
    "app/404.html": "<h1>nothing</h1>",
    "app/large.bin": LARGE,
    "app/app.js": "plain",
    "app/app.js.br": "brotli",
    "app/späß #1%.txt": "odd name",
    "secret.txt": "SECRET",
  };
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${path}/${name}`, bytes);
    await Deno.utime(`${path}/${name}`, old, old);
  }
  await Deno.symlink(`${path}/secret.txt`, `${path}/app/link.txt`);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

const start = (site: Site, workers: string, ...args: string[]): Promise<GatewayProcess> =>
  startGateway(["app/main.js", "--workers", workers, ...args], { cwd: site.path });

async function text(url: string, headers: HeadersInit = {}): Promise<string> {
  const response = await fetch(url, { headers });
  return `${response.status} ${await response.text()}`;
}

for (const workers of ["0", "1", "2"]) {
  Deno.test(`context.sendFile() sends what the app may read (--workers ${workers})`, async (test) => {
    await using site = await makeSite();
    await using gateway = await start(site, workers);
    const { url } = gateway;

    await test.step("a file, with its type and validators", async () => {
      const response = await fetch(`${url}/a.txt`);
      assertEquals([response.status, await response.text()], [200, "0123456789"]);
      assertEquals(response.headers.get("content-type"), "text/plain; charset=UTF-8");
      const etag = response.headers.get("etag")!;
      assertMatch(etag, /^"[\da-f]+-a"$/);
      assertEquals(await text(`${url}/a.txt`, { "if-none-match": etag }), "304 ");
      assertEquals(
        await text(`${url}/a.txt`, { "if-match": '"x"' }),
        "412 412 Precondition Failed\n",
      );
    });
    await test.step("ranges, and HEAD", async () => {
      assertEquals(await text(`${url}/a.txt`, { range: "bytes=2-4" }), "206 234");
      const head = await fetch(`${url}/large.bin`, { method: "HEAD" });
      assertEquals([await head.text(), head.headers.get("content-length")], ["", "3000000"]);
    });
    await test.step("a large file", async () => {
      assertEquals(await (await fetch(`${url}/large.bin`)).bytes(), LARGE);
    });
    await test.step("a path from the working directory on", async () => {
      assertEquals(await text(`${url}/path?p=app/a.txt`), "200 0123456789");
      assertEquals(await text(`${url}/path?p=${site.path}/app/a.txt`), "200 0123456789");
    });
    await test.step("a name with everything in it", async () => {
      const name = encodeURIComponent("app/späß #1%.txt");
      assertEquals(await text(`${url}/path?p=${name}`), "200 odd name");
    });
    await test.step("404 for what is missing, a folder, NUL, or an escaped slash", async () => {
      for (const path of ["/none", "/path?p=app", "/path?p=a%00b", "/x%2fy", "/path?p=/dev/zero"]) {
        assertMatch(await text(url + path), /^404 /, path);
      }
    });
    await test.step("another status, which knows no ranges", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/page", "Range: bytes=0-1\r\nConnection: close\r\n"));
      const answer = await client.rest();
      assertMatch(answer, /^HTTP\/1\.1 404 Gone Fishing\r\n/);
      assertMatch(answer, /\r\n\r\n<h1>nothing<\/h1>$/);
    });
    await test.step("the app's own fields", async () => {
      const response = await fetch(`${url}/fields`);
      assertEquals(await response.text(), "0123456789");
      assertEquals(response.headers.get("content-type"), "text/x-own");
      assertEquals(response.headers.get("etag"), '"own"');
      const kept = await fetch(`${url}/fields`, { headers: { "if-none-match": '"own"' } });
      assertEquals([kept.status, kept.headers.get("cache-control")], [304, "max-age=5"]);
      assertEquals(kept.headers.get("content-type"), null);
    });
    await test.step("a name to save it under", async () => {
      const { headers, body } = await fetch(`${url}/download`);
      await body?.cancel();
      assertEquals(
        headers.get("content-disposition"),
        "attachment; filename=\"__b.txt\"; filename*=UTF-8''%C3%A4%22b.txt",
      );
    });
    await test.step("a response that was changed, or read, by the app", async () => {
      const response = await fetch(`${url}/changed`);
      assertEquals([await response.text(), response.headers.get("x-more")], ["0123456789", "yes"]);
      assertEquals(await text(`${url}/read`), "200 read 0123456789");
    });
    await test.step("precompressed neighbours, unless the app wants none", async () => {
      const raw = async (path: string, fields = "Accept-Encoding: br\r\n") => {
        using client = await RawClient.connect(gateway.port);
        await client.send(get(path, fields));
        const { body, headers } = await client.receive();
        return [body, headers.get("content-encoding"), headers.get("vary")];
      };
      assertEquals(await raw("/app.js"), ["brotli", "br", "accept-encoding"]);
      assertEquals(await raw("/plain"), ["plain", null, null]);
    });
    await test.step("what cannot be is refused where it is said", async () => {
      assertEquals(await text(`${url}/status`), "200 RangeError");
      assertMatch(await text(`${url}/url`), /^404 /);
    });
    await test.step("the app learns of the end", async () => {
      if (workers === "2") return;
      const told = (end: string) =>
        until(`it is told ${end}`, async () => await text(`${url}/completed`) === `200 ${end}`);
      await (await fetch(`${url}/watched?p=large.bin`)).bytes();
      await told("sent");
      // More than the system keeps for a client that is gone.
      await Deno.truncate(`${site.path}/app/large.bin`, 100_000_000);
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/watched?p=large.bin"));
      await client.conn.read(new Uint8Array(10));
      client[Symbol.dispose]();
      await told("Interrupted");
    });
    if (workers === "0") return;
    await test.step("nothing that the app may not read, and no word of whether it is there", async () => {
      const ask = (path: string) => text(`${url}/path?p=${path}`);
      const missing = await ask("app/none");
      for (
        const path of [
          `${site.path}/secret.txt`,
          "secret.txt",
          "app/../secret.txt",
          "/etc/passwd",
          "app/link.txt",
          "/etc/none",
          "/proc/self/environ",
        ]
      ) {
        assertEquals(await ask(path), missing, path);
      }
      await gateway.logged(
        /cannot send .*secret\.txt: it is among what the app may not read; permit it/,
      );
    });
    await test.step("a header of the app's names no file, unless that is asked for", async () => {
      const response = await fetch(`${url}/named?p=${site.path}/app/a.txt`);
      assertEquals(await response.text(), "dropped");
      assertEquals(response.headers.get("x-sendfile"), `${site.path}/app/a.txt`);
    });
  });

  Deno.test(`--sendfile-fields sends what apps name in headers (--workers ${workers})`, async () => {
    await using site = await makeSite();
    await using gateway = await start(
      site,
      workers,
      ...["--sendfile-fields", "x-sendfile"],
      ...["--sendfile-fields", "x-accel-redirect=/protected=app"],
    );
    const { url } = gateway;
    const response = await fetch(`${url}/named?p=${site.path}/app/a.txt`, {
      headers: { range: "bytes=1-2" },
    });
    assertEquals([response.status, await response.text()], [206, "12"]);
    assertEquals(response.headers.get("content-type"), "text/x-named");
    assertEquals(response.headers.get("x-kept"), "yes");
    assertEquals(response.headers.get("x-sendfile"), null);
    assertEquals(await text(`${url}/accel?p=/protected/a.txt`), "200 0123456789");
    assertEquals(
      await text(`${url}/accel?p=/protected/sp%25C3%25A4%25C3%259F%2520%25231%2525.txt`),
      "200 odd name",
    );
    for (
      const path of [
        "/protected/../../secret.txt",
        "/protected/%252e%252e/secret.txt",
        "/other/a.txt",
      ]
    ) {
      const passed = await fetch(`${url}/accel?p=${path}`);
      assertEquals([passed.status, await passed.text()], [200, ""], path);
      assert(passed.headers.has("x-accel-redirect"));
    }
    if (workers === "0") return;
    assertMatch(await text(`${url}/named?p=${site.path}/secret.txt`), /^404 /);
    assertMatch(await text(`${url}/accel?p=/protected/link.txt`), /^404 /);
  });
}

const FRONTS: readonly [string, string, (site: Site) => string][] = [
  ["x-sendfile", "x-sendfile", ({ path }) => `${path}/app/sp%C3%A4%C3%9F%20%231%25.txt`],
  [
    "x-lighttpd-send-file",
    "x-lighttpd-send-file",
    ({ path }) => `${path}/app/sp%C3%A4%C3%9F%20%231%25.txt`,
  ],
  ["x-accel-redirect=/files=app", "x-accel-redirect", () => "/files/sp%C3%A4%C3%9F%20%231%25.txt"],
  [
    "x-accel-redirect=/files",
    "x-accel-redirect",
    ({ path }) => `/files${path}/app/sp%C3%A4%C3%9F%20%231%25.txt`,
  ],
];

for (const [how, field, expected] of FRONTS) {
  Deno.test(`--sendfile ${how} leaves files to the front server`, async () => {
    await using site = await makeSite();
    await using gateway = await start(site, "1", "--sendfile", how);
    const name = encodeURIComponent("app/späß #1%.txt");
    const response = await fetch(`${gateway.url}/path?p=${name}`);
    assertEquals([response.status, await response.text()], [200, ""]);
    assertEquals(response.headers.get(field), expected(site));
    assertEquals(response.headers.get("content-type"), "text/plain; charset=UTF-8");
    assertMatch(await text(`${gateway.url}/path?p=secret.txt`), /^404 /);
    assertMatch(await text(`${gateway.url}/path?p=app/link.txt`), /^404 /);
    assertEquals(await text(`${gateway.url}/page`), "404 <h1>nothing</h1>");
  });
}

Deno.test("files outside of the front server's folder are the gateway's", async () => {
  await using site = await makeSite();
  await using gateway = await start(
    site,
    "1",
    ...["--sendfile", "x-accel-redirect=/files=app", `--app-allow-read=${site.path}`],
  );
  assertEquals(await text(`${gateway.url}/path?p=secret.txt`), "200 SECRET");
});

Deno.test("context.sendFile() sends over FastCGI", async () => {
  await using site = await makeSite();
  await using _gateway = await start(site, "1", "--fastcgi", `unix:${site.path}/f.sock`);
  await using client = new FastCgiClient(`unix:${site.path}/f.sock`);
  const part = await client.fetch("http://localhost/a.txt", { headers: { range: "bytes=2-4" } });
  assertEquals([part.status, await part.text()], [206, "234"]);
  const large = await client.fetch("http://localhost/large.bin");
  assertEquals(await large.bytes(), LARGE);
});

Deno.test({
  name: "context.sendFile() sends over Mongrel2, itself",
  ignore: libzmqIsMissing(),
  async fn() {
    await using site = await makeSite();
    await using mongrel2 = new FakeMongrel2();
    await using _gateway = await start(
      site,
      "1",
      ...["--mongrel2", `${mongrel2.send},recv=${mongrel2.recv}`, "--sendfile", "x-sendfile"],
    );
    await mongrel2.request(1, "/a.txt", { range: "bytes=2-4" });
    assertMatch(await mongrel2.reply(), / HTTP\/1\.1 206 Partial Content\r\n[^]*\r\n\r\n234$/);
  },
});
