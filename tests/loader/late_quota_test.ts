/** How much of the disk an app can have by importing. */

import { LATE_QUOTA_BYTES } from "../../src/loader/files/disk_quota.ts";
import { assertEquals, assertMatch } from "../support/assert.ts";
import { importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";
import { ModuleServer } from "./module_server.ts";

const EXCEEDED =
  /^TypeError: cannot load .*takes more than 256 MiB of the disk; gatehouse cache --clean/;

/** Says how much the only graph in a cache has left. */
function leave(lab: LoaderLab, leftBytes: number): void {
  const [manifest] = lab.filesInCache("graphs").filter((path) => /^[^/]*\/graph\.json$/.test(path));
  const folder = `${lab.cache}/graphs/${manifest.slice(0, manifest.indexOf("/"))}/ext`;
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(`${folder}/used.json`, `${LATE_QUOTA_BYTES - leftBytes}`);
}

function bytesIn(lab: LoaderLab): number {
  return lab.filesInCache().reduce(
    (sum, path) => sum + Deno.statSync(`${lab.cache}/${path}`).size,
    0,
  );
}

/** Imports `/?m=SPECIFIER&type=TYPE`, with `n` letters more at the end of it. */
const APP = IMPORTING_APP.replace(
  'searchParams.get("m") ?? ""',
  (specifier) => `(${specifier}) + "x".repeat(Number(searchParams.get("n")))`,
);

/** The length of a text that an app imports, or why it cannot. */
async function lengthOf(gateway: GatewayProcess, name: string, bytes: number): Promise<unknown> {
  const query = new URLSearchParams({ m: `data:text/plain,${name}`, n: `${bytes}`, type: "text" });
  const response = await fetch(`${gateway.url}/?${query}`);
  const text = await response.text();
  return response.ok ? JSON.parse(text).length : text;
}

test("an app that imports without end is refused at its quota, and what it has goes on", async () => {
  await using lab = new LoaderLab({ "app.ts": APP });
  await using gateway = await lab.start("app.ts");
  leave(lab, 300_000);
  assertEquals(await lengthOf(gateway, "a", 50_000), 50_001);
  assertMatch(String(await lengthOf(gateway, "b", 200_000)), EXCEEDED);
  // One that was refused costs nothing.
  assertEquals(await lengthOf(gateway, "c", 50), 51);
  const before = bytesIn(lab);
  for (let number = 0; number < 20; number++) {
    await lengthOf(gateway, `d${number}`, 10_000);
  }
  assertMatch(String(await lengthOf(gateway, "e", 10_000)), EXCEEDED);
  assertEquals(bytesIn(lab) - before < 300_000, true);
  // What it has already is no import of another one.
  assertEquals(await lengthOf(gateway, "a", 50_000), 50_001);
});

test("a restart does not give an app more", async () => {
  await using lab = new LoaderLab({ "app.ts": APP });
  {
    await using gateway = await lab.start("app.ts");
    leave(lab, 60_000);
    assertEquals(await importAt(gateway, "data:text/javascript,export default 1"), 1);
    assertMatch(String(await lengthOf(gateway, "a", 60_000)), EXCEEDED);
  }
  await using gateway = await lab.start("app.ts");
  assertMatch(String(await lengthOf(gateway, "b", 60_000)), EXCEEDED);
});

test("modules and packages from elsewhere count, and at the end of the quota nobody is asked for them", async () => {
  await using server = new ModuleServer({
    "/large.js": `export default 1; // ${"x".repeat(100_000)}\n`,
    "/small.js": "export default 'small';\n",
    "/other.js": "export default 'other';\n",
  });
  await using registry = await FakeRegistry.start({
    "large@1.0.0": { files: { "index.js": `exports.a = 1; // ${"x".repeat(100_000)}` } },
  });
  await using lab = new LoaderLab({
    "app.ts": APP,
    ".npmrc": `registry=${registry.url}\n`,
  });
  await using gateway = await lab.start("app.ts", "--allow-import");
  leave(lab, 90_000);
  assertMatch(String(await importAt(gateway, `${server.origin}/large.js`)), EXCEEDED);
  assertMatch(String(await importAt(gateway, "npm:large@1")), /takes more than 256 MiB/);
  assertEquals(await importAt(gateway, `${server.origin}/small.js`), "small");
  leave(lab, 100);
  server.takePaths();
  assertMatch(String(await importAt(gateway, `${server.origin}/other.js`)), EXCEEDED);
  assertEquals(server.takePaths(), []);
});
