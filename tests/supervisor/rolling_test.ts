import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { askPid, inFolder, isRunning, Load, PID_APP, pidsAt } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const FILES = { "app.js": PID_APP };
const TWO = ["--processes", "2", "--workers", "1"];

Deno.test("SIGUSR2 replaces the processes one by one, under load; unix sockets lose no connection", () =>
  inFolder(FILES, async (folder) => {
    const unix = ["--http", "0", "--http", `unix:${folder}/{n}.sock`];
    await using gateway = await startGateway([`${folder}/app.js`, ...TWO, ...unix]);
    const { port } = gateway;
    const connect = (number: number) => () =>
      Deno.connect({ transport: "unix", path: `${folder}/${number}.sock` });
    const old = await pidsAt(port, (pids) => pids.size === 2);
    const load = new Load(() => Deno.connect({ hostname: "127.0.0.1", port }), 6, 2);
    const unixLoads = [new Load(connect(1), 2, 2), new Load(connect(2), 2, 2)];
    gateway.kill("SIGUSR2");
    await gateway.logged(/^all processes have been replaced$/);
    const [{ answered, lostHeld, lostNew, failures }, ...unixOutcomes] = await Promise.all(
      [load, ...unixLoads].map((each) => each.stop()),
    );
    assert(answered > 100);
    // A request may cross the end of a connection that was quiet for a while, on a busy machine.
    const held = [...lostHeld.values()].reduce((sum, count) => sum + count, 0);
    assert(held <= 12, `${held} requests on connections in use were lost`);
    for (const pid of lostHeld.keys()) assert(old.has(pid));
    // What the kernel had queued for a listener that closes, it resets.
    for (const failure of failures) assertMatch(failure, /reset|broken pipe|no response/i);
    assert(lostNew <= 16, `${lostNew} new connections were lost`);
    for (const { answered, lostNew, failures } of unixOutcomes) {
      assert(answered > 20);
      assertEquals(lostNew, 0, [...failures].join());
    }
    for (const pid of old) assert(!isRunning(pid));
    const pids = await pidsAt(port, (pids) => pids.size === 2);
    for (const pid of pids) assert(!old.has(pid));
    const events = gateway.log.filter((line) => /takes over from/.test(line));
    assertMatch(events.join("\n"), /^process 1 \(\d+\) .*\nprocess 2 \(\d+\) .*$/);
    using client = new RawClient(await connect(2)());
    await client.send(get("/"));
    assertEquals((await client.receive()).status, 200);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["app.js"]);
  }));

Deno.test("a new process that does not get ready leaves the old ones, and says why", () =>
  inFolder(FILES, async (folder) => {
    const address = `unix:${folder}/{n}.sock`;
    await using gateway = await startGateway([
      `${folder}/app.js`,
      ...TWO,
      "--http=0",
      "--http",
      address,
    ]);
    const { port } = gateway;
    const old = await pidsAt(port, (pids) => pids.size === 2);
    await Deno.writeTextFile(`${folder}/app.js`, 'throw new Error("broken");');
    gateway.kill("SIGUSR2");
    await gateway.logged(/^\[1\] gatehouse: cannot load .*: broken/);
    await gateway.logged(
      /^error: process 1 is not replaced, and goes on serving; the new one failed: .*exit status 1/,
    );
    assertEquals(await pidsAt(port, (pids) => pids.size === 2), old);
    using client = new RawClient(
      await Deno.connect({ transport: "unix", path: `${folder}/1.sock` }),
    );
    await client.send(get("/"));
    assert(old.has(Number((await client.receive()).body)));
    await Deno.writeTextFile(`${folder}/app.js`, PID_APP);
    gateway.kill("SIGUSR2");
    await gateway.logged(/^all processes have been replaced$/);
    for (const pid of old) assert(!isRunning(pid));
  }));

Deno.test("the process that is replaced finishes what is in flight", () =>
  inFolder(FILES, async (folder) => {
    await using gateway = await startGateway([
      `${folder}/app.js`,
      "--processes=1",
      "--workers=1",
    ]);
    const { port } = gateway;
    const old = await askPid(port);
    const slow = askPid(port, "/?ms=3000");
    gateway.kill("SIGUSR2");
    await gateway.logged(/takes over from/);
    await pidsAt(port, (pids) => [...pids].some((pid) => pid !== old));
    assertEquals(await slow, old);
    await gateway.logged(/^all processes have been replaced$/);
  }));

Deno.test("SIGTERM in a rolling restart ends old and new processes", () =>
  inFolder(FILES, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, ...TWO]);
    const pids = await pidsAt(gateway.port, (pids) => pids.size === 2);
    gateway.kill("SIGUSR2");
    await gateway.logged(/^replacing the processes one by one$/);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0, gateway.log.join("\n"));
    for (const pid of pids) assert(!isRunning(pid));
  }));
