/** Whether calls that end the process are refused, whatever runs the apps. */

import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

/** A way to run gatehouse. */
export interface FatalLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options. */
  readonly args: readonly string[];
  /** Ways to node:crypto that docs/security.md says are open. */
  readonly openWays?: readonly string[];
}

const APP = new URL("./fatal_attempts.ts", import.meta.url);
/** Calls that have nothing to do with node:crypto. */
const ELSEWHERE = /^(?:createImageBitmap|OffscreenCanvas)|bitmap|canvas/;

/** Registers the test of one leg. */
export function fatalCallTests({ name, command, args, openWays = [] }: FatalLeg): void {
  Deno.test(`no known call of an app ends its gateway (${name})`, async () => {
    const folder = await Deno.makeTempDir();
    const client = Deno.createHttpClient({});
    try {
      await Deno.mkdir(`${folder}/app`);
      await Deno.copyFile(APP, `${folder}/app/app.ts`);
      await using gateway = await startGateway(
        [`${folder}/app/app.ts`, "--workers", "1", ...args],
        { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
      );
      const ask = async (...path: string[]) => {
        const url = [gateway.url, ...path.map(encodeURIComponent)].join("/");
        return await (await fetch(url, { client })).text();
      };
      const { ways, fatal, useful } = JSON.parse(await ask("names"));
      const isOf = (way: string) => (call: string) => way === ways[0] || !ELSEWHERE.test(call);
      for (const way of ways.filter((each: string) => !openWays.includes(each))) {
        for (const call of fatal.filter(isOf(way))) {
          assertEquals(await ask(way, call), "refused", `${call} by ${way}`);
        }
        for (const call of useful.filter(isOf(way))) {
          assertEquals(await ask(way, call), "done", `${call} by ${way}`);
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
