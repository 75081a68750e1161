import { FROM_SOURCE, runGateway } from "../support/gateway.ts";
import { assertEquals, assertMatch } from "../support/assert.ts";
import { inFolder } from "../support/processes.ts";
import { defineUnstableTests } from "./unstable_cases.ts";

defineUnstableTests(FROM_SOURCE, "(from source)");

const CLI = FROM_SOURCE.at(-1)!;
const WITHOUT_FEATURES = [
  Deno.execPath(),
  ...["run", "-A", "--no-check", "--no-lock", "--no-remote"],
  "--unstable-worker-options",
  "--unstable-net",
];

const refused: Record<string, { unstable: unknown; args?: string[]; says: RegExp }> = {
  "a list that is none": { unstable: { kv: true }, says: /"unstable" is not a list of names/ },
  "jobs in each of several processes": {
    unstable: ["cron"],
    args: ["--workers=0", "--processes=2"],
    says: /Deno\.cron\(\) would run in each of the --processes: give --workers 1/,
  },
};
for (const [name, { unstable, args = [], says }] of Object.entries(refused)) {
  Deno.test(`a start is refused for ${name}`, () =>
    inFolder(
      { "deno.json": JSON.stringify({ unstable }), "app.js": "export default () => {};" },
      async (folder) => {
        const { code, stderr } = await runGateway([
          `${folder}/app.js`,
          "--http=127.0.0.1:0",
          ...args,
        ]);
        assertEquals(code, 2, stderr);
        assertMatch(stderr, says);
      },
    ));
}

Deno.test("apps of two projects that share the gateway's thread cannot have stores", () =>
  inFolder({
    "a/deno.json": '{ "unstable": ["kv"] }',
    "a/app.js": "export default () => {};",
    "b/deno.json": '{ "unstable": ["kv"] }',
    "b/app.js": "export default () => {};",
  }, async (folder) => {
    const { code, stderr } = await runGateway([
      `--mount=/a=${folder}/a/app.js`,
      `--mount=/b=${folder}/b/app.js`,
      "--workers=0",
      "--http=127.0.0.1:0",
    ]);
    assertEquals(code, 2, stderr);
    assertMatch(stderr, /several projects cannot each have a Deno\.openKv\(\)/);
  }));

Deno.test("a process of Deno without a feature names the flag that is missing", () =>
  inFolder({
    "deno.json": '{ "unstable": ["kv"] }',
    "app.js": "export default () => {};",
  }, async (folder) => {
    const map = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
    await Deno.writeTextFile(`${folder}/map.json`, JSON.stringify({ imports: map.imports }));
    const { code, stderr } = await runGateway([`${folder}/app.js`, "--http=127.0.0.1:0"], [
      ...WITHOUT_FEATURES,
      "--no-config",
      `--import-map=${folder}/map.json`,
      CLI,
    ]);
    assertEquals(code, 2, stderr);
    assertMatch(stderr, /"unstable" of .*deno\.json asks for "kv".*deno run --unstable-kv/);
  }));
