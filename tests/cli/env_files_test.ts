import { assertEquals, assertMatch } from "../support/assert.ts";

import { runGateway, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const APP = `export default () => Response.json(
  ["A", "B", "SET", "GATEHOUSE_WORKERS"].map((name) => Deno.env.get(name) ?? null));`;

const starts: Record<string, [args: string[], seen: (string | null)[]]> = {
  "without a value, .env of the working directory": [["--env-file"], ["1", "1x", "outside", null]],
  "by name": [["--env-file=more.env"], ["2", null, "outside", null]],
  "of several, the last counts": [
    ["--env-file", "--env-file=more.env"],
    ["2", "2x", "outside", null],
  ],
  "by a key of the configuration file, whose folder it is in": [
    ["--config", "gatehouse.ini"],
    ["1", "1x", "outside", null],
  ],
};
for (const [name, [args, seen]] of Object.entries(starts)) {
  for (const workers of ["1", "0"]) {
    Deno.test(`--env-file: ${name} (--workers ${workers})`, () =>
      inFolder({
        "app.js": APP,
        ".env": "A=1\nB=\${A}x\nSET=inside\nGATEHOUSE_WORKERS=x\n",
        "more.env": "A=2\n",
        "gatehouse.ini": "[server:main]\nenv-file = yes\n",
      }, async (folder) => {
        await using gateway = await startGateway(["app.js", `--workers=${workers}`, ...args], {
          env: { SET: "outside" },
          cwd: folder,
        });
        assertEquals(await (await fetch(gateway.url)).json(), seen);
      }));
  }
}

Deno.test("--env-file: a file that is not there is a warning, one that is malformed wrong usage", () =>
  inFolder({ "app.js": APP, "bad.env": "A=1\nB\n" }, async (folder) => {
    const args = [`${folder}/app.js`, "--http=0"];
    const { code, stderr } = await runGateway([...args, `--env-file=${folder}/bad.env`]);
    assertEquals([code, stderr], [2, `${folder}/bad.env:2: should be NAME=value\n`]);
    await using gateway = await startGateway([args[0], `--env-file=${folder}/none.env`]);
    assertMatch(gateway.log.join("\n"), /^warning: --env-file .*\/none\.env does not exist$/m);
  }));
