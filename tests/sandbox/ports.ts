/** Whether apps can listen where their gateway does, whatever runs them. */

import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort } from "../support/peers.ts";

/** A way to run gatehouse. */
export interface PortLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options. */
  readonly args: readonly string[];
}

const APP = new URL("./port_attempts.ts", import.meta.url);

/** What comes of an attempt that is no use. */
const REFUSED =
  /AddrInUse|EADDRINUSE|NotCapable|NotSupported|is not a function|could not be cloned|^elsewhere$|^done$/;

/** Registers the test of one leg. The port is shared, so that nothing but the sandbox holds apps off. */
export function portTests({ name, command, args }: PortLeg): void {
  Deno.test(`an app listens at no port of its gateway (${name})`, async () => {
    const folder = await Deno.makeTempDir();
    const client = Deno.createHttpClient({});
    const port = freePort();
    try {
      await Deno.mkdir(`${folder}/app`);
      await Deno.copyFile(APP, `${folder}/app/app.ts`);
      await using gateway = await startGateway(
        [
          `${folder}/app/app.ts`,
          `--http=127.0.0.1:${port}`,
          "--workers=1",
          "--processes=1",
          ...args,
        ],
        { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
      );
      const ask = async (path: string) =>
        await (await fetch(`http://127.0.0.1:${port}/${path}`, { client })).text();
      const { ways, apis } = JSON.parse(await ask("names"));
      for (const [index, way] of ways.entries()) {
        for (const api of apis) {
          // Only some are by a module.
          if (index > 0 && /^Deno\.|^a worker|^a free port$/.test(api)) continue;
          const outcome = await ask(`${encodeURIComponent(way)}/${encodeURIComponent(api)}`);
          assert(REFUSED.test(outcome), `${api} by ${way}: ${outcome}`);
          if (api.startsWith("a free port")) assertEquals(outcome, "done", `${api} by ${way}`);
        }
      }
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
    } finally {
      client.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}
