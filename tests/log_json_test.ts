import { jsonLine } from "../src/base/log_line.ts";
import { logSettings } from "../src/base/log.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { freePort } from "./support/peers.ts";

const NOW = new Date(0);
/** What a terminal, or a reader of lines, might obey. */
const DISTURBING = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u;
const CLI = new URL("../cli.ts", import.meta.url).pathname;
const APP = new URL("./fixtures/printing.ts", import.meta.url).pathname;

Deno.test("a line of JSON is one line and one object, whatever its text has", () => {
  const texts = [
    "",
    'a"b\\c',
    "a\nb\r\nc\0\x1b[2J\x7f\x85\x9b",
    '"},{"level":"error"',
    "\u2028\u2029\u202e\u2066\ufeff\u061c",
    "\ud800 alone",
    "größer 日本語 🎉",
  ];
  for (const text of texts) {
    const line = jsonLine("info", text, { worker: text, requestId: "r", source: "app" }, NOW);
    assert(!DISTURBING.test(line), line);
    assertEquals(JSON.parse(line), {
      time: "1970-01-01T00:00:00.000Z",
      level: "info",
      message: text,
      worker: text,
      requestId: "r",
      source: "app",
    });
  }
});

Deno.test("a line of JSON tells no password, and has an end", () => {
  const { message } = JSON.parse(jsonLine("error", "cannot load http://ann:sesame@h/x"));
  assertEquals(message, "cannot load http://ann:***@h/x");
  const long = jsonLine("error", "\0".repeat(1_000_000));
  assert(long.length < 65_536, `${long.length}`);
  assertEquals(JSON.parse(long).message.length, 8_192 + " (991808 characters left out)".length + 1);
});

Deno.test("what apps have done to the platform does not get into a line of JSON", () => {
  const { toJSON } = Object.prototype as { toJSON?: unknown };
  Object.assign(Object.prototype, { toJSON: () => ({ forged: true }) });
  try {
    assertEquals(Object.keys(JSON.parse(jsonLine("info", "x", {}, NOW))), [
      "time",
      "level",
      "message",
    ]);
  } finally {
    if (toJSON === undefined) delete (Object.prototype as { toJSON?: unknown }).toJSON;
  }
});

Deno.test("a program that uses the library has its log as text", () => {
  assertEquals(logSettings(), { level: "info", format: "text" });
});

/** Serves the app with these options, asks for each path, and returns what was printed, line by line. */
async function printed(args: readonly string[], paths: readonly string[]) {
  const port = freePort();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--unstable-net",
      "--unstable-worker-options",
      "--no-check",
      "--no-lock",
      CLI,
      APP,
      `--http=127.0.0.1:${port}`,
      ...args,
    ],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const outputs = [new Response(child.stdout).text(), new Response(child.stderr).text()];
  const ids: string[] = [];
  for (const path of paths) {
    for (let attempt = 0;; attempt++) {
      try {
        ids.push(await (await fetch(`http://127.0.0.1:${port}${path}`)).text());
        break;
      } catch (error) {
        if (attempt === 400) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
  child.kill("SIGTERM");
  const { code } = await child.status;
  const lines = (await Promise.all(outputs)).map((text) => text.split("\n").slice(0, -1));
  return { code, ids, stdout: lines[0], stderr: lines[1] };
}

interface Line {
  readonly level: string;
  readonly message: string;
  readonly worker?: string;
  readonly requestId?: string;
  readonly source?: string;
  readonly process?: number;
}

for (const args of [["--workers=1"], ["--workers=0"], ["--workers=1", "--processes=1"]]) {
  Deno.test(`as JSON, all of the log is lines that say whose they are (${args.join(" ")})`, async () => {
    const { code, ids, stdout, stderr } = await printed(
      ["--log-format=json", ...args],
      ["/print", "/forge", "/throw"],
    );
    assertEquals(code, 0);
    const lines: Line[] = [...stdout, ...stderr].map((line) => JSON.parse(line));
    const own = lines.filter(({ source }) => source === undefined);
    assert(own.some(({ message }) => message === "ready"));
    const failed = own.filter(({ level }) => level === "error");
    assertEquals(failed.length, 1);
    assert(/GET .*\/throw failed: Error: boom/.test(failed[0].message), failed[0].message);
    assert(failed[0].requestId !== undefined);
    // What the app has printed is its own, and what it has written as well.
    const said = lines.filter(({ source }) => source === "app");
    const [first, second] = ["hello\nworld 1", "later"].map((text) =>
      said.find(({ message }) => message === text)!
    );
    const worker = args[0] === "--workers=0" ? undefined : "worker 1";
    for (const line of [first, second]) {
      assertEquals([line.requestId, line.worker], [ids[0], worker]);
    }
    assertEquals([first.level, second.level], ["info", "warning"]);
    const forged = said.filter(({ message }) => message.includes("forged"));
    assertEquals(forged.length, 4);
    for (const line of forged) assertEquals(line.requestId, ids[1]);
    if (args.length === 2) { for (const line of said) assertEquals(line.process, 1); }
  });
}

Deno.test("as text, what apps print can say of which worker and request it is, and the log can be short", async () => {
  const { ids, stdout, stderr } = await printed(
    ["--workers=1", "--tag-console", "--log-level=warning"],
    ["/print"],
  );
  assertEquals(stdout, [`worker 1 [${ids[0]}]: hello`, "    world 1"]);
  assertEquals(stderr, [`worker 1 [${ids[0]}]: later`]);
});
