import { assert, assertEquals } from "../support/assert.ts";
import { inFolder, PID_APP, pidsAt } from "../support/processes.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { denoArguments, ownCommand } from "../../src/supervisor/command.ts";
import { takeSurroundings } from "../../src/base/surroundings.ts";

Deno.test("Deno's own arguments are what stands before gatehouse's", () => {
  const words = ["deno", "run", "-A", "--no-lock", "cli.ts", "app.ts", "--processes=2"];
  assertEquals(denoArguments(words, ["app.ts", "--processes=2"]), [
    "run",
    "-A",
    "--no-lock",
    "cli.ts",
  ]);
});

Deno.test("a command line that does not end as it should is not taken", () => {
  assertEquals(denoArguments(["deno", "run", "cli.ts", "a"], ["b"]), undefined);
  assertEquals(denoArguments(["a"], ["a"]), undefined);
  assertEquals(denoArguments(["deno"], []), undefined);
});

Deno.test("where the command line is not to be seen, permissions and main module make one", () => {
  const { program, first } = ownCommand({ ...takeSurroundings(), commandLine: undefined });
  assert(program.startsWith("/"));
  assertEquals(first.slice(0, 2), ["run", "--allow-all"]);
  assert(first.at(-1)!.length > 0);
});

Deno.test("a rolling restart takes the program that the name leads to by then", () =>
  inFolder({ "app.js": PID_APP }, async (folder) => {
    const [deno, ...first] = FROM_SOURCE;
    await Deno.symlink(deno, `${folder}/deno`);
    await using gateway = await startGateway(
      [`${folder}/app.js`, "--processes=1", "--workers=1"],
      { command: [`${folder}/deno`, ...first] },
    );
    const [old] = await pidsAt(gateway.port, (pids) => pids.size === 1);
    await Deno.remove(`${folder}/deno`);
    await Deno.writeTextFile(
      `${folder}/deno`,
      `#!/bin/sh\necho new program >&2\nexec ${deno} "$@"\n`,
      { mode: 0o755 },
    );
    gateway.kill("SIGUSR2");
    await gateway.logged(/^\[1\] new program$/);
    await gateway.logged(/^all processes have been replaced$/);
    assert(!(await pidsAt(gateway.port, (pids) => pids.size === 1)).has(old));
  }));
