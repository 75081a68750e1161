import { LoadError } from "../../src/base/errors.ts";
import { Loader } from "../../src/loader/loader.ts";
import { assertRejects } from "../support/assert.ts";

Deno.test("a loader that has ended answers what still waits, and starts nothing again", async () => {
  const cacheRoot = await Deno.makeTempDir();
  const asked = Promise.withResolvers<void>();
  const aborter = new AbortController();
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    signal: aborter.signal,
    onListen: () => {},
  }, ({ url }) => {
    const headers = { "content-type": "text/javascript" };
    if (url.endsWith("/app.js")) return new Response("export default 1", { headers });
    asked.resolve();
    return new Promise<Response>(() => {});
  });
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const loader = new Loader({
    cacheRoot,
    importMapUrl: undefined,
    reload: "none",
    cachePolicy: "use",
    allowImport: [],
    allowHttp: "loopback",
    lockFile: undefined,
    lockOrigin: "named",
    lockMode: "extend",
    env: {},
  }, () => {});
  const graph = await loader.prepare([`${origin}/app.js`]);
  const late = ["./first.js", "./second.js"].map((specifier) => {
    const root = { specifier, type: "", referrer: `${origin}/app.js` } as const;
    const extended = loader.extend(graph, root, {
      files: [],
      hosts: "any",
      hostsOption: "--allow-import",
    });
    return assertRejects(() => extended, LoadError, "ending");
  });
  await asked.promise;
  loader[Symbol.dispose]();
  await Promise.all(late);
  await assertRejects(() => loader.prepare([`${origin}/other.js`]), LoadError, "ending");
  aborter.abort();
  await server.finished;
  await Deno.remove(cacheRoot, { recursive: true });
});
