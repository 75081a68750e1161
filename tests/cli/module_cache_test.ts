import { assert, assertEquals, assertMatch, assertThrows } from "../support/assert.ts";
import { cacheFolder } from "../../src/gateway/module_cache.ts";
import { ConfigError } from "../../src/base/errors.ts";
import type { Surroundings } from "../../src/base/surroundings.ts";
import { takeSurroundings } from "../../src/base/surroundings.ts";
import { FROM_SOURCE, runGateway, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

/** What the log says of the folder that `env` leads to, and the folder. */
function chosen(folder: string, env: Record<string, string>) {
  const surroundings: Surroundings = {
    ...takeSurroundings(),
    env,
    cwd: folder,
    tempFolder: folder,
  };
  const log: string[] = [];
  const cache = cacheFolder(surroundings, (_, message) => log.push(message));
  return { cache, log };
}

Deno.test("the cache is in the home folder, if that can be written to", () =>
  inFolder({}, (folder) => {
    const { cache, log } = chosen(folder, { HOME: folder });
    cache[Symbol.dispose]();
    assertEquals(cache.root, `${folder}/.cache/gatehouse`);
    assert(Deno.statSync(cache.root).isDirectory);
    assertEquals(log, []);
  }));

const faults: Record<string, [env: Record<string, string>, reason: RegExp]> = {
  "no home is said": [{}, /neither GATEHOUSE_CACHE nor HOME is set/],
  "the home is a file": [
    { HOME: "file" },
    /file\/\.cache\/gatehouse cannot be written to: a file is where/,
  ],
  "nothing can be written there": [
    { HOME: "/proc/1" },
    /\/proc\/1\/\.cache\/gatehouse cannot be written to: /,
  ],
};
for (const [name, [env, reason]] of Object.entries(faults)) {
  Deno.test({
    name: `a cache for the run alone is made, and removed: ${name}`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      inFolder({ file: "" }, (folder) => {
        const { cache, log } = chosen(folder, env);
        assert(cache.root.startsWith(`${folder}/gatehouse-cache-`));
        assertEquals(Deno.statSync(cache.root).mode! & 0o777, 0o700);
        assertEquals(log.length, 1);
        assertMatch(log[0], reason);
        cache[Symbol.dispose]();
        assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["file"]);
      }),
  });
}

Deno.test("a cache that others can write to is refused, not left for another one", () =>
  inFolder({ "home/.cache/gatehouse/x": "" }, (folder) => {
    Deno.chmodSync(`${folder}/home/.cache/gatehouse`, 0o777);
    assertThrows(() => chosen(folder, { HOME: `${folder}/home` }), ConfigError, "is refused");
  }));

Deno.test("without a folder to write to, the fault is one message", () =>
  inFolder({}, (folder) => {
    const surroundings = {
      ...takeSurroundings(),
      env: {},
      cwd: folder,
      tempFolder: `${folder}/not/there`,
    };
    assertThrows(
      () => cacheFolder(surroundings, () => {}),
      ConfigError,
      "and no temporary folder can be made: No such file or directory",
    );
  }));

Deno.test("apps start without a home, with a note, and leave nothing behind", () =>
  inFolder({ "app.js": 'export default () => new Response("served");' }, async (folder) => {
    await Deno.mkdir(`${folder}/tmp`);
    await using gateway = await startGateway([`${folder}/app.js`, "--workers=1"], {
      env: homeless(`${folder}/tmp`),
    });
    await gateway.logged(
      /^warning: .*: using .*\/tmp\/gatehouse-cache-\w+ as the cache for this run only/,
    );
    assertEquals(await (await fetch(gateway.url)).text(), "served");
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    assertEquals([...Deno.readDirSync(`${folder}/tmp`)], []);
  }));

Deno.test("without a home, no app may write where the modules of another one are for this run", () =>
  inFolder({
    "app.js": 'export default () => new Response("served");',
    "f.ini": `
[composite:main]
use = urlmap
/ = one
/two = two
[app:one]
use = app.js
[app:two]
use = app.js
app-allow-write = tmp
`,
  }, async (folder) => {
    await Deno.mkdir(`${folder}/tmp`);
    const args = ["--config", `${folder}/f.ini`, "--workers=1", "--http=127.0.0.1:0"];
    const env = Object.entries(homeless(`${folder}/tmp`)).map(([name, value]) =>
      `${name}=${value}`
    );
    const { code, stderr } = await runGateway(args, ["env", ...env, ...FROM_SOURCE]);
    assertEquals(code, 2, stderr);
    assertMatch(
      stderr,
      /may write to .*\/tmp, and so replace what other apps are run from \(.*gatehouse-cache-\w+\)/,
    );
    assertEquals([...Deno.readDirSync(`${folder}/tmp`)], []);
  }));

/** Variables that name no folder for caches, but Deno's own, which has what gatehouse is made of. */
function homeless(tempFolder: string): Record<string, string> {
  return {
    HOME: "",
    XDG_CACHE_HOME: "",
    GATEHOUSE_CACHE: "",
    TMPDIR: tempFolder,
    DENO_DIR: denoDir(),
  };
}

/** Deno's own cache, without which gatehouse could not be run from source. */
function denoDir(): string {
  return Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
}
