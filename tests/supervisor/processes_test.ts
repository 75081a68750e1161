import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { FROM_SOURCE, runGateway, startGateway } from "../support/gateway.ts";
import { askPid, inFolder, isRunning, PID_APP, pidsAt, until } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const FILES = { "app.js": PID_APP };
const TWO = ["--processes", "2", "--workers", "1"];

Deno.test("processes share ports, which are chosen once, and have unix sockets of their own", (test) =>
  inFolder(FILES, async (folder) => {
    const http = [
      "--http",
      "0",
      "--http",
      "[::1]:0",
      "--http",
      `unix:${folder}/{n}.sock,mode=0600`,
    ];
    await using gateway = await startGateway([
      `${folder}/app.js`,
      ...TWO,
      ...http,
      ...["--fastcgi", "127.0.0.1:0"],
    ]);
    const { port, log } = gateway;
    const printed = log.length;
    await test.step("listening, ready and what is to be said at the start are told once", () => {
      assertMatch(log[0], /^apps may use: /);
      const urls = log.slice(1, -1).filter((line) => !line.includes("unix:"));
      assertEquals(urls.length, 3, log.join("\n"));
      for (const url of urls) assertMatch(url, /^listening .*:[1-9]\d*$/);
      assertEquals(log.slice(1, -1).length, urls.length + 2);
      assertEquals(log.at(-1), "ready");
    });
    const pids = await pidsAt(port, (pids) => pids.size === 2);
    await test.step("the supervisor answers nothing", () => assert(!pids.has(gateway.pid)));
    await test.step("each process has a unix socket, by its number", async () => {
      const found = new Set<number>();
      for (const number of [1, 2]) {
        const path = `${folder}/${number}.sock`;
        assertStringIncludes(log.join("\n"), `listening http+unix:${path}\n`);
        using client = new RawClient(await Deno.connect({ transport: "unix", path }));
        await client.send(get("/"));
        found.add(Number((await client.receive()).body));
      }
      assertEquals(found, pids);
    });
    await test.step("for others their port is in use, though it may be shareable", async () => {
      const args = [`${folder}/app.js`, ...TWO, "--http", `${port}`];
      const { code, stderr } = await runGateway(args);
      assertEquals(code, 1);
      assertEquals(
        stderr,
        `gatehouse: cannot listen on 127.0.0.1:${port}: the address is in use\n`,
      );
    });
    await test.step("what processes print has their number, and whole lines", async () => {
      const found = new Set<number>();
      for (let i = 0; i < 100 && found.size < 2; i++) {
        const asked = [askPid(port, "/print"), askPid(port, "/print"), askPid(port, "/print")];
        for (const pid of await Promise.all(asked)) found.add(pid);
      }
      assertEquals(found.size, 2);
      for (const line of log.slice(printed)) assertMatch(line, /^\[[12]\] e{2000}$/);
      for (const number of [1, 2]) assert(log.some((line) => line.startsWith(`[${number}] `)));
    });
    await test.step("they end together, and remove their unix sockets", async () => {
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
      for (const pid of pids) assert(!isRunning(pid));
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["app.js"]);
    });
  }));

Deno.test("what others have put beside the path of a unix socket is not in its way", () =>
  inFolder(FILES, async (folder) => {
    await Deno.writeTextFile(`${folder}/victim`, "precious");
    // Names that a process could have for its socket before it is at its place.
    for (let number = Deno.pid; number < Deno.pid + 500; number++) {
      await Deno.symlink("victim", `${folder}/1.sock.${number}`);
    }
    await using gateway = await startGateway([
      `${folder}/app.js`,
      "--processes=1",
      "--workers=1",
      `--http=unix:${folder}/{n}.sock`,
    ]);
    assert((await Deno.lstat(`${folder}/1.sock`)).isSocket);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    assertEquals(await Deno.readTextFile(`${folder}/victim`), "precious");
  }));

