import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { askPid, inFolder, isRunning, Load, PID_APP, pidsAt, until } from "../support/processes.ts";

const FILES = { "app.js": PID_APP };
const TWO = ["--processes", "2", "--workers", "1"];

Deno.test("a process that dies is started again, and the others serve meanwhile", (test) =>
  inFolder(FILES, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, ...TWO]);
    const { port } = gateway;
    const [victim, other] = await pidsAt(port, (pids) => pids.size === 2);
    await test.step("one that can be started", async () => {
      Deno.kill(victim, "SIGKILL");
      await gateway.logged(new RegExp(`^error: process [12] \\(${victim}\\) ended: SIGKILL$`));
      await gateway.logged(/^process [12] restarts in 0\.1 s$/);
      assertEquals(await askPid(port), other);
      await gateway.logged(/^process [12] \(\d+\) is ready again$/);
      const pids = await pidsAt(port, (pids) => pids.size === 2);
      assert(pids.has(other) && !pids.has(victim));
    });
    await test.step("one that cannot is tried again", async () => {
      const [next] = [...await pidsAt(port, (pids) => pids.size === 2)].filter((pid) =>
        pid !== other
      );
      await Deno.writeTextFile(`${folder}/app.js`, 'throw new Error("broken");');
      const before = gateway.log.length;
      Deno.kill(other, "SIGKILL");
      await gateway.logged(/^\[[12]\] gatehouse: cannot load .*: broken/);
      await gateway.logged(/^error: process [12] cannot be started: it ended .*\(exit status 1\)$/);
      // It took no connection while it tried to start.
      for (let i = 0; i < 20; i++) assertEquals(await askPid(port), next);
      await Deno.writeTextFile(`${folder}/app.js`, PID_APP);
      await gateway.logged(/is ready again$/, { before });
      await pidsAt(port, (pids) => pids.size === 2);
    });
  }));

Deno.test("a process that dies again and again is started after growing delays", () =>
  inFolder(FILES, async (folder) => {
    await using gateway = await startGateway([
      `${folder}/app.js`,
      "--processes",
      "1",
      "--workers",
      "1",
    ]);
    let pid = await askPid(gateway.port);
    for (const delay of ["0.1", "0.2", "0.4"]) {
      // A process may have a lower number than the one before it.
      const readyCount = () => gateway.log.filter((line) => line.endsWith("is ready again")).length;
      const before = readyCount();
      Deno.kill(pid, "SIGKILL");
      await gateway.logged(new RegExp(`^process 1 restarts in ${delay} s$`));
      await until(() => readyCount() > before);
      pid = await askPid(gateway.port);
    }
  }));

Deno.test("processes that lose their supervisor finish what is in flight, and end", () =>
  inFolder(FILES, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, ...TWO]);
    const { port } = gateway;
    const pids = await pidsAt(port, (pids) => pids.size === 2);
    const slow = Array.from({ length: 8 }, () => askPid(port, "/print?ms=1000"));
    await new Promise((resolve) => setTimeout(resolve, 300));
    gateway.kill("SIGKILL");
    for (const pid of await Promise.all(slow)) assert(pids.has(pid));
    await until(() => ![...pids].some(isRunning));
  }));

Deno.test("processes that are still starting end with their supervisor", () =>
  inFolder({
    "app.js": `Deno.writeTextFileSync(new URL("pid", import.meta.url), String(Deno.pid));
await new Promise(() => setInterval(() => {}, 1000));`,
  }, async (folder) => {
    const starting = startGateway([
      `${folder}/app.js`,
      ...TWO,
      "--http=0",
      `--app-allow-write=${folder}`,
    ]);
    const gone = starting.then(
      (gateway) => gateway[Symbol.asyncDispose](),
      (error) => assertMatch(String(error), /no line of the log matches/),
    );
    const path = `${folder}/pid`;
    const pidIn = () => {
      try {
        return Number(Deno.readTextFileSync(path));
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return 0;
        throw error;
      }
    };
    await until(() => pidIn() > 0);
    const pid = pidIn();
    const supervisor = Number(
      /^PPid:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1],
    );
    Deno.kill(supervisor, "SIGKILL");
    await until(() => !isRunning(pid));
    await gone;
  }));

Deno.test("kill -9 of a process under load costs the connections that it held, and its queue", () =>
  inFolder(FILES, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, ...TWO]);
    const { port } = gateway;
    const victims = new Set<number>();
    const connect = () => Deno.connect({ hostname: "127.0.0.1", port });
    const load = new Load(connect, 8, 8);
    for (let round = 1; round <= 2; round++) {
      const isNew = (pid: number) => !victims.has(pid);
      const [victim] = await pidsAt(port, (pids) => [...pids].some(isNew));
      victims.add(victim);
      Deno.kill(victim, "SIGKILL");
      await until(() =>
        gateway.log.filter((line) => line.endsWith("is ready again")).length === round
      );
    }
    const { answered, lostHeld, lostNew, failures } = await load.stop();
    assert(answered > 100);
    // The kernel resets what was queued at the listener that is gone; nobody is refused.
    for (const failure of failures) assertMatch(failure, /reset|broken pipe|no response/i);
    for (const pid of lostHeld.keys()) assert(victims.has(pid), `${pid} was not killed`);
    assert(lostNew <= 16 * victims.size, `${lostNew} new connections were lost`);
  }));
