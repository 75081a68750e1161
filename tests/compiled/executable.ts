/**
 * The executable (`deno task test:compiled`). Compiled with whatever `deno compile` works here; without any, the tests are
 * skipped, and say so.
 */
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";

const SCRIPT = new URL("../../scripts/compile.ts", import.meta.url).pathname;
const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const executable = `${folder}/gatehouse`;
const compiled = await new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", SCRIPT, "--output", executable],
}).output();
if (!compiled.success) {
  const reason = new TextDecoder().decode(compiled.stderr).trim();
  console.error(`SKIPPED: the executable cannot be compiled here: ${reason}`);
}
const ignore = !compiled.success;

Deno.test({
  name: "the executable names its versions",
  ignore,
  async fn() {
    const { code, stdout } = await runGateway(["--version"], [executable]);
    assertEquals(code, 0);
    assertMatch(stdout, /^gatehouse \d+\.\d+\.\d+ \(Deno /);
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
      await using gateway = await startGateway([app, "--workers", workers], {
        command: [executable],
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
    },
  });
}

Deno.test({
  name: "the executable tells why an app cannot be loaded",
  ignore,
  async fn() {
    const { code, stderr } = await runGateway([`${folder}/none.js`, "--http", "0"], [executable]);
    assertEquals(code, 1);
    assert(stderr.includes("none.js"), stderr);
  },
});
