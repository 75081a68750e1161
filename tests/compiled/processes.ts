/** Several processes of the executable (`deno task test:compiled`). */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { inFolder, isRunning, PID_APP, pidsAt, until } from "../support/processes.ts";
import { executable as found } from "./executable_path.ts";

const ignore = found === null;
const executable = found ?? "";
const TWO = ["--processes", "2", "--workers", "1"];
const files = { "app.js": PID_APP };

Deno.test({
  name: "the executable runs processes of itself, starts them again, and replaces them",
  ignore,
  fn: () =>
    inFolder(files, async (folder) => {
      const path = `${folder}/pid`;
      await using gateway = await startGateway([`${folder}/app.js`, ...TWO, "--pidfile", path], {
        command: [executable],
        env: { GATEHOUSE_CACHE: `${folder}/cache` },
      });
      assertEquals(await Deno.readTextFile(path), `${gateway.pid}\n`);
      const { port } = gateway;
      const [victim] = await pidsAt(port, (pids) => pids.size === 2);
      Deno.kill(victim, "SIGKILL");
      await gateway.logged(/is ready again$/);
      const old = await pidsAt(port, (pids) => pids.size === 2);
      assert(!old.has(victim));
      gateway.kill("SIGUSR2");
      await gateway.logged(/^all processes have been replaced$/);
      const pids = await pidsAt(port, (pids) => pids.size === 2);
      for (const pid of pids) assert(!old.has(pid));
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
      for (const pid of pids) assert(!isRunning(pid));
    }),
});

Deno.test({
  name: "a rolling restart takes the new executable that is at the old one's path",
  ignore,
  fn: () =>
    inFolder(files, async (folder) => {
      const path = `${folder}/gatehouse`;
      await Deno.copyFile(executable, path);
      await using gateway = await startGateway([`${folder}/app.js`, "--processes=1"], {
        command: [path],
        env: { GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const [old] = await pidsAt(gateway.port, (pids) => pids.size === 1);
      await Deno.writeTextFile(
        `${path}.new`,
        `#!/bin/sh\necho new program >&2\nexec ${executable} "$@"\n`,
        { mode: 0o755 },
      );
      await Deno.rename(`${path}.new`, path);
      gateway.kill("SIGUSR2");
      await gateway.logged(/^\[1\] new program$/);
      await gateway.logged(/^all processes have been replaced$/);
      assert(!(await pidsAt(gateway.port, (pids) => pids.size === 1)).has(old));
    }),
});

Deno.test({
  name: "processes of the executable end with their supervisor",
  ignore,
  fn: () =>
    inFolder(files, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.js`, ...TWO], {
        command: [executable],
        env: { GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const pids = await pidsAt(gateway.port, (pids) => pids.size === 2);
      gateway.kill("SIGKILL");
      await until(() => ![...pids].some(isRunning));
    }),
});

Deno.test({
  name: "an app that processes of the executable cannot load ends the start",
  ignore,
  fn: () =>
    inFolder({ "app.js": 'throw new Error("no way");' }, async (folder) => {
      const args = [`${folder}/app.js`, ...TWO, "--http", "0"];
      const { code, stderr } = await runGateway(args, [executable]);
      assertEquals(code, 1);
      assertMatch(stderr, /^\[1\] gatehouse: cannot load file:.*: no way .*\n$/);
    }),
});
