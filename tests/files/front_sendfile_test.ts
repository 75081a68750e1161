import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { blockOf } from "../support/docs.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort, isMissing } from "../support/peers.ts";
import { startSites } from "../peers/front_servers.ts";

const LARGE = new Uint8Array(2_000_000).map((_, index) => index * 7 >> 3);

const APP = `export default {
  fetch(request, context) {
    const { searchParams } = new URL(request.url);
    const path = searchParams.get("p");
    return searchParams.has("header")
      ? new Response(null, { headers: { "x-accel-redirect": path } })
      : context.sendFile(path, { headers: { "cache-control": "private" } });
  },
};
`;

Deno.test({
  name: "nginx sends the files that apps order, over HTTP and FastCGI",
  ignore: isMissing("nginx"),
  async fn(test) {
    const folder = await Deno.realPath(await Deno.makeTempDir());
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    await Deno.mkdir(`${folder}/files`);
    await Deno.writeTextFile(`${folder}/app.js`, APP);
    await Deno.writeFile(`${folder}/files/large.bin`, LARGE);
    await Deno.writeTextFile(`${folder}/files/späß #1%.txt`, "odd name");
    await Deno.writeTextFile(`${folder}/secret.txt`, "SECRET");
    await Deno.chmod(folder, 0o755);
    const gateway = stack.use(
      await startGateway([
        `${folder}/app.js`,
        ...["--workers", "1", "--http", "127.0.0.1:0", "--fastcgi", `unix:${folder}/f.sock`],
        ...["--sendfile", `x-accel-redirect=/files=${folder}/files`],
      ], { cwd: folder }),
    );
    const documented = blockOf("docs/files.md", "nginx", "internal;")
      .replace("/srv/files/", `${folder}/files/`)
      .replace("internal;", "internal; add_header X-Sent-By nginx always;");
    const port = freePort();
    const front = stack.use(
      await startSites("nginx", port, () =>
        `server {
  listen 127.0.0.1:${port};
  ${documented}
  location /http/ { proxy_pass http://127.0.0.1:${gateway.port}/; }
  location /fastcgi/ {
    fastcgi_pass unix:${folder}/f.sock;
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param HTTP_HOST $host;
  }
}`),
    );
    for (const way of ["http", "fastcgi"]) {
      const ask = (path: string, headers: HeadersInit = {}) =>
        fetch(`${front.url}/${way}/?p=${encodeURIComponent(path)}`, { headers });
      await test.step(`a file, over ${way}`, async () => {
        const response = await ask("files/large.bin");
        assertEquals(response.headers.get("x-sent-by"), "nginx");
        assertEquals(response.headers.get("cache-control"), "private");
        assertEquals(await response.bytes(), LARGE);
      });
      await test.step(`a range, and a name with everything in it, over ${way}`, async () => {
        const part = await ask("files/large.bin", { range: "bytes=5-9" });
        assertEquals([part.status, await part.bytes()], [206, LARGE.slice(5, 10)]);
        const odd = await ask("files/späß #1%.txt");
        assertEquals(await odd.text(), "odd name");
        assertMatch(odd.headers.get("content-type")!, /^text\/plain/);
      });
      await test.step(`what nginx does not have, over ${way}`, async () => {
        const own = await ask("app.js");
        assertEquals([await own.text(), own.headers.get("x-sent-by")], [APP, null]);
        for (const path of ["files/none", "/etc/passwd"]) {
          const refused = await ask(path);
          await refused.body?.cancel();
          assertEquals(refused.status, 404);
        }
      });
    }
    await test.step("clients cannot ask for what is internal", async () => {
      const response = await fetch(`${front.url}/files/large.bin`);
      assertEquals(response.status, 404);
      await response.body?.cancel();
    });
    await test.step("the app's own header leads nginx as it always did", async () => {
      const response = await fetch(`${front.url}/http/?header&p=/files/large.bin`);
      assertEquals(await response.bytes(), LARGE);
      assert(response.headers.has("x-sent-by"));
    });
  },
});
