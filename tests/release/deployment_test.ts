import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { inFolder } from "../support/processes.ts";

const docs = new URL("../../docs/", import.meta.url);
const unit = await Deno.readTextFile(new URL("gatehouse.service", docs));
const dockerfile = await Deno.readTextFile(new URL("Dockerfile", docs));

/** Values of a key in the unit. */
function valuesOf(key: string): string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value]) => value);
}

const hasSystemd = await new Deno.Command("systemd-analyze", {
  args: ["--version"],
  stdout: "null",
}).output().then(({ success }) => success, () => false);

Deno.test({
  name: "systemd finds nothing wrong with the unit",
  ignore: !hasSystemd,
  fn: () =>
    inFolder({}, async (folder) => {
      // That of the unit is not installed here.
      const installed = unit.replaceAll("/usr/local/bin/gatehouse", "/bin/true");
      await Deno.writeTextFile(`${folder}/gatehouse.service`, installed);
      const { success, stderr } = await new Deno.Command("systemd-analyze", {
        args: ["verify", "--man=no", `${folder}/gatehouse.service`],
      }).output();
      const complaints = new TextDecoder().decode(stderr);
      assert(success, complaints);
      assert(!complaints.includes("gatehouse.service"), complaints);
    }),
});

Deno.test("the unit waits for readiness, reloads by SIGHUP, and gives the end time to drain", () => {
  assertEquals(valuesOf("Type"), ["notify"]);
  assertEquals(valuesOf("ExecReload"), ["/bin/kill -HUP $MAINPID"]);
  assert(Number(valuesOf("TimeoutStopSec")[0]) > 30);
  assert(!valuesOf("User").includes("root"));
});

Deno.test("the commands of the unit and the Dockerfile are understood", () => {
  const [program, ...args] = valuesOf("ExecStart")[0].split(" ");
  assertEquals(program, "/usr/local/bin/gatehouse");
  assertEquals(parseCommandLine(args).kind, "serve");
  const command = JSON.parse(/^CMD (.*)$/m.exec(dockerfile)![1]);
  assertEquals(parseCommandLine(command.slice(1)).kind, "serve");
  const cached = /^RUN gatehouse (cache .*)$/m.exec(dockerfile)![1];
  assertEquals(parseCommandLine(cached.split(" ")).kind, "cache");
});

Deno.test("the container's process is not root's", () => {
  assertMatch(dockerfile, /^USER gatehouse$/m);
});
