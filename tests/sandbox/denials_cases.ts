/** Apps that are denied something and say nothing of it, served by any command of gatehouse. */

import { assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const APP = `
  import fs from "node:fs";
  const tries = {
    sync: () => Deno.readTextFileSync("/etc/passwd"),
    async: () => Deno.readTextFile("/etc/group"),
    node: () => fs.promises.readFile("/etc/fstab"),
    exists: () => fs.existsSync("/etc/hostname"),
    write: () => Deno.writeTextFile("/etc/x,y", ""),
    net: () => Deno.connect({ hostname: "127.0.0.9", port: 1 }),
    run: () => new Deno.Command("/bin/true").output(),
    env: () => Deno.env.get("SECRET_OF_TEST"),
    late: () => import("http://127.0.0.9:1/late.js"),
  };
  export default async (request) => {
    const name = new URL(request.url).pathname.slice(1);
    if (name === "flood") {
      for (let i = 0; i < 2_000; i++) {
        try { Deno.statSync("/none/" + i); } catch { /* It is not to be seen. */ }
      }
    } else {
      try { await tries[name](); } catch { /* It is not to be seen. */ }
    }
    return new Response(name);
  };`;

/** What a denial is logged as, by the name of what is tried. */
const LINES: Record<string, RegExp> = {
  sync: /read access to "\/etc\/passwd": permit it with --app-allow-read=\/etc\/passwd$/,
  async: /read access to "\/etc\/group": permit it with --app-allow-read=\/etc\/group$/,
  node: /read access to "\/etc\/fstab": permit it with --app-allow-read=\/etc\/fstab$/,
  exists: /read access to "\/etc\/hostname": permit it with --app-allow-read=\/etc\/hostname$/,
  write: /write access to "\/etc\/x,y": permit it with --app-allow-write=\/etc\/x,,y$/,
  net: /net access to "127\.0\.0\.9:1": permit it with --app-allow-net=127\.0\.0\.9:1$/,
  run: /run access to "\/bin\/true": permit it with --app-allow-run=\/bin\/true$/,
  env: /env access to "SECRET_OF_TEST": permit it with --app-allow-env=SECRET_OF_TEST$/,
  late: /cannot load http:\/\/127\.0\.0\.9:1\/late\.js: .*--app-allow-import=127\.0\.0\.9:1/,
};

/** Defines the tests for a command of gatehouse; `null` is one that is not there. */
export function denialTests(command: readonly string[] | null, where: string): void {
  for (const origin of ["a file", "a URL"]) {
    Deno.test({
      name: `each denial is logged once with its option, for an app from ${origin} ${where}`,
      ignore: command === null,
      fn: () =>
        inFolder({ "deno.json": "{}", "app.js": APP }, async (folder) => {
          await using server = Deno.serve(
            { port: 0, hostname: "127.0.0.1", onListen() {} },
            () => new Response(APP, { headers: { "content-type": "text/javascript" } }),
          );
          const url = origin === "a file"
            ? `${folder}/app.js`
            : `http://127.0.0.1:${server.addr.port}/app.js`;
          await using gateway = await startGateway(
            [url, "--workers=2", "--app-allow-net=127.0.0.1", "--app-allow-env=HOME"].concat(
              "--app-allow-import=127.0.0.1",
            ),
            { command: command!, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
          );
          for (let round = 0; round < 3; round++) {
            await Promise.all(
              Object.keys(LINES).map(async (name) => {
                await (await fetch(`${gateway.url}/${name}`)).text();
              }),
            );
          }
          for (const line of Object.values(LINES)) await gateway.logged(line);
          const before = gateway.log.length;
          for (let i = 0; i < 4; i++) await (await fetch(`${gateway.url}/flood`)).text();
          const denials = gateway.log.filter((line) => line.startsWith("warning: denied to /: "));
          assertEquals(new Set(denials).size, denials.length, denials.join("\n"));
          for (const line of Object.values(LINES)) {
            assertEquals(denials.filter((each) => line.test(each)).length, 1, String(line));
          }
          assertMatch(gateway.log.slice(before).join("\n"), /"\/none\/0"/);
          assertEquals(denials.length <= 64, true);
          assertEquals(gateway.log.some((line) => /died/.test(line)), false);
        }),
    });
  }
}
