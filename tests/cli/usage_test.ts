import { assertEquals, assertMatch } from "../support/assert.ts";
import { FROM_SOURCE, runGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const wrong: Record<string, [readonly string[], string]> = {
  "an app": [["app.ts", "--no-such-option"], "gatehouse --help"],
  "a command with the gateway's options": [["cache", "--no-such-option"], "gatehouse --help"],
  "dispatch": [["dispatch"], "gatehouse dispatch --help"],
  "a mistyped command": [["respnod", "tcp://127.0.0.1:9"], "gatehouse --help"],
  "log": [["log", "summarize", "--no-such-option"], "gatehouse log --help"],
};
for (const [what, [args, help]] of Object.entries(wrong)) {
  Deno.test(`wrong usage of ${what} is told where the help on its options is`, async () => {
    const { code, stderr } = await runGateway(args);
    assertEquals([code, /\(see (.*)\)\n$/.exec(stderr)?.[1]], [2, help], stderr);
  });
}

Deno.test("a mistyped command is told apart from an app that is there", () =>
  inFolder({ "respnod": "nonsense(" }, async (folder) => {
    const missing = await runGateway(["statsu"]);
    assertMatch(missing.stderr, /neither a command nor a file statsu; did you mean status\?/);
    const [program, ...first] = FROM_SOURCE;
    const { code, stderr } = await new Deno.Command(program, {
      args: [...first, "respnod", "--http=127.0.0.1:0"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 1, said);
    assertMatch(said, /file:\S+\/respnod/);
  }));
