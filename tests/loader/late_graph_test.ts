import { pathToFileURL } from "node:url";
import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { GraphBuilder } from "../../src/loader/graph_builder.ts";
import type { GraphRoot } from "../../src/loader/graph/graph_types.ts";
import { Loader } from "../../src/loader/loader.ts";
import { assertEquals } from "../support/assert.ts";
import { inFolder } from "../support/processes.ts";

/** A server of modules and import maps. */
function serve(texts: Readonly<Record<string, string>>) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, ({ url }) => {
    const text = texts[new URL(url).pathname];
    const headers = { "content-type": "text/javascript" };
    return new Response(text ?? "", { status: text === undefined ? 404 : 200, headers });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  return { host, origin: `http://${host}`, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("an import map from another host is read whatever hosts the app may import from", async () => {
  const cache = new ModuleCache(await Deno.makeTempDir());
  {
    await using app = serve({ "/app.js": "import 'late';", "/late.js": "", "/later.js": "" });
    const imports = { late: `${app.origin}/late.js`, later: `${app.origin}/later.js` };
    await using other = serve({ "/map.json": JSON.stringify({ imports }) });
    const builder = await GraphBuilder.open(cache, {
      cacheRoot: cache.root,
      importMapUrl: `${other.origin}/map.json`,
      reload: "none",
      cachePolicy: "use",
      allowImport: [],
      allowHttp: "loopback",
      lockFile: undefined,
      lockOrigin: "named",
      lockMode: "extend",
      env: {},
    }, () => {});
    const roots = [`${app.origin}/app.js`];
    const { graph } = await builder.prepare(roots);
    const { modules, redirects } = graph.manifest;
    const files = Object.fromEntries(modules.map(({ key, file }) => [key, file]));
    const extend = (specifier: string, known: Readonly<Record<string, string>>) => {
      const root: GraphRoot = { specifier, type: "", referrer: roots[0] };
      return builder.extend({
        inspection: "uninspected",
        roots,
        folder: graph.folder,
        files: known,
        redirects,
        requirements: [],
        packageRoot: null,
        builtins: "native",
        root,
        policy: { files: [], hosts: [app.host], hostsOption: "--allow-import" },
      });
    };
    const late = await extend("later", files);
    const key = ` ${app.origin}/later.js`;
    assertEquals(late.files, { [key]: late.file });
    // A second worker that asks is told where the module of the first one is.
    const again = await extend("later", { ...files, ...late.files });
    assertEquals([again.file, again.files], [late.file, { [key]: late.file }]);
  }
  await Deno.remove(cache.root, { recursive: true });
});

Deno.test("each thread is told once of the CommonJS that any of them had added", async () => {
  const files = {
    "package.json": '{ "dependencies": { "p": "1" } }',
    "app.js": "export default 1;",
    "node_modules/p/package.json": '{ "name": "p", "version": "1.0.0" }',
    "node_modules/p/a.js": "require('./real.js');",
    "node_modules/p/b.js": "require('./other.js');",
    "node_modules/p/real.js": "exports.load = (name) => import(name);",
    "node_modules/p/other.js": "exports.load = (name) => import(name);",
  };
  await inFolder(files, async (folder) => {
    const cacheRoot = await Deno.makeTempDir();
    using loader = new Loader({
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
    const referrer = pathToFileURL(`${await Deno.realPath(folder)}/app.js`).href;
    const graph = await loader.prepare([referrer]);
    const policy = { files: "any", hosts: "any", hostsOption: "--allow-import" } as const;
    const added = async (specifier: string, told?: number) => {
      const root = { specifier, type: "", referrer } as const;
      const extension = await loader.extend(graph, root, policy, told);
      const names = Object.keys(extension.commonJs).map((path) => path.slice(path.length - 7));
      return { names: names.sort(), told: extension.told };
    };
    const ofA = ["/p/a.js", "real.js"];
    assertEquals(await added("p/a.js"), { names: ofA, told: 2 });
    assertEquals(await added("p/a.js", 2), { names: [], told: 2 });
    assertEquals(await added("p/a.js"), { names: ofA, told: 2 });
    assertEquals(await added("p/b.js", 2), { names: ["/p/b.js", "ther.js"], told: 4 });
    assertEquals((await added("p/b.js", -1)).names.length, 4);
    await Deno.remove(cacheRoot, { recursive: true });
  });
});
