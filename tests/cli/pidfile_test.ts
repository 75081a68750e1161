import { Pidfile } from "../../src/cli/pidfile.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { takeSurroundings } from "../../src/base/surroundings.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "../support/assert.ts";
import { FROM_SOURCE, runGateway, startGateway } from "../support/gateway.ts";
import { AS_NOBODY, canBeNobody } from "../support/other_user.ts";
import { run } from "../support/peers.ts";
import { inFolder, until } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const FILES = { "app.js": 'export default () => new Response("hello");' };
/** What a process that was started from source knows of itself. */
const SURROUNDINGS = {
  ...takeSurroundings(),
  program: FROM_SOURCE[0],
  mainModule: FROM_SOURCE.at(-1)!,
};

/** Whether this process may put its number in the place of what is at `path`. */
async function isReplaced(path: string): Promise<void> {
  const pidfile = new Pidfile(path, SURROUNDINGS);
  pidfile.write();
  assertEquals(await Deno.readTextFile(path), `${Deno.pid}\n`);
  pidfile.remove();
}

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
      new RegExp(`^gatehouse: --pidfile .*/pid belongs to running process ${gateway.pid}; stop it`),
    );
    assertEquals(await Deno.readTextFile(path), `${gateway.pid}\n`);
  }));

Deno.test("the pidfile of a gateway that was killed is replaced", () =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/pid`;
    await using killed = await startGateway([
      `${folder}/app.js`,
      "--workers=1",
      "--pidfile",
      path,
    ]);
    killed.kill("SIGKILL");
    await killed.status;
    assert(exists(folder, "pid"));
    await isReplaced(path);
  }));

Deno.test("the pidfile of another program that has the number by now is replaced", () =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/pid`;
    const other = new Deno.Command("sleep", { args: ["60"] }).spawn();
    try {
      await Deno.writeTextFile(path, `${other.pid}\n`);
      await isReplaced(path);
    } finally {
      other.kill();
      await other.status;
    }
  }));

for (const kind of ["a text", "a folder", "another number", "nothing"]) {
  Deno.test(`${kind} in the place of the pidfile by the end stays`, () =>
    inFolder(FILES, async (folder) => {
      const path = `${folder}/pid`;
      const pidfile = new Pidfile(path, SURROUNDINGS);
      pidfile.write();
      await Deno.remove(path);
      if (kind === "a folder") await Deno.mkdir(path);
      else if (kind !== "nothing") {
        await Deno.writeTextFile(path, kind === "a text" ? "no number" : "1\n");
      }
      pidfile.remove();
      assertEquals(exists(folder, "pid"), kind !== "nothing");
    }));
}

