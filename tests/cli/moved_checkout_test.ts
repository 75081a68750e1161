/** From source, gatehouse reads some of its modules late: what becomes of a gateway whose checkout has changed. */

import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const PARTS = ["cli.ts", "deno.json", "deno.lock", "src"];

const APP = `
export default (request, context) =>
  new URL(request.url).pathname === "/file"
    ? context.sendFile(new URL("a.txt", import.meta.url))
    : new Response("ok");
`;

/** Starts a gateway from a checkout of its own, of which `gone` are removed once it is ready. */
async function inMoved(
  gone: readonly string[],
  args: readonly string[],
  body: (gateway: GatewayProcess, folder: string) => Promise<void>,
): Promise<void> {
  await inFolder({ "app.js": APP, "a.txt": "text" }, async (folder) => {
    const checkout = `${folder}/checkout/`;
    await Deno.mkdir(checkout);
    const parts = PARTS.map((name) => ROOT + name);
    const copying = new Deno.Command("cp", { args: ["-r", ...parts, checkout] });
    assertEquals((await copying.output()).code, 0);
    const command = FROM_SOURCE.map((word) => word.replace(ROOT, checkout));
    await using gateway = await startGateway(
      [`${folder}/app.js`, "--http=127.0.0.1:0", "--workers=1", "--app-allow-all", ...args],
      { command },
    );
    for (const name of gone) await Deno.remove(checkout + name);
    await body(gateway, folder);
  });
}

const LINUX = { ignore: Deno.build.os === "windows" };

Deno.test({
  ...LINUX,
  name: "files that can no longer be sent are refused, and the gateway serves on",
  fn: () =>
    inMoved(["src/files/file_sender.ts"], [], async ({ url }) => {
      for (const [path, status] of [["/file", 500], ["/", 200], ["/file", 500]] as const) {
        const response = await fetch(url + path);
        await response.text();
        assertEquals(response.status, status, path);
      }
    }),
});

Deno.test({
  ...LINUX,
  name: "several processes drain after --drain-delay",
  fn: () =>
    inMoved(
      ["src/cli/delayed_end.ts"],
      ["--processes=2", "--drain-delay=50ms"],
      async (gateway) => {
        gateway.kill("SIGTERM");
        assertEquals((await gateway.status).code, 0, gateway.log.join("\n"));
      },
    ),
});

Deno.test({
  ...LINUX,
  name: "why apps cannot be loaded is told, though their sources are not shown",
  fn: () =>
    inMoved(["src/loader/transform/explain.ts"], [], async (gateway, folder) => {
      await Deno.writeTextFile(`${folder}/app.js`, 'throw new Error("the reason");\n');
      gateway.kill("SIGHUP");
      await gateway.logged(/goes on serving/);
      assert(gateway.log.some((line) => line.includes("the reason")), gateway.log.join("\n"));
    }),
});
