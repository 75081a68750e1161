/**
 * A process that is paused with SIGSTOP. Told: nothing, unless it is to end, and does not. Lost: nothing
 * of what it is asked meanwhile. By itself: with SIGCONT, all is answered, and no worker is blamed.
 */
import { assert, assertEquals } from "../support/assert.ts";
import { askPid, inFolder, isRunning, PID_APP, pidsAt, until } from "../support/processes.ts";
import { ThreeProtocols } from "./three_protocols.ts";

const FILES = { "app.js": PID_APP };
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test({
  name: "a gateway that is paused answers all that it was asked when it goes on",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(FILES, async (folder) => {
      await using lab = await ThreeProtocols.start([
        `${folder}/app.js`,
        "--workers=1",
        "--hang-timeout=1",
      ]);
      const { gateway, protocols } = lab;
      const early = lab.askAll("/?ms=300");
      await sleep(100);
      gateway.kill("SIGSTOP");
      let answers = 0;
      const asked = Array.from({ length: 5 }, () => {
        return protocols.map(async (protocol) => {
          const { status, body } = await lab.ask(protocol);
          answers++;
          return [status, body];
        });
      }).flat();
      // Longer than a worker may give no sign of life.
      await sleep(2_000);
      assertEquals(answers, 0);
      gateway.kill("SIGCONT");
      for (const answer of await Promise.all(asked)) assertEquals(answer, [200, `${gateway.pid}`]);
      for (const { status } of await early) assertEquals(status, 200);
      assertEquals(lab.problems, []);
    }),
});

Deno.test({
  name: "one of several processes that is paused loses nothing, and the other one serves",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(FILES, async (folder) => {
      await using lab = await ThreeProtocols.start([
        `${folder}/app.js`,
        "--processes=2",
        "--workers=1",
      ]);
      const { protocols } = lab;
      const [paused] = await pidsAt(lab.port("http"), (pids) => pids.size === 2);
      Deno.kill(paused, "SIGSTOP");
      const pids: string[] = [];
      // The system, and Mongrel2, give it its part of them all the same.
      const asked = Array.from({ length: 10 }, () => {
        return protocols.map(async (protocol) => {
          const { status, body } = await lab.ask(protocol);
          assertEquals(status, 200);
          pids.push(body);
        });
      }).flat();
      await until(() => pids.length > 0);
      assert(!pids.includes(String(paused)));
      Deno.kill(paused, "SIGCONT");
      await Promise.all(asked);
      assertEquals(pids.length, 10 * protocols.length);
      assertEquals(lab.problems, []);
      await pidsAt(lab.port("http"), (pids) => pids.has(paused) && pids.size === 2);
    }),
});

Deno.test({
  name: "a process that is paused, and is to end, is killed: that is told, exit status 1",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(FILES, async (folder) => {
      await using lab = await ThreeProtocols.start([
        `${folder}/app.js`,
        "--processes=2",
        "--workers=1",
        "--drain-timeout=1",
      ]);
      const { gateway } = lab;
      const paused = await askPid(lab.port("http"));
      Deno.kill(paused, "SIGSTOP");
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 1);
      await gateway.logged(
        new RegExp(`^error: process [12] \\(${paused}\\) does not end; killing it$`),
      );
      await until(() => !isRunning(paused));
    }),
});
