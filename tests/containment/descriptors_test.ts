import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

/** Ways to have more and more open. `port` is of a server that answers nothing. */
const ways: Record<string, string> = {
  "Deno.connect": "held.push(await Deno.connect({ hostname: '127.0.0.1', port }))",
  "Deno.open": "held.push(await Deno.open(new URL(import.meta.url)))",
  "node:net":
    "await new Promise((resolve) => held.push(net.connect(port, '127.0.0.1').once('connect', resolve)))",
  "node:fs":
    "{ held.push(fs.openSync(new URL(import.meta.url))); await new Promise((resolve) => setTimeout(resolve, 1)); }",
  "fetch":
    "{ fetch('http://127.0.0.1:' + port).catch(() => {}); await Deno.connect({ hostname: '127.0.0.1', port }).then((c) => c.close()); }",
};

for (const [name, code] of Object.entries(ways)) {
  Deno.test({
    name: `an app that opens more than it may by ${name} costs others nothing`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const folder = await Deno.makeTempDir();
      const client = Deno.createHttpClient({});
      const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const held: Deno.Conn[] = [];
      const accepting = (async () => {
        for await (const conn of server) held.push(conn);
      })();
      try {
        for (const app of ["greedy", "good"]) await Deno.mkdir(`${folder}/${app}`);
        await Deno.writeTextFile(
          `${folder}/good/app.js`,
          'export default () => new Response("good");',
        );
        await Deno.writeTextFile(
          `${folder}/greedy/app.js`,
          `import net from "node:net";
          import fs from "node:fs";
          const held = globalThis.held = [];
          const port = ${(server.addr as Deno.NetAddr).port};
          async function open() {
            for (;;) ${code};
          }
          export default (request) => {
            if (request.url.endsWith("/open")) open();
            return new Response("greedy");
          };`,
        );
        await using gateway = await startGateway([
          `--mount=/greedy=${folder}/greedy/app.js`,
          `--mount=/=${folder}/good/app.js`,
          "--workers=1",
          "--max-worker-descriptors=40",
        ]);
        const ask = async (path: string) =>
          await (await fetch(`${gateway.url}${path}`, { client })).text();
        assertEquals(await ask("/"), "good");
        assertEquals(await ask("/greedy/open"), "greedy");
        // A fast one may have all that there are before the gateway looks, and fail by itself.
        await gateway.logged(
          /^error: worker 1 of \/greedy (?:died: apps have \d+ files and sockets open|has an error .*Too many open files)/,
        );
        assertEquals(await ask("/"), "good");
        await gateway.logged(/^worker 1 of \/greedy is ready again$/);
        assertEquals(await ask("/greedy"), "greedy");
        gateway.kill("SIGTERM");
        assertEquals((await gateway.status).code, 0);
      } finally {
        client.close();
        server.close();
        await accepting.catch(() => {});
        for (const conn of held) conn.close();
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
