/** From source, gatehouse reads its own modules again and again: apps are not to replace them. */

import { dirname } from "node:path";
import { ConfigError } from "../../src/base/errors.ts";
import type { WorkerGrant, WorkerPermissions } from "../../src/config/app_permissions.ts";
import { permissionsFor } from "../../src/config/app_permissions.ts";
import type { AppGroup } from "../../src/gateway/app_groups.ts";
import { refuseOwnCode, writeOthersCode, writeOwnCode } from "../../src/gateway/app_groups.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const CHECKOUT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const HOME = await Deno.makeTempDir();
const ENV = { HOME, XDG_CACHE_HOME: `${HOME}/caches` };
const DENO = Deno.build.os === "darwin" ? `${HOME}/Library/Caches/deno` : `${HOME}/caches/deno`;
await Deno.mkdir(DENO, { recursive: true });
globalThis.addEventListener("unload", () => Deno.removeSync(HOME, { recursive: true }));

const LINUX = { ignore: Deno.build.os === "windows" };

/** The groups of an app that may write so. */
function writing(write: WorkerGrant): AppGroup[] {
  const surroundings = { cwd: "/", env: ENV };
  const usual = permissionsFor(["file:///srv/app.ts"], {}, surroundings);
  assert(usual !== "inherit");
  const permissions: WorkerPermissions = { ...usual, write };
  const url = "file:///srv/app.ts";
  const mounts = [{ prefix: "", stripped: "", url, kind: "auto" }] as never;
  return [{ apps: { mounts, faultReports: "text" } as never, permissions, workers: 1 }];
}

for (
  const path of [
    CHECKOUT,
    dirname(CHECKOUT),
    "/",
    `${CHECKOUT}/src`,
    `${CHECKOUT}/src/new/folder`,
    `${CHECKOUT}/deno.json`,
    HOME,
    DENO,
    `${DENO}/gen`,
  ]
) {
  Deno.test({
    ...LINUX,
    name: `apps may not write to ${path.replace(CHECKOUT, "CHECKOUT").replace(HOME, "HOME")}`,
    fn: () => {
      const groups = writing(["/nowhere", path]);
      const error = assertThrows(() => refuseOwnCode(groups, { env: ENV }), ConfigError);
      assertMatch(
        (error as Error).message,
        /app\.ts may write to .* replace what gatehouse itself/,
      );
    },
  });
}

Deno.test({
  ...LINUX,
  name: "links that lead to gatehouse's modules are followed",
  fn: () =>
    inFolder({ ".keep": "" }, async (folder) => {
      await Deno.symlink(CHECKOUT, `${folder}/link`);
      const groups = writing([`${folder}/link/src/new`]);
      assertThrows(() => refuseOwnCode(groups, { env: ENV }), ConfigError);
      refuseOwnCode(writing([`${folder}/link/data`]), { env: ENV });
    }),
});

Deno.test({
  ...LINUX,
  name: "apps may write beside gatehouse's modules, also in its checkout",
  fn: () => {
    const others = [`${CHECKOUT}/data`, `${CHECKOUT}/srcs`, `${HOME}/data`, `${DENO}o`];
    for (const write of [false, [], others] as const) {
      refuseOwnCode(writing(write as WorkerGrant), { env: ENV });
      assertEquals(writeOwnCode(writing(write as WorkerGrant), { env: ENV }), false);
    }
    assertEquals(writeOwnCode(writing("inherit"), { env: ENV }), true);
    const [group] = writing(false);
    assertEquals(writeOwnCode([{ ...group, permissions: "inherit" }], { env: ENV }), false);
  },
});

Deno.test({
  ...LINUX,
  name: "apps may not write to the cache of apps that may do something else",
  fn: () => {
    const cache = `${HOME}/modules`;
    const [one] = writing([`${HOME}/modules/graphs`]);
    const [two] = writing(false);
    refuseOwnCode([one], { env: ENV }, cache);
    refuseOwnCode([one, two], { env: ENV }, null);
    refuseOwnCode([two, two], { env: ENV }, cache);
    const [everywhere] = writing("inherit");
    assertEquals(writeOthersCode([two, everywhere], cache), true);
    assertEquals(writeOthersCode([everywhere], cache), false);
    assertEquals(writeOthersCode([two, everywhere], null), false);
    assertEquals(writeOthersCode([two, one], cache), false);
    const error = assertThrows(() => refuseOwnCode([two, one], { env: ENV }, cache), ConfigError);
    assertMatch((error as Error).message, /replace what other apps are run from .*\/modules\)/);
  },
});

Deno.test({
  ...LINUX,
  name:
    "a gateway whose apps could replace its modules does not start, and warns if they may write everywhere",
  fn: () =>
    inFolder({ "app.js": "export default () => new Response();" }, async (folder) => {
      const args = [`${folder}/app.js`, "--http=127.0.0.1:0", "--workers=1"];
      const { code, stderr } = await runGateway([...args, `--app-allow-write=${CHECKOUT}`]);
      assertEquals(code, 2, stderr);
      assertMatch(stderr, /and so replace what gatehouse itself is run from/);
      await using gateway = await startGateway([...args, "--app-allow-write"]);
      await gateway.logged(/who may write everywhere can replace gatehouse's own modules/);
    }),
});
