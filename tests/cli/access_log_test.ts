/** The access log of the command, with several processes. */
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { eventually } from "../support/fastcgi.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { linesOf } from "../support/streams.ts";

const APP = new URL("../fixtures/observed.ts", import.meta.url).pathname;
const COUNT = 200;

async function linesIn(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).split("\n").filter((line) => line !== "");
}

/** Asks for `/?N`, each over a connection of its own, so that all processes get some. */
async function ask(port: number, first: number): Promise<void> {
  await Promise.all(Array.from({ length: COUNT }, async (_, i) => {
    using client = await RawClient.connect(port);
    await client.send(get(`/?${first + i}`));
    assertEquals((await client.receive()).status, 200);
  }));
}

function targetsIn(lines: readonly string[]): string[] {
  return lines.map((line) => JSON.parse(line).target).sort();
}

function asked(first: number): string[] {
  return Array.from({ length: COUNT }, (_, i) => `/?${first + i}`).sort();
}

Deno.test({
  name: "processes append to one log, open it again on SIGUSR1, and lose no line at their end",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/access.log`;
      await using gateway = await startGateway([
        ...[APP, "--processes=2", "--workers=1", "--access-log", path],
      ]);
      await ask(gateway.port, 1_000);
      await eventually(
        "all lines are written",
        async () => (await linesIn(path)).length === COUNT,
      );
      assertEquals(targetsIn(await linesIn(path)), asked(1_000));
      const processes = new Set((await linesIn(path)).map((line) => JSON.parse(line).process));
      assertEquals(processes.size, 2);
      await Deno.rename(path, `${path}.1`);
      gateway.kill("SIGUSR1");
      await eventually(
        "both have opened it again",
        () => Promise.resolve(gateway.log.filter((line) => /opened again/.test(line)).length === 2),
      );
      await ask(gateway.port, 2_000);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
      assertEquals(targetsIn(await linesIn(path)), asked(2_000));
      assertEquals((await linesIn(`${path}.1`)).length, COUNT);

      const [program, ...args] = FROM_SOURCE;
      const { stdout, code } = await new Deno.Command(program, {
        args: [...args, "log", "summarize", `${path}.1`, "--group-by=status", "--earliest=1h"],
        stderr: "inherit",
      }).output();
      assertEquals(code, 0);
      const [, line, all] = new TextDecoder().decode(stdout).split("\n");
      assertMatch(line, /^ *200 +[\d.]+ [mu]?s +[\d.]+ [mu]?s +[\d.]+ [mu]?s +2600 +200$/);
      assertMatch(all, / \(all\)$/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

for (const processes of [0, 2]) {
  Deno.test({
    name: `the log is on standard output, with --processes=${processes}`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const [program, ...first] = FROM_SOURCE;
      const args = [
        ...[APP, `--processes=${processes}`, `--workers=${processes / 2}`, "--http=127.0.0.1:0"],
        ...["--access-log=-", "--access-log-format=%s %{target}g"],
      ];
      const child = new Deno.Command(program, {
        args: [...first, ...args],
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const output = new Response(child.stdout).text();
      let log = "";
      const { promise: ready, resolve } = Promise.withResolvers<number>();
      const reading = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
        new WritableStream({
          write(text) {
            log += text;
            const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(log);
            if (port !== null) resolve(Number(port[1]));
          },
        }),
      );
      await ask(await ready, 3_000);
      child.kill("SIGTERM");
      assertEquals((await child.status).code, 0, log);
      await reading;
      const lines = (await output).split("\n").filter((line) => line !== "");
      assertEquals(lines.sort(), asked(3_000).map((target) => `200 ${target}`));
    },
  });
}

for (const processes of [0, 2]) {
  Deno.test({
    name: `nobody reads standard output, and SIGTERM ends it, with --processes=${processes}`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const [program, ...first] = FROM_SOURCE;
      const args = [
        ...[APP, `--processes=${processes}`, `--workers=${processes / 2}`, "--http=127.0.0.1:0"],
        ...["--access-log=-", "--access-log-format=%s %{user-agent}i"],
      ];
      const child = new Deno.Command(program, {
        args: [...first, ...args],
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      // One that does not end would keep the test from its end, too.
      const guard = setTimeout(() => child.kill("SIGKILL"), 60_000);
      try {
        const lines = linesOf(child.stderr)[Symbol.asyncIterator]();
        let port = 0;
        while (port === 0) {
          const { value = "" } = await lines.next();
          port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(value)?.[1] ?? 0);
        }
        using client = await RawClient.connect(port);
        // More than a pipe holds.
        for (let i = 0; i < 64; i++) {
          await client.send(get("/", `User-Agent: ${"x".repeat(6_000)}\r\n`));
          assertEquals((await client.receive()).status, 200);
        }
        child.kill("SIGTERM");
        const said: string[] = [];
        for await (const line of { [Symbol.asyncIterator]: () => lines }) said.push(line);
        assertEquals((await child.status).code, 0, said.join("\n"));
        assertMatch(said.join("\n"), /access log.* lost: nobody took them at the end/);
      } finally {
        clearTimeout(guard);
        await child.stdout.cancel();
      }
    },
  });
}

Deno.test("a log that cannot be opened is said at the start, and so is a format that is none", async () => {
  const [program, ...first] = FROM_SOURCE;
  for (
    const [args, message] of [
      [
        ["--access-log=/does/not/exist.log"],
        /the access log \/does\/not\/exist\.log cannot be opened/,
      ],
      [["--access-log=-", "--access-log-format=cmmon"], /did you mean common\?/],
    ] as const
  ) {
    const { code, stderr } = await new Deno.Command(program, {
      args: [...first, APP, "--http=127.0.0.1:0", ...args],
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 2);
    assert(message.test(new TextDecoder().decode(stderr)), new TextDecoder().decode(stderr));
  }
});
