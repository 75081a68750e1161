import { assertEquals } from "../support/assert.ts";
import { runGateway } from "../support/gateway.ts";

const wrong: Record<string, [readonly string[], string]> = {
  "an app": [["app.ts", "--no-such-option"], "gatehouse --help"],
  "a command with the gateway's options": [["cache", "--no-such-option"], "gatehouse --help"],
  "dispatch": [["dispatch"], "gatehouse dispatch --help"],
  "log": [["log", "summarize", "--no-such-option"], "gatehouse log --help"],
};
for (const [what, [args, help]] of Object.entries(wrong)) {
  Deno.test(`wrong usage of ${what} is told where the help on its options is`, async () => {
    const { code, stderr } = await runGateway(args);
    assertEquals([code, /\(see (.*)\)\n$/.exec(stderr)?.[1]], [2, help], stderr);
  });
}