Deno.test("a folder in the place of the pidfile by the end is no reason not to end well", () =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/pid`;
    const args = [`${folder}/app.js`, "--workers=1", "--pidfile", path];
    await using gateway = await startGateway(args);
    await Deno.remove(path);
    await Deno.mkdir(path);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    assert(exists(folder, "pid"));
  }));

Deno.test("a second signal removes the pidfile, too", () =>
  inFolder({
    "app.js":
      "export default ({ url }) => url.endsWith('/idle') ? new Response() : new Promise(() => {});",
  }, async (folder) => {
    const path = `${folder}/pid`;
    await using gateway = await startGateway([
      `${folder}/app.js`,
      "--workers=1",
      "--pidfile",
      path,
    ]);
    using idle = await RawClient.connect(gateway.port);
    await idle.send(get("/idle"));
    await idle.receive();
    using client = await RawClient.connect(gateway.port);
    await client.send(get("/idle") + get("/"));
    await client.receive();
    gateway.kill("SIGTERM");
    assert(await idle.closed(), "the first one has come");
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 1);
    assert(!exists(folder, "pid"));
  }));

Deno.test("a file of another kind is no pidfile, and stays: exit status 2", () =>
  inFolder(FILES, async (folder) => {
    const path = `${folder}/app.js`;
    const { code, stderr } = await runGateway([path, "--http=0", "--pidfile", path]);
    assertEquals(code, 2);
    assertMatch(stderr, /app\.js holds something other than a process ID/);
    assertEquals(await Deno.readTextFile(path), FILES["app.js"]);
  }));

Deno.test("links at the pidfile's name, or at one that it may have before, are not written through", () =>
  inFolder({ ...FILES, victim: "precious" }, async (folder) => {
    const path = `${folder}/run/pid`;
    await Deno.mkdir(`${folder}/run`);
    await Deno.symlink("../victim", path);
    // What could be foreseen: the number of the process.
    const planted = Array.from({ length: 500 }, (_, index) => `pid.${Deno.pid + index}`);
    for (const name of planted) await Deno.symlink("../victim", `${folder}/run/${name}`);
    const pidfile = new Pidfile(path, SURROUNDINGS);
    pidfile.write();
    assert((await Deno.lstat(path)).isFile);
    assertEquals((await Deno.lstat(path)).mode! & 0o022, 0);
    assertEquals(await Deno.readTextFile(path), `${Deno.pid}\n`);
    assertEquals(await Deno.readTextFile(`${folder}/victim`), "precious");
    pidfile.remove();
    assertEquals([...Deno.readDirSync(`${folder}/run`)].length, planted.length);
  }));

for (const kind of ["a pipe", "a large file", "a folder"]) {
  Deno.test(`${kind} in the place of the pidfile is told, not read`, () =>
    inFolder(FILES, async (folder) => {
      const path = `${folder}/pid`;
      if (kind === "a pipe") await run("mkfifo", path);
      else if (kind === "a folder") await Deno.mkdir(path);
      else await Deno.writeTextFile(path, "1".repeat(100));
      const error = assertThrows(() => new Pidfile(path, SURROUNDINGS), ConfigError);
      assertMatch(error.message, /\/pid holds something other than a process ID/);
      assert(exists(folder, "pid"));
    }));
}

Deno.test("the pidfile of another Deno that has the number by now is replaced", () =>
  inFolder({ ...FILES, "other.js": "setTimeout(() => {}, 60_000);" }, async (folder) => {
    const path = `${folder}/pid`;
    const other = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", `${folder}/other.js`],
      stdin: "null",
    }).spawn();
    try {
      await Deno.writeTextFile(path, `${other.pid}\n`);
      await isReplaced(path);
    } finally {
      other.kill();
      await other.status;
    }
  }));

Deno.test({
  name: "the pidfile of another user's process that has the number by now is replaced",
  ignore: !canBeNobody(),
  fn: () =>
    inFolder(FILES, async (folder) => {
      // To another user, the folder of a process of root's tells its name, and not its program.
      const path = `${folder}/pid`;
      await Deno.chmod(folder, 0o777);
      await Deno.writeTextFile(path, "1\n");
      const command = [...AS_NOBODY, ...FROM_SOURCE];
      const deno = await Deno.makeTempDir();
      await Deno.chmod(deno, 0o777);
      try {
        await using gateway = await startGateway(
          [`${folder}/app.js`, "--workers=1", "--pidfile", path],
          { command, env: { DENO_DIR: deno, HOME: deno } },
        );
        assertEquals(await Deno.readTextFile(path), `${gateway.pid}\n`);
      } finally {
        await Deno.remove(deno, { recursive: true });
      }
    }),
});

Deno.test({
  name: "the pidfile of another user's Deno that has the number by now is replaced",
  ignore: !canBeNobody(),
  fn: () =>
    inFolder({ ...FILES, "other.js": "setTimeout(() => {}, 60_000);" }, async (folder) => {
      const path = `${folder}/pid`;
      await Deno.chmod(folder, 0o777);
      const other = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-config", `${folder}/other.js`],
        stdin: "null",
      }).spawn();
      const deno = await Deno.makeTempDir();
      await Deno.chmod(deno, 0o777);
      try {
        await Deno.writeTextFile(path, `${other.pid}\n`);
        await using gateway = await startGateway(
          [`${folder}/app.js`, "--workers=1", "--pidfile", path],
          { command: [...AS_NOBODY, ...FROM_SOURCE], env: { DENO_DIR: deno, HOME: deno } },
        );
        assertEquals(await Deno.readTextFile(path), `${gateway.pid}\n`);
      } finally {
        other.kill();
        await other.status;
        await Deno.remove(deno, { recursive: true });
      }
    }),
});

Deno.test({
  name: "the pidfile of a gateway that has ended, and that nobody waits for, is replaced",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(FILES, async (folder) => {
      const path = `${folder}/pid`;
      const app = `${folder}/app.js`;
      // What the shell becomes does not know of the child that it has then.
      const parent = new Deno.Command("sh", {
        args: ["-c", '"$@" & echo $!; exec sleep 60', "sh", ...FROM_SOURCE, app, "--http=none"],
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      try {
        const reader = parent.stdout.getReader();
        const pid = new TextDecoder().decode((await reader.read()).value).trim();
        await until(() => /^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`)));
        await Deno.writeTextFile(path, `${pid}\n`);
        await isReplaced(path);
        await reader.cancel();
      } finally {
        parent.kill("SIGKILL");
        await parent.status;
      }
    }),
});

Deno.test({
  name: "the number of a thread is no process's",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(FILES, async (folder) => {
      const path = `${folder}/pid`;
      const app = `${folder}/app.js`;
      await using other = await startGateway([app, "--workers=1"]);
      const threads = [...Deno.readDirSync(`/proc/${other.pid}/task`)].map(({ name }) => name);
      const thread = threads.find((name) => Number(name) !== other.pid)!;
      await Deno.writeTextFile(path, `${thread}\n`);
      await isReplaced(path);
    }),
});

Deno.test("a pidfile in a folder that is not there is told", () =>
  inFolder(FILES, (folder) => {
    const pidfile = new Pidfile(`${folder}/no/pid`, SURROUNDINGS);
    const error = assertThrows(() => pidfile.write(), ConfigError);
    assertMatch(error.message, /--pidfile .*\/no\/pid cannot be used: No such file/);
    return Promise.resolve();
  }));
