import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const FILES = { "app.js": 'export default () => new Response("hello");' };
const exists = (folder: string, name: string) =>
  [...Deno.readDirSync(folder)].some((entry) => entry.name === name);

for (const processes of ["0", "2"]) {
  Deno.test(`the pidfile has the process's number until its end (--processes ${processes})`, () =>
    inFolder(FILES, async (folder) => {
      const path = `${folder}/pid`;
      const args = ["--workers=1", `--processes=${processes}`, "--pidfile", path];
      await using gateway = await startGateway([`${folder}/app.js`, ...args]);
      assertEquals(await Deno.readTextFile(path), `${gateway.pid}\n`);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["app.js"]);
    }));
}

Deno.test("the pidfile of a gateway that runs is refused, and stays", () =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/pid`;
    const args = [`${folder}/app.js`, "--workers=1", "--pidfile", path];
    await using gateway = await startGateway(args);
    const { code, stderr } = await runGateway([...args, "--http=0"]);
    assertEquals(code, 2);
    assertMatch(
      stderr,
      new RegExp(`^gatehouse: --pidfile .*/pid is that of process ${gateway.pid}`),
    );
    assertEquals(await Deno.readTextFile(path), `${gateway.pid}\n`);
  }));

Deno.test("the pidfile of a gateway that was killed is replaced", () =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/pid`;
    const args = [`${folder}/app.js`, "--workers=1", "--pidfile", path];
    await using killed = await startGateway(args);
    killed.kill("SIGKILL");
    await killed.status;
    assert(exists(folder, "pid"));
    await using gateway = await startGateway(args);
    assertEquals(await Deno.readTextFile(path), `${gateway.pid}\n`);
  }));

Deno.test("the pidfile of another program that has the number by now is replaced", () =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/pid`;
    const other = new Deno.Command("sleep", { args: ["60"] }).spawn();
    try {
      await Deno.writeTextFile(path, `${other.pid}\n`);
      await using gateway = await startGateway([
        `${folder}/app.js`,
        "--workers=1",
        "--pidfile",
        path,
      ]);
      assertEquals(await Deno.readTextFile(path), `${gateway.pid}\n`);
    } finally {
      other.kill();
      await other.status;
    }
  }));

Deno.test("a second signal removes the pidfile, too", () =>
  inFolder({ "app.js": "export default () => new Promise(() => {});" }, async (folder) => {
    const path = `${folder}/pid`;
    await using gateway = await startGateway([
      `${folder}/app.js`,
      "--workers=1",
      "--pidfile",
      path,
    ]);
    const asked = fetch(gateway.url).catch((error) => error);
    await new Promise((resolve) => setTimeout(resolve, 200));
    gateway.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 200));
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 1);
    assert(await asked instanceof Error);
    assert(!exists(folder, "pid"));
  }));

Deno.test("a file of another kind is no pidfile, and stays: exit status 2", () =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/app.js`;
    const { code, stderr } = await runGateway([path, "--http=0", "--pidfile", path]);
    assertEquals(code, 2);
    assertMatch(stderr, /app\.js has something else in it than a process's number/);
    assertEquals(await Deno.readTextFile(path), FILES["app.js"]);
  }));

Deno.test("a pidfile in a folder that is not there is told: exit status 2", () =>
  inFolder(FILES, async (folder) => {
    const { code, stderr } = await runGateway([
      `${folder}/app.js`,
      "--http=0",
      "--workers=1",
      "--pidfile",
      `${folder}/no/pid`,
    ]);
    assertEquals(code, 2);
    assertMatch(stderr, /--pidfile .*\/no\/pid cannot be used: No such file/);
  }));
