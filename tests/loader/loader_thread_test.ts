/** Apps that keep the loader busy, and others beside them. */

import { LoadError } from "../../src/base/errors.ts";
import { checkExtent, tokensIn } from "../../src/loader/transform/code_extent.ts";
import { rewriteCommonJs } from "../../src/loader/transform/transform.ts";
import { LoaderThread } from "../../src/loader/thread.ts";
import { assertEquals, assertMatch, assertRejects, assertThrows } from "../support/assert.ts";
import { importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import { soon, test } from "../support/strict.ts";
import { ModuleServer } from "./module_server.ts";

const SERVICE = new URL("./endless_service.ts", import.meta.url);

/** TypeScript's parser takes time by the square of their number, and here many minutes. */
const ENDLESS = "<".repeat(300_000);
const ANSWER = "data:text/javascript,export default 42";

const PAIR = {
  "evil/app.ts": IMPORTING_APP,
  "evil/endless.ts": ENDLESS,
  "good/app.ts": IMPORTING_APP,
  "good/part.ts": "export default 'part';\n",
};
// Two groups: what they may do is not the same.
const MOUNTS = ["--mount=/evil=evil/app.ts", "--mount=/=good/app.ts"];

test("slow servers and endless imports hold up neither imports nor reloads of other apps", async () => {
  const release = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using server = new ModuleServer({
    "/slow.ts": async () => {
      asked.resolve();
      await release.promise;
      return new Response("export default 'slow';\n", {
        headers: { "content-type": "text/javascript" },
      });
    },
  });
  await using lab = new LoaderLab(PAIR);
  await using gateway = await lab.start(...MOUNTS, "--request-timeout=0", "--allow-import");
  const aborter = new AbortController();
  const evil = (specifier: string) =>
    fetch(`${gateway.url}/evil?${new URLSearchParams({ m: specifier })}`, {
      signal: aborter.signal,
    });

  // A server that sends nothing.
  const slow = evil(`${server.origin}/slow.ts`);
  await soon("the import", asked.promise);
  assertEquals(await importAt(gateway, ANSWER), 42);
  lab.write({ "good/app.ts": `// changed\n${IMPORTING_APP}` });
  gateway.kill("SIGHUP");
  await soon("the reload", gateway.logged(/generation 2 serves/));
  release.resolve();
  assertEquals(await (await slow).json(), "slow");

  // A module that takes the loader without end.
  const endless = evil("./endless.ts").catch(() => {});
  assertEquals(await importAt(gateway, ANSWER), 42);
  assertEquals(await importAt(gateway, "./part.ts"), "part");
  lab.write({ "good/app.ts": `// changed again\n${IMPORTING_APP}` });
  gateway.kill("SIGHUP");
  await soon("the next reload", gateway.logged(/generation 3 serves/));
  assertEquals(await importAt(gateway, ANSWER), 42);
  aborter.abort();
  await endless;
  gateway.kill("SIGKILL");
});

test("a thread that works at one module without end is given up, and what is asked of it fails", async () => {
  const cacheRoot = await Deno.makeTempDir();
  const endless = "https://example.com/endless.ts";
  const lines: string[] = [];
  const options = {
    cacheRoot,
    importMapUrl: undefined,
    reload: "none",
    cachePolicy: "only",
    allowImport: [],
    allowHttp: "loopback",
    lockFile: undefined,
    lockOrigin: "named",
    lockMode: "extend",
    env: {},
  } as const;
  const preparing = (root: string) => ({
    kind: "prepare",
    roots: [root],
    freshness: "cached",
    builtins: "native",
    files: [],
    late: [],
    inspection: "uninspected",
  } as const);
  const log = (_level: string, text: string) => lines.push(text);
  const gaveUp =
    /^cannot load https:\/\/example\.com\/endless\.ts: reading it took longer than 10 s$/;
  const ending = new LoadError("", "the end");
  await Promise.all((["again", "once"] as const).map(async (afterStall) => {
    const thread = new LoaderThread(options, log, afterStall, 10_000, SERVICE);
    assertEquals((await thread.ask(preparing(ANSWER))).kind, "prepared");
    const [error] = await Promise.all([
      assertRejects(() => thread.ask(preparing(endless)), LoadError),
      assertRejects(() => thread.ask(preparing(endless)), LoadError),
    ]);
    assertMatch(error.message, gaveUp);
    const next = thread.ask(preparing(ANSWER));
    if (afterStall === "again") assertEquals((await next).kind, "prepared");
    else assertMatch((await assertRejects(() => next, LoadError)).message, gaveUp);
    thread.end(ending);
  }));
  assertEquals(lines.length, 2);
  await Deno.remove(cacheRoot, { recursive: true });
});

Deno.test("code is too long by its words and signs, wherever these stand", () => {
  const counts: [text: string, tokens: number][] = [
    ["", 0],
    [" \n\t ", 0],
    ["a;", 2],
    ["$a_1 b", 2],
    ["a+=b", 4],
    ["'über'", 3],
    ["// one two", 4],
  ];
  for (const [text, tokens] of counts) assertEquals(tokensIn(text), tokens, text);
  const statements = (count: number) => "a;".repeat(count / 2);
  checkExtent("file:///a.js", statements(6_000_000), "javascript");
  checkExtent("file:///a.ts", statements(1_500_000), "typescript");
  // Length alone is no fault.
  checkExtent("file:///a.js", `"${"a".repeat(20_000_000)}"`, "javascript");
  const tooLong = [["javascript", 6_000_002], ["json", 6_000_002], ["typescript", 1_500_002], [
    "jsx",
    1_500_002,
  ]] as const;
  for (const [mediaType, count] of tooLong) {
    const { message } = assertThrows(
      () => checkExtent("file:///a", statements(count), mediaType),
      LoadError,
    );
    assertMatch(message, /^cannot load file:\/\/\/a: it is too long: /);
  }
});

Deno.test("a CommonJS module with too much code throws where it is required", () => {
  const long = `import("a");${"a;".repeat(3_000_000)}`;
  assertMatch(rewriteCommonJs(long), /^throw new SyntaxError\("it is too long"\);/);
  assertEquals(rewriteCommonJs("a;".repeat(3_000_001)), "a;".repeat(3_000_001));
});

test("a module with too much code fails its import, and the gateway goes on", async () => {
  await using lab = new LoaderLab({
    "app.ts": IMPORTING_APP,
    "huge.ts": "a;".repeat(800_000),
    "huge.json": `[${"[],".repeat(2_100_000)}0]`,
  });
  await using gateway = await lab.start("app.ts");
  assertMatch(String(await importAt(gateway, "./huge.ts")), /huge\.ts: it is too long: /);
  const json = String(await importAt(gateway, "./huge.json", "json"));
  assertMatch(json, /huge\.json: it is too long: /);
  assertEquals(await importAt(gateway, ANSWER), 42);
});
