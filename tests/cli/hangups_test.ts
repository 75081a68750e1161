/** SIGHUP at any time: also when there is nothing yet, or nothing any more, to be loaded anew. */
import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder, isRunning, until } from "../support/processes.ts";

/** An app that is loaded when there is a file `go`, and says before which process it is in. */
const SLOW_APP = `
const path = (name) => new URL(name, import.meta.url);
Deno.writeTextFileSync(path("pid"), String(Deno.pid));
while (!await Deno.stat(path("go")).catch(() => null)) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
export default () => new Response("first");
`;

function numberIn(path: string): number {
  try {
    return Number(Deno.readTextFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

for (const processes of [0, 2]) {
  Deno.test({
    name: `SIGHUP before the apps are loaded is a reload after that (--processes ${processes})`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      inFolder({ "app.js": SLOW_APP }, async (folder) => {
        const starting = startGateway([
          `${folder}/app.js`,
          "--workers=1",
          `--processes=${processes}`,
          "--app-allow-all",
        ]);
        await until(() => numberIn(`${folder}/pid`) > 0);
        const process = numberIn(`${folder}/pid`);
        const status = Deno.readTextFileSync(`/proc/${process}/status`);
        const supervisor = Number(/^PPid:\s+(\d+)/m.exec(status)![1]);
        for (let i = 0; i < 2; i++) Deno.kill(processes === 0 ? process : supervisor, "SIGHUP");
        await Deno.writeTextFile(
          `${folder}/app.js`,
          "export default () => new Response('second');",
        );
        await Deno.writeTextFile(`${folder}/go`, "");
        await using gateway = await starting;
        assertEquals(isRunning(process), true);
        await gateway.logged(
          processes === 0 ? /^generation 2 serves$/ : /^\[1\] generation 2 serves$/,
        );
        assertEquals(await (await fetch(gateway.url)).text(), "second");
        gateway.kill("SIGTERM");
        assertEquals((await gateway.status).code, 0);
      }),
  });
}

Deno.test({
  name: "SIGHUP while requests are finished does not end what is in flight",
  ignore: Deno.build.os === "windows",
  fn: () => {
    const app = `const gone = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default async (request) => {
  if (request.url.endsWith("/slow")) await gone(1_000);
  return new Response("in full");
};`;
    return inFolder({ "app.js": app }, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.js`, "--workers=1"]);
      const slow = fetch(`${gateway.url}/slow`).then((response) => response.text());
      assertEquals(await (await fetch(gateway.url)).text(), "in full");
      gateway.kill("SIGTERM");
      gateway.kill("SIGHUP");
      assertEquals(await slow, "in full");
      assertEquals((await gateway.status).code, 0);
    });
  },
});