Deno.test("a unix socket without {n} cannot be shared: exit status 2", async () => {
  const { code, stderr } = await runGateway(["a.js", ...TWO, "--fastcgi", "unix:/tmp/a.sock"]);
  assertEquals(code, 2);
  assertMatch(stderr, /^gatehouse: --fastcgi unix:\/tmp\/a\.sock: .* put \{n\}.*\n$/);
});

Deno.test("an app that cannot be loaded ends the start with one line, exit status 1, and no process", () =>
  inFolder({ "app.js": 'throw new Error("no way");' }, async (folder) => {
    const { code, stderr } = await runGateway([`${folder}/app.js`, ...TWO, "--http", "0"]);
    assertEquals(code, 1);
    assertMatch(stderr, /^\[1\] gatehouse: cannot load file:.*\/app\.js: no way .*\n$/);
  }));

Deno.test("wrong settings of a process end the start with its exit status", () =>
  inFolder(FILES, async (folder) => {
    const { code, stderr } = await runGateway([
      `${folder}/app.js`,
      ...TWO,
      "--https=0",
      "--cert=/no",
      "--key=/no",
    ]);
    assertEquals(code, 2);
    assertMatch(stderr, /^\[1\] gatehouse: the certificate \/no cannot be read/);
  }));

for (
  const [missing, message] of [
    ["run", /--processes starts processes: run Deno with --allow-run, or with -A/],
    [
      "write",
      /--processes uses sockets between processes: run Deno with .*--allow-write=\S+, or with -A/,
    ],
  ] as const
) {
  Deno.test(`--processes without --allow-${missing} says what it needs: exit status 2`, () =>
    inFolder(FILES, async (folder) => {
      const granted = ["run", "read", "write", "net", "env", "sys", "ffi"]
        .filter((name) => name !== missing).map((name) => `--allow-${name}`);
      const command = FROM_SOURCE.flatMap((word) =>
        word === "-A" ? ["--no-prompt", ...granted] : [word]
      );
      const { code, stderr } = await runGateway([`${folder}/app.js`, ...TWO, "--http=0"], command);
      assertEquals(code, 2);
      assertMatch(stderr, message);
    }));
}

Deno.test("nobody else says --supervised", async () => {
  const { code, stderr } = await runGateway(["--supervised=1", "app.js"]);
  assertEquals(code, 2);
  assertMatch(stderr, /^gatehouse: --supervised=1 is for gatehouse's own use/);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} lets all processes finish what is in flight, even if they get it twice`, () =>
    inFolder(FILES, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.js`, ...TWO]);
      const pids = await pidsAt(gateway.port, (pids) => pids.size === 2);
      const slow = Array.from({ length: 20 }, () => askPid(gateway.port, "/?ms=1000"));
      await new Promise((resolve) => setTimeout(resolve, 300));
      // As from a terminal, or from systemd with KillMode=control-group.
      for (const pid of pids) Deno.kill(pid, signal);
      gateway.kill(signal);
      for (const pid of await Promise.all(slow)) assert(pids.has(pid));
      assertEquals((await gateway.status).code, 0, gateway.log.join("\n"));
    }));
}

Deno.test("a second signal ends all processes at once", () =>
  inFolder(FILES, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, ...TWO]);
    const pids = await pidsAt(gateway.port, (pids) => pids.size === 2);
    const slow = askPid(gateway.port, "/?ms=60000").catch((error) => error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    gateway.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 100));
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 1);
    assert(await slow instanceof Error);
    await until(() => ![...pids].some(isRunning));
  }));

Deno.test("SIGHUP reloads the apps of all processes", () =>
  inFolder({ "app.js": 'export default () => new Response("old");' }, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, ...TWO]);
    assertEquals(await (await fetch(gateway.url)).text(), "old");
    await Deno.writeTextFile(`${folder}/app.js`, 'export default () => new Response("new");');
    gateway.kill("SIGHUP");
    await gateway.logged(/^\[1\] generation 2 serves$/);
    await gateway.logged(/^\[2\] generation 2 serves$/);
    for (let i = 0; i < 20; i++) {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/"));
      assertEquals((await client.receive()).body, "new");
    }
  }));
