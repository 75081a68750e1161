import { ConfigError } from "../../src/base/errors.ts";
import { parseCommand } from "../../src/config/command_line.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import type { ReapSettings } from "../../src/config/reap_options.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";

async function reapOf(...words: string[]): Promise<ReapSettings> {
  const command = await parseCommand(["reap", ...words], { ...NO_SOURCES, cwd: "/srv" });
  assert(command.kind === "reap");
  return command.settings;
}

Deno.test("reap asks the port of the folder that it is in, with m2wsgi's limits", async () => {
  assertEquals(await reapOf(), {
    control: "ipc:///srv/run/control",
    recv: undefined,
    maxLifetimeMs: 60_000,
    maxIdleMs: 30_000,
    times: "on",
  });
});

Deno.test("reap takes endpoints and limits", async () => {
  const words = ["--max-lifetime=5m", "--max-idle-time", "0", "--oneshot"];
  assertEquals(await reapOf("ipc:///c", "tcp://127.0.0.1:9998", ...words), {
    control: "ipc:///c",
    recv: "tcp://127.0.0.1:9998",
    maxLifetimeMs: 300_000,
    maxIdleMs: 0,
    times: "once",
  });
});

const WRONG: [words: string[], message: RegExp][] = [
  [["9998"], /CONTROL takes a ZeroMQ endpoint/],
  [["ipc://c", "9998"], /RECV takes a ZeroMQ endpoint/],
  [["ipc://c", "ipc://r", "ipc://x"], /no "ipc:\/\/x"/],
  [["--max-lifetime=0", "--max-idle-time=0"], /both are 0/],
  [["--max-lifetime", "long"], /--max-lifetime takes a time/],
  [["--max-life", "1"], /unknown option --max-life/],
  [["--oneshot=yes"], /takes no value/],
];
for (const [words, message] of WRONG) {
  Deno.test(`reap ${words.join(" ")} is wrong usage`, async () => {
    const error = await assertRejects(() => reapOf(...words), ConfigError);
    assertEquals(message.test(error.message) || error.message, true);
  });
}
