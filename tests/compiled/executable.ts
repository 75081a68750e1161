/** The executable (`deno task test:compiled`). */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import manifest from "../../deno.json" with { type: "json" };
import { executable as found } from "./executable_path.ts";

const ignore = found === null;
const executable = found ?? "";

/** How much larger than its base the executable may be. */
const MAX_SIZE_RATIO = 1.25;

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

Deno.test({
  name: "the executable names its versions",
  ignore,
  async fn() {
    const { code, stdout, stderr } = await runGateway(["--version"], [executable]);
    assertEquals(code, 0, stderr);
    assertMatch(
      stdout,
      /^gatehouse \d+\.\d+\.\d+ \(Deno [\d.]+, V8 [\w.-]+, TypeScript [\d.]+, (?:no libzmq|libzmq [\d.]+ (?:from the system|built in))\)\n$/,
    );
    assert(stdout.startsWith(`gatehouse ${manifest.version} `), stdout);
  },
});

const base = Deno.env.get("DENORT_BIN");
Deno.test({
  name: `the executable is at most ${MAX_SIZE_RATIO} times as large as its base`,
  ignore: ignore || !base,
  fn() {
    const ratio = Deno.statSync(executable).size / Deno.statSync(base!).size;
    assert(ratio <= MAX_SIZE_RATIO, `${ratio.toFixed(3)} times`);
  },
});

for (const workers of ["2", "0"]) {
  Deno.test({
    name: `the executable serves a JavaScript app from disk and drains (--workers ${workers})`,
    ignore,
    async fn() {
      const app = `${folder}/app.js`;
      await Deno.writeTextFile(
        app,
        `export default {
          async fetch(request, context) {
            if (request.method === "POST") return Response.json(await request.json());
            const { searchParams } = new URL(request.url);
            await new Promise((resolve) => setTimeout(resolve, Number(searchParams.get("ms"))));
            return new Response("from " + context.endpoint);
          },
        };`,
      );
      const temporary = await Deno.makeTempDir({ dir: folder });
      await using gateway = await startGateway([app, "--workers", workers], {
        command: [executable],
        env: { TMPDIR: temporary, GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const { url } = gateway;
      assertEquals(await (await fetch(url)).text(), "from http");
      const echoed = await fetch(url, { method: "POST", body: '{"a":1}' });
      assertEquals(await echoed.json(), { a: 1 });
      const slow = fetch(`${url}/?ms=500`);
      await new Promise((resolve) => setTimeout(resolve, 150));
      gateway.kill("SIGTERM");
      assertEquals(await (await slow).text(), "from http");
      assertEquals((await gateway.status).code, 0);
      // Compiled code that the runtime kept there would be a way in for other users.
      assertEquals([...Deno.readDirSync(temporary)], []);
    },
  });
}

/** A module in WebAssembly that exports `add`. */
const ADD_WASM = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 7, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f],
  ...[3, 2, 1, 0],
  ...[7, 7, 1, 3, 0x61, 0x64, 0x64, 0, 0],
  ...[10, 9, 1, 7, 0, 0x20, 0, 0x20, 1, 0x6a, 0x0b],
]);

Deno.test({
  name: "an app in the executable uses WebAssembly",
  ignore,
  async fn() {
    await Deno.writeFile(`${folder}/add.wasm`, ADD_WASM);
    const app = `${folder}/wasm.js`;
    await Deno.writeTextFile(
      app,
      `const response = await fetch(new URL("./add.wasm", import.meta.url));
      const { instance } = await WebAssembly.instantiate(await response.arrayBuffer());
      export default () => new Response(String(instance.exports.add(40, 2)));`,
    );
    await using gateway = await startGateway([app, "--workers", "1"], {
      command: [executable],
      env: { GATEHOUSE_CACHE: `${folder}/cache` },
    });
    assertEquals(await (await fetch(gateway.url)).text(), "42");
  },
});

Deno.test({
  name: "the executable runs a TypeScript app from disk, in workers and on its own thread",
  ignore,
  async fn() {
    const app = `${folder}/app.tsx`;
    await Deno.writeTextFile(`${folder}/greeting.ts`, "export enum Greeting { Hello = 'Hello' }\n");
    await Deno.writeTextFile(
      app,
      `import { Greeting } from "./greeting.ts";
      const fetch = (request: Request): Response =>
        new Response(Greeting.Hello + " " + new URL(request.url).pathname as string);
      export default { fetch } satisfies Deno.ServeDefaultExport;`,
    );
    const env = { GATEHOUSE_CACHE: `${folder}/disk-cache` };
    for (const workers of ["1", "0"]) {
      await using gateway = await startGateway([app, "--workers", workers], {
        command: [executable],
        env,
      });
      assertEquals(await (await fetch(`${gateway.url}/there`)).text(), "Hello /there");
    }
  },
});

Deno.test({
  name: "the executable runs a TypeScript app from a URL, and starts again without its server",
  ignore,
  async fn() {
    const sources: Record<string, string> = {
      "/app.ts": `import { text } from "./text.ts";
        export default { fetch: (_request: Request): Response => new Response(text) };`,
      "/text.ts": `export const text: string = "from afar";`,
    };
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      const source = sources[new URL(request.url).pathname];
      return new Response(source ?? "", { status: source === undefined ? 404 : 200 });
    });
    const app = `http://127.0.0.1:${server.addr.port}/app.ts`;
    const options = { command: [executable], env: { GATEHOUSE_CACHE: `${folder}/url-cache` } };
    try {
      await using gateway = await startGateway([app, "--workers", "1"], options);
      assertEquals(await (await fetch(gateway.url)).text(), "from afar");
    } finally {
      await server.shutdown();
    }
    await using gateway = await startGateway([app, "--workers", "1"], options);
    assertEquals(await (await fetch(gateway.url)).text(), "from afar");
  },
});

Deno.test({
  name: "the executable tells why an app cannot be loaded",
  ignore,
  async fn() {
    const { code, stderr } = await runGateway([`${folder}/none.js`, "--http", "0"], [executable]);
    assertEquals(code, 1);
    assert(stderr.includes("none.js"), stderr);
  },
});
