/** The access log: batches, what is lost under pressure, and files that are moved away. */
import { AccessLog } from "../../src/logs/access_log.ts";
import type { LineSink } from "../../src/logs/access_log.ts";
import { FileSink } from "../../src/logs/sinks.ts";
import { parseLogFormat } from "../../src/logs/format.ts";
import { RequestRecord } from "../../src/observe/request_record.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "../support/assert.ts";

const FORMAT = parseLogFormat("%s %{mount}g", "--access-log-format");

/** A sink that takes a batch when it is told to. */
class SlowSink implements LineSink {
  readonly batches: string[] = [];
  isClosed = false;
  #release: ((error?: Error) => void)[] = [];

  write(bytes: Uint8Array): Promise<void> {
    this.batches.push(new TextDecoder().decode(bytes));
    return new Promise((resolve, reject) => {
      this.#release.push((error) => error === undefined ? resolve() : reject(error));
    });
  }

  /** Ends the writes that are under way. */
  async release(error?: Error): Promise<void> {
    for (const each of this.#release.splice(0)) each(error);
    await new Promise((resolve) => setTimeout(resolve));
  }

  reopen(): void {}

  close(): void {
    this.isClosed = true;
  }
}

function recordOf(mount: string, status = 200): RequestRecord {
  return Object.assign(new RequestRecord(), { status, mount });
}

/** Ends a log, whose writes all go well from now on. */
async function closed(log: AccessLog, sink: SlowSink): Promise<void> {
  let isOver = false;
  const closing = log.close().then(() => isOver = true);
  while (!isOver) await sink.release();
  await closing;
}

Deno.test("lines are written in batches, in their order, and all of them at the end", async () => {
  const sink = new SlowSink();
  const log = new AccessLog(sink, "x", FORMAT, () => {});
  log.onEnd(recordOf("/a"));
  log.onEnd(recordOf("/b"));
  assertEquals(sink.batches, [], "nothing is written before others could have come");
  const closing = closed(log, sink);
  await closing;
  assertEquals(sink.batches, ["200 /a\n200 /b\n"]);
  assertEquals(sink.isClosed, true);
});

Deno.test("nobody waits for a file that takes nothing: what is too much is dropped, and said", async () => {
  const sink = new SlowSink();
  const lines: string[] = [];
  const log = new AccessLog(
    sink,
    "x.log",
    FORMAT,
    (level, line) => lines.push(`${level}: ${line}`),
  );
  const mount = `/${"m".repeat(4_000)}`;
  const count = 3_000;
  for (let i = 0; i < count; i++) log.onEnd(recordOf(mount));
  assertEquals(sink.batches.length, 1, "one write at a time");
  assertMatch(
    lines[0],
    /^warning: access log x\.log: 1 line is lost/,
    "said while it takes nothing",
  );
  await closed(log, sink);
  const written = sink.batches.join("").split("\n").length - 1;
  assert(written > 1_000 && written < count, String(written));
  assert(sink.batches.join("").split("\n").every((line) => line === "" || line === `200 ${mount}`));
  const lost = lines.map((line) => Number(/: (\d+) lines? /.exec(line)![1]));
  assertEquals(lost.reduce((sum, each) => sum + each, 0), count - written);
  assertMatch(lines[1], /^warning: access log x\.log: \d+ lines are lost: they cannot be written/);
});

Deno.test("lines that a full disk does not take are lost, and said; the next ones are written", async () => {
  const sink = new SlowSink();
  const lines: string[] = [];
  const log = new AccessLog(sink, "x.log", FORMAT, (_, line) => lines.push(line));
  const mount = `/${"m".repeat(140_000)}`;
  log.onEnd(recordOf(mount));
  await sink.release(new Error("no space left"));
  assertEquals(lines, ["access log x.log: 1 line is lost: no space left"]);
  log.onEnd(recordOf("/b"));
  await closed(log, sink);
  assertEquals(sink.batches.at(-1), "200 /b\n");
});

Deno.test("a log ends although nobody takes its lines, and says how many are lost", async () => {
  const sink = new SlowSink();
  const lines: string[] = [];
  const log = new AccessLog(sink, "x.log", FORMAT, (_, line) => lines.push(line));
  log.onEnd(recordOf(`/${"m".repeat(140_000)}`));
  log.onEnd(recordOf("/b"));
  log.onEnd(recordOf("/c"));
  await log.close();
  assertEquals(lines, ["access log x.log: 3 lines are lost: nobody took them at the end"]);
  assertEquals([sink.batches.length, sink.isClosed], [1, true]);
  await sink.release(new Error("nobody reads it"));
  assertEquals([sink.batches.length, lines.length], [1, 1], "nothing is written after the end");
});

Deno.test("several processes append whole lines to a file, which can be moved away", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/access.log`;
    const said: string[] = [];
    const logs = ["/a", "/b"].map((mount) => {
      const log = new AccessLog(
        new FileSink(path, (_, line) => said.push(line)),
        path,
        FORMAT,
        () => {},
      );
      return { mount, log };
    });
    for (let i = 0; i < 20_000; i++) for (const { mount, log } of logs) log.onEnd(recordOf(mount));
    await Deno.rename(path, `${path}.1`);
    for (const { mount, log } of logs) {
      log.reopen();
      log.onEnd(recordOf(mount, 404));
      await log.close();
    }
    const before = await Deno.readTextFile(`${path}.1`);
    const after = await Deno.readTextFile(path);
    const all = (before + after).split("\n").filter((line) => line !== "");
    assertEquals(all.length, 40_002);
    assert(all.every((line) => /^(?:200|404) \/[ab]$/.test(line)));
    assertEquals(after.split("\n").filter((line) => line.startsWith("404")).length, 2);
    assertEquals(said, [
      `access log ${path} was opened again`,
      `access log ${path} was opened again`,
    ]);
    assertEquals(
      (await Deno.stat(path)).mode! & 0o777 & ~0o640,
      0,
      "it is not for everybody to read",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file that cannot be opened again stays, and one that never could be is refused", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/logs/access.log`;
    assertThrows(() => new FileSink(path, () => {}), ConfigError, "cannot be opened");
    await Deno.mkdir(`${folder}/logs`);
    const said: string[] = [];
    const sink = new FileSink(path, (_, line) => said.push(line));
    await Deno.rename(`${folder}/logs`, `${folder}/moved`);
    sink.reopen();
    await sink.write(new TextEncoder().encode("a\n"));
    sink.close();
    assertEquals(await Deno.readTextFile(`${folder}/moved/access.log`), "a\n");
    assertMatch(said.join(), /^access log .* stays as it is: /);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "a pipe is refused, which would block who opens it until somebody reads it",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/access.log`;
      const said: string[] = [];
      const sink = new FileSink(path, (_, line) => said.push(line));
      await Deno.rename(path, `${path}.1`);
      const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
      assert(success);
      // Somebody has it open, so that a test which fails does not last forever.
      using _held = await Deno.open(path, { read: true, write: true });
      sink.reopen();
      await sink.write(new TextEncoder().encode("a\n"));
      sink.close();
      assertEquals(await Deno.readTextFile(`${path}.1`), "a\n");
      assertMatch(said.join(), /^access log .* stays as it is: it is a pipe/);
      assertThrows(() => new FileSink(path, () => {}), ConfigError, "it is a pipe; write -");
      new FileSink("/dev/null", () => {}).close();
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
