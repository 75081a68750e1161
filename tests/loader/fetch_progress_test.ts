import { FetchProgress } from "../../src/loader/fetch/fetch_progress.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { ModuleServer } from "./module_server.ts";

const MODULES = 30;

/** Modules, each of which imports the next one. */
function pages(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: MODULES }, (_, i) => {
    const next = i + 1 < MODULES ? `import "./${i + 1}.js";\n` : "";
    return [`/${i}.js`, `${next}export default () => new Response("hello");\n`];
  }));
}

Deno.test("fetching: where there is no terminal, a few fetches are named, and all counted", () => {
  const log: string[] = [];
  const progress = new FetchProgress((level, message) => log.push(`${level} ${message}`));
  const named = (numbers: number[]) => numbers.map((i) => `info fetching https://x/${i}`);
  for (let i = 0; i < 8; i++) progress.onFetch(`https://x/${i}`, i);
  progress.end();
  assertEquals(log.splice(0), [...named([0, 1, 2, 3, 4]), "info fetched 8 modules and packages"]);
  for (let i = 0; i < 2; i++) progress.onFetch(`https://x/${i}`, i);
  progress.end();
  progress.end();
  assertEquals(log, named([0, 1]));
});

Deno.test("fetching: on a terminal there is one line, which is gone at the end", async () => {
  if (!await hasScript()) return;
  await using lab = new LoaderLab();
  await using server = new ModuleServer(pages());
  const cli = new URL("../../cli.ts", import.meta.url).pathname;
  const words = [Deno.execPath(), "run", "-A", "--no-check", cli, "cache", `${server.origin}/0.js`];
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", words.map((word) => `'${word}'`).join(" "), "/dev/null"],
    env: { GATEHOUSE_CACHE: lab.cache, NO_COLOR: "1", TERM: "xterm" },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const [before, after, ...more] = text.split(`${server.origin}/0.js: ${MODULES} modules`);
  assert(after !== undefined && more.length === 0, text);
  assertEquals(before.includes("\n"), false, JSON.stringify(before));
  assertStringIncludes(before, "\r\x1b[Kfetching 1 modules and packages (0.0 MB): ");
  assert(before.endsWith("\r\x1b[K"), JSON.stringify(before));
});

async function hasScript(): Promise<boolean> {
  try {
    await new Deno.Command("script", { args: ["--version"], stdout: "null" }).output();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
