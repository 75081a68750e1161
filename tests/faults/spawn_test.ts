/**
 * The system starts no process: the program has been moved away, or is none any more. Told: that a process
 * is not replaced, or cannot be started. Lost: nothing but the process that died. By itself: the process
 * that died is there again when the program is.
 */
import { assert, assertEquals } from "../support/assert.ts";
import { FROM_SOURCE } from "../support/gateway.ts";
import { inFolder, isRunning, PID_APP } from "../support/processes.ts";
import { ThreeProtocols } from "./three_protocols.ts";

/** What becomes of the program, a link in `folder`, and how that is told. */
const faults: Record<string, [spoil: (link: string) => void, told: RegExp]> = {
  "is gone": [(link) => Deno.removeSync(link), /the system refused: .*(?:not found|No such file)/i],
  "may not be run": [(link) => {
    Deno.removeSync(link);
    Deno.writeTextFileSync(link, "no program", { mode: 0o644 });
  }, /the system refused: .*permission denied/i],
};

for (const [name, [spoil, told]] of Object.entries(faults)) {
  Deno.test(`a program that ${name} leaves the processes serving, and is tried again`, () =>
    inFolder({ "app.js": PID_APP }, async (folder) => {
      const link = `${folder}/deno`;
      const [program, ...first] = FROM_SOURCE;
      await Deno.symlink(program, link);
      await using lab = await ThreeProtocols.start(
        [`${folder}/app.js`, "--processes=2", "--workers=1"],
        { command: [link, ...first] },
      );
      const { gateway } = lab;
      spoil(link);
      const before = gateway.log.length;
      gateway.kill("SIGUSR2");
      const line = await gateway.logged(
        /is not replaced, and goes on serving; the new one failed: /,
      );
      assert(told.test(line), line);
      const [{ body }] = await lab.askAll();
      const victim = Number(body);
      assert(isRunning(victim));
      assert(!gateway.log.slice(before).some((each) => /takes over|died|ended/.test(each)));

      Deno.kill(victim, "SIGKILL");
      await gateway.logged(/^error: process [12] cannot be started: the system refused/);
      await gateway.logged(/^process [12] restarts in 0\.4 s$/);
      for (const { status } of await lab.askAll()) assertEquals(status, 200);

      await Deno.remove(link, { recursive: true }).catch(() => {});
      await Deno.symlink(program, link);
      await gateway.logged(/^process [12] \(\d+\) is ready again$/);
      const pids = new Set<string>();
      while (pids.size < 2) for (const { body } of await lab.askAll()) pids.add(body);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
    }));
}

Deno.test("a supervisor that can start no process says why: exit status 1", () =>
  inFolder({ "app.js": PID_APP }, async (folder) => {
    // There is no room for the socket that processes report over.
    const env = { NO_COLOR: "1", TMPDIR: `${folder}/none` };
    const [program, ...first] = FROM_SOURCE;
    const { code, stderr } = await new Deno.Command(program, {
      args: [...first, `${folder}/app.js`, "--http=0", "--processes=1", "--workers=1"],
      env,
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals([code, /^error: process 1: the system refused: /m.test(text)], [1, true]);
  }));
