import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { inFolder } from "../support/processes.ts";
import { printedBy } from "../support/own_process.ts";
import { liveStateIn } from "../support/live_state.ts";
import {
  environmentOf,
  restoreVariables,
  takeSurroundings,
  withoutVariables,
} from "../../src/base/surroundings.ts";

const SRC = new URL("../../src/", import.meta.url);

/** Modules that look at what is live, and why. */
const EXCEPTIONS: Readonly<Record<string, readonly RegExp[]>> = {
  // Takes the copy.
  "base/surroundings.ts": [/Deno\.(?:args|execPath|mainModule|env|cwd)$/],
  // Make clients that are told which way to go.
  "loader/fetch/http_clients.ts": [/Deno\.createHttpClient\(\)$/],
  "cli/trust.ts": [/Deno\.createHttpClient\(\)$/],
  // Asks an authority of the user's choice, over the user's proxies.
  "cli/acme.ts": [/Deno\.createHttpClient\(\)$/],
  // Asks it for listeners.
  // `data:` and `blob:` need no network.
  "loader/fetch/local_source.ts": [/fetch\(\) without a client$/],
  // Gives apps their own environment.
  "worker/app_forms.ts": [/env of Deno$/],
  // Puts its own in the place of `Deno.serve()`.
  "worker/serving/deno_serve.ts": [/Deno as a value$/],
  // Puts its own in the place of `Deno.upgradeWebSocket()`.
  "worker/websocket/upgrade.ts": [/Deno as a value$/],
  // Puts the app in the place of the main module.
  "worker/console_tags.ts": [/all of node:process$/],
  "worker/main_module.ts": [/Deno as a value$/, /process\.argv$/],
  // The text that an app makes a thread of is where the app is.
  "worker/common_js.ts": [/resolve\(\) with one path$/],
  // Looks for the symbol by which it lets certificates be chosen.
  "net/tls_listener.ts": [/Deno as a value$/],
  // Asks which members it has.
  "base/unstable_features.ts": [/Deno as a value$/],
  // Puts timers that are objects in the place of numbers.
  "worker/node_timers.ts": [/Deno as a value$/],
  "worker/app_thread.ts": [/fetch\(\) without a client$/],
};
/** What runs beside apps keeps these from them. */
const GUARDS = /^(?:sandbox\/|worker\/\w*(?:guard|lockdown)\w*\.ts$)/;

async function modulesIn(folder: URL, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) {
      names.push(...await modulesIn(new URL(`${name}/`, folder), `${prefix}${name}/`));
    } else if (/(?<!\.d)\.ts$/.test(name)) names.push(prefix + name);
  }
  return names;
}

Deno.test("no module but one looks at what apps can change for the whole process", async () => {
  const faults: string[] = [];
  const modules = await modulesIn(SRC);
  assert(modules.length > 100);
  for (const name of modules) {
    if (GUARDS.test(name)) continue;
    const excepted = EXCEPTIONS[name] ?? [];
    for (const fault of liveStateIn(await Deno.readTextFile(new URL(name, SRC)))) {
      if (!excepted.some((pattern) => pattern.test(fault))) faults.push(`src/${name}:${fault}`);
    }
  }
  assertEquals(faults, []);
});

