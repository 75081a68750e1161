/** What apps of different groups share of the platform, whatever runs them. */

import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

/** A way to run gatehouse. */
export interface SharedStateLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options. */
  readonly args: readonly string[];
}

const APP = new URL("./shared_app.ts", import.meta.url);

/** Registers the test of one leg. */
export function sharedStateTests({ name, command, args }: SharedStateLeg): void {
  Deno.test(`groups of apps share no channels, locks, caches or arguments (${name})`, async () => {
    const folder = await Deno.makeTempDir();
    const client = Deno.createHttpClient({});
    try {
      const mounts: string[] = [];
      // What they may read makes them groups of their own.
      for (const app of ["a", "b"]) {
        await Deno.mkdir(`${folder}/${app}`);
        await Deno.copyFile(APP, `${folder}/${app}/app.ts`);
        mounts.push("--mount", `/${app}=${folder}/${app}/app.ts`);
      }
      await using gateway = await startGateway([...mounts, "--workers", "1", ...args], {
        command,
        env: { GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const ask = async (...path: string[]) => {
        const url = [gateway.url, ...path.map(encodeURIComponent)].join("/");
        return await (await fetch(url, { client })).text();
      };
      for (const app of ["a", "b"]) assertEquals(await ask(app, "listen"), "listening");
      assertEquals(await ask("b", "post", "secret"), "posted");
      // Messages keep their order: the group's own has come when that of a later one has.
      let heard = "";
      while (!heard.includes("secret")) heard = await ask("b", "heard");
      assertEquals(await ask("a", "post", "own"), "posted");
      do heard = await ask("a", "heard"); while (!heard.includes("own"));
      assert(!heard.includes("secret"), heard);

      assertEquals(await ask("b", "hold"), "held");
      for (const app of ["a", "b"]) {
        assertEquals(await ask(app, "name of a channel"), "name");
        assertEquals(await ask(app, "name of a lock"), "name");
        assertEquals(await ask(app, "a lock of a name that there is not"), "NotSupportedError");
        assertEquals(await ask(app, "arguments"), "[[],[]]");
        assertEquals(await ask(app, "caches"), "undefined");
      }
      assertEquals(await ask("a", "is free"), "true");
      assertEquals(await ask("a", "locks"), "[]");
      const own = await ask("b", "locks");
      assert(own === '["held name"]' || own === "[]" && await ask("b", "is free") === "true", own);
    } finally {
      client.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}
