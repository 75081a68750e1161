/** `--drain-delay`: what happens between the signal to end and the drain. */

import { assertEquals, assertMatch } from "../support/assert.ts";
import { ask } from "../support/admin.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { askPid, inFolder, isRunning, PID_APP, pidsAt, until } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const SERVING_ON = /^serving for \S+ s more, until balancers have noticed; a second signal exits/;

/** Port of the gateway's health. */
async function healthPort(gateway: GatewayProcess): Promise<number> {
  const [, port] = /^monitoring at \S+:(\d+)/.exec(await gateway.logged(/^monitoring at/))!;
  return Number(port);
}

function inApp(body: (app: string) => Promise<void>): Promise<void> {
  return inFolder({ "app.js": PID_APP }, (folder) => body(`${folder}/app.js`));
}

for (const processes of ["0", "2"]) {
  const args = ["--workers=1", `--processes=${processes}`, "--health=0"];
  Deno.test(
    `with --drain-delay and --processes ${processes}, all is served while /readyz says no`,
    () =>
      inApp(async (app) => {
        await using gateway = await startGateway([app, ...args, "--drain-delay=1h"]);
        const health = await healthPort(gateway);
        assertEquals((await ask(health, "/readyz")).status, 200);
        using idle = await RawClient.connect(gateway.port);
        await idle.send(get("/"));
        assertEquals((await idle.receive()).headers.get("connection"), null);
        using busy = await RawClient.connect(gateway.port);
        await busy.send(get("/?ms=500"));
        gateway.kill("SIGTERM");
        await gateway.logged(SERVING_ON);
        const { status, body } = await ask(health, "/readyz");
        assertEquals(status, 503);
        assertMatch(body, /draining/);
        assertEquals((await ask(health, "/livez")).status, 200);
        assertEquals((await busy.receive()).status, 200);
        assertEquals(await askPid(gateway.port) > 0, true);
        // What clients had open still serves them, and tells them to connect anew: a process of several learns
        // of the end a moment later.
        for (let isLast = false; !isLast;) {
          await idle.send(get("/"));
          const { status, headers } = await idle.receive();
          assertEquals(status, 200);
          isLast = headers.get("connection") === "close";
        }
        assertEquals(await idle.rest(), "");
        gateway.kill("SIGTERM");
        assertEquals((await gateway.status).code, 1);
      }),
  );

  Deno.test(
    `when --drain-delay is over, a gateway with --processes ${processes} finishes and exits 0`,
    () =>
      inApp(async (app) => {
        await using gateway = await startGateway([app, ...args, "--drain-delay=300ms"]);
        using client = await RawClient.connect(gateway.port);
        await client.send(get("/?ms=700"));
        gateway.kill("SIGINT");
        await gateway.logged(/^serving for 0\.3 s more/);
        assertEquals((await client.receive()).status, 200);
        assertEquals((await gateway.status).code, 0);
      }),
  );
}

Deno.test("a process that another one has taken the place of does not wait for balancers", () =>
  inApp(async (app) => {
    const args = ["--workers=1", "--processes=2", "--drain-delay=1h"];
    await using gateway = await startGateway([app, ...args]);
    const before = await pidsAt(gateway.port, (pids) => pids.size === 2);
    gateway.kill("SIGUSR2");
    await gateway.logged(/^all processes have been replaced$/);
    const after = await pidsAt(gateway.port, (pids) => pids.size === 2);
    assertEquals([...after].filter((pid) => before.has(pid)), []);
    gateway.kill("SIGTERM");
    await gateway.logged(SERVING_ON);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 1);
  }));

Deno.test("a terminal's signal, which processes get as well, does not make them wait twice", () =>
  inApp(async (app) => {
    const args = ["--workers=1", "--processes=2", "--drain-delay=2s"];
    await using gateway = await startGateway([app, ...args]);
    const pids = await pidsAt(gateway.port, (pids) => pids.size === 2);
    for (const pid of [gateway.pid, ...pids]) Deno.kill(pid, "SIGINT");
    await gateway.logged(SERVING_ON);
    assertEquals(pids.has(await askPid(gateway.port)), true);
    assertEquals((await gateway.status).code, 0);
    await until(() => [...pids].every((pid) => !isRunning(pid)));
  }));

Deno.test("without --drain-delay, a gateway ends at once", () =>
  inApp(async (app) => {
    await using gateway = await startGateway([app, "--workers=1"]);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    assertEquals(gateway.log.filter((line) => SERVING_ON.test(line)), []);
  }));