for (
  const [code, ...expected] of [
    ["Deno.env.get('A')", "1: Deno.env"],
    ["const { env: e, pid } = Deno;", "1: env of Deno"],
    ["const { ...all } = Deno;", "1: all of Deno"],
    ["globalThis.Deno.cwd()", "1: Deno.cwd"],
    ["const d = Deno;", "1: Deno as a value"],
    ["f(Deno)", "1: Deno as a value"],
    ["Deno['env']", "1: Deno as a value"],
    ["\n\nconsole.log(Deno.args, Deno.execPath())", "3: Deno.args", "3: Deno.execPath"],
    ["process.env.A", "1: process.env"],
    ["globalThis.process.cwd()", "1: process.cwd"],
    ["import { env } from 'node:process';", "1: env of node:process"],
    ["import { env as kill } from 'node:process';", "1: env of node:process"],
    ["import process from 'node:process';", "1: all of node:process"],
    ["import * as p from 'process';", "1: all of node:process"],
    ["import { kill } from 'node:process';"],
    ["import { tmpdir } from 'node:os';", "1: node:os"],
    ["import { resolve as r } from 'node:path'; r(a);", "1: resolve() with one path"],
    ["import { resolve } from 'node:path'; resolve(a, b);"],
    ["import * as path from 'node:path';", "1: all of node:path"],
    ["Deno.readTextFileSync('a.txt')", "1: Deno.readTextFileSync() with a relative path"],
    ["await Deno.open(`./${a}`)", "1: Deno.open() with a relative path"],
    ["Deno.open('/etc/a'); Deno.open(`/proc/${a}`); Deno.open(path)"],
    ["Deno.makeTempDirSync({ prefix: 'a' })", "1: Deno.makeTempDirSync() without a folder"],
    ["Deno.makeTempFile()", "1: Deno.makeTempFile() without a folder"],
    ["Deno.makeTempFile({ dir })"],
    ["new Deno.Command(p, { cwd, env })", "1: new Deno.Command() without clearEnv"],
    ["new Deno.Command(p, { cwd, env, clearEnv: true })"],
    ["fetch(url)", "1: fetch() without a client"],
    ["fetch(url, { client })"],
    ["Deno.createHttpClient({})", "1: Deno.createHttpClient()"],
    ["const a: Deno.Env = b; type C = typeof Deno.env; let process: number;"],
    ["Deno.pid; Deno.build.os; process._kill; x.process; ({ process: 1 })"],
  ]
) {
  Deno.test(`what is live is found in ${JSON.stringify(code)}`, () => {
    assertEquals(liveStateIn(code), expected);
  });
}

Deno.test("the copy stays as it is, whatever becomes of the process", async () => {
  const printed = await printedBy(new URL("copy_process.ts", import.meta.url), "a", "--b");
  const temporary = Deno.env.get("TMPDIR") || "/tmp";
  assertEquals(JSON.parse(printed), [["a", "--b"], Deno.cwd(), "before", temporary]);
});

Deno.test("nothing can be put into the copy", () => {
  const surroundings = takeSurroundings();
  assertThrows(() => Object.assign(surroundings.env, { HOME: "/" }), TypeError);
  assertThrows(() => Object.assign(surroundings.args, ["a"]), TypeError);
  assertThrows(() => Object.assign(surroundings, { cwd: "/" }), TypeError);
  const { env } = withoutVariables(surroundings, ["PATH"]);
  assertEquals(environmentOf(env).get("PATH"), undefined);
});

Deno.test("the library begins relative paths where its program was when it called", () =>
  inFolder({}, async (folder) => {
    assertEquals(
      await printedBy(new URL("library_process.ts", import.meta.url), folder),
      "here\n\ntrue",
    );
  }));

Deno.test("variables are asked for by name: what objects have of themselves is none", () => {
  const env = environmentOf({ A: "1" });
  assertEquals([env.get("A"), env.get("a"), env.get("constructor"), env.get("__proto__")], [
    "1",
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("what is made sees the variables of the copy, those that are missing there included", () => {
  const [one, other] = ["A", "B"].map((letter) => `GATEHOUSE_TEST_${letter}_${Deno.pid}`);
  Deno.env.set(one, "changed");
  Deno.env.set(other, "new");
  try {
    const seen = restoreVariables(environmentOf({ [one]: "1" }), [one, other], () => ({
      values: [Deno.env.get(one), Deno.env.get(other)],
    }), () => {});
    assertEquals(seen.values, ["1", undefined]);
  } finally {
    Deno.env.delete(one);
    Deno.env.delete(other);
  }
});

Deno.test("what is made while somebody sets a variable again is made again", () => {
  const name = `GATEHOUSE_TEST_C_${Deno.pid}`;
  let made = 0;
  let closed = 0;
  const kept = restoreVariables(environmentOf({}), [name], () => {
    if (++made < 3) Deno.env.set(name, "evil");
    return { number: made };
  }, () => closed++);
  assertEquals([kept.number, closed, Deno.env.get(name)], [3, 2, undefined]);
});
