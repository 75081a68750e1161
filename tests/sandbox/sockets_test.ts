import { assert, assertEquals } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";

const APP = new URL("./socket_attempts.ts", import.meta.url);
const REFUSED = /AddrInUse|EADDRINUSE|is not a function/;

for (
  const [name, args] of [["Deno's loader", ["--loader=native"]], ["built-in loader", [
    "--loader=own",
  ]]] as const
) {
  Deno.test({
    name: `an app listens at no unix socket of its gateway, though it may write there (${name})`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const folder = await Deno.realPath(await Deno.makeTempDir());
      const client = Deno.createHttpClient({});
      try {
        await Deno.mkdir(`${folder}/app`);
        await Deno.copyFile(APP, `${folder}/app/app.ts`);
        await using gateway = await startGateway(
          [
            `${folder}/app/app.ts`,
            "--http=127.0.0.1:0",
            `--http=unix:${folder}/gateway.sock`,
            "--workers=1",
            `--app-allow-read=${folder}`,
            `--app-allow-write=${folder}`,
            ...args,
          ],
          { command: FROM_SOURCE, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
        );
        const ask = async (path: string) =>
          await (await fetch(`${gateway.url}/${path}`, { client })).text();
        for (const api of JSON.parse(await ask("names"))) {
          for (const path of ["gateway.sock", "app/../gateway.sock", "./gateway.sock"]) {
            const query = encodeURIComponent(`${folder}/${path}`);
            const outcome = await ask(`${encodeURIComponent(api)}?${query}`);
            // In older versions of Deno, node:http has no unix sockets, and takes any port instead.
            if (api === "http" && outcome === "LISTENS") {
              assertEquals(await exists(`${folder}/gateway.sock`), false);
              continue;
            }
            assert(REFUSED.test(outcome), `${api} at ${path}: ${outcome}`);
          }
          const query = encodeURIComponent(`${folder}/${api}.sock`);
          const own = await ask(`${encodeURIComponent(api)}?${query}`);
          assert(/^LISTENS$|is not a function/.test(own), `${api} at a path of its own: ${own}`);
        }
      } finally {
        client.close();
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
