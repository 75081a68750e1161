/** Runs the table of cases on one of its legs. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import type { Theme } from "./case.ts";
import { launcherOf } from "./launcher.ts";
import type { Leg } from "./launcher.ts";
import { runAll } from "./runs.ts";
import type { Run } from "./runs.ts";
import { Site } from "./site.ts";
import type { PlacedCase } from "./site.ts";
import { TABLE } from "./table.ts";

const ROOT = new URL("../../../", import.meta.url);

/** Registers a test with a step for each theme of the table, and one within for each case. */
export function semanticsTests(leg: Leg): void {
  Deno.test(`modules mean what they do with deno run (${leg.name} loader)`, async (test) => {
    await using site = new Site(leg.name === "native" ? withImportsOfGatehouse : asItIs);
    const themes = TABLE.map((theme) => ({ ...theme, placed: placeCases(theme, leg, site) }));
    const cases = themes.map(({ placed }) => placed);
    const runs = await runAll(cases, await launcherOf(leg, site), site);
    for (const { name, placed } of themes) {
      await test.step(name, async (theme) => {
        for (const each of placed) {
          const title = `${each.semanticsCase.name} (${each.place})`;
          await theme.step(title, () => check(each, runs.get(each)!, leg));
        }
      });
    }
  });
}

function placeCases({ name, cases }: Theme, leg: Leg, site: Site): PlacedCase[] {
  return cases.flatMap((each, index) => {
    if (each.except?.[leg.name] !== undefined) return [];
    const places = each.place === undefined ? ["local", "remote"] as const : [each.place];
    const slug = name.toLowerCase().replace(/\W+/g, "-");
    return places.map((place) => site.place(each, place, `${slug}-${index}-${place}`));
  });
}

/** Import maps rule gatehouse's own modules, too, when Deno loads them. */
function withImportsOfGatehouse(path: string, text: string): string {
  if (!/(?:^|\/)(?:deno\.jsonc?|\w*map\.json)$/.test(path) || /"importMap"/.test(text)) return text;
  const { imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
  const scope = `${JSON.stringify(ROOT.href)}: ${JSON.stringify(imports)}`;
  return /"scopes"\s*:\s*\{/.test(text)
    ? text.replace(/"scopes"\s*:\s*\{/, (start) => `${start} ${scope},`)
    : text.replace("{", `{ "scopes": { ${scope} },`).replace(/,\s*\}$/, "}");
}

function asItIs(_path: string, text: string): string {
  return text;
}

function check({ semanticsCase, place, fill }: PlacedCase, { outcome, log }: Run, leg: Leg): void {
  const { answer, remoteAnswer, fails, failsOwn, logs, status } = semanticsCase;
  if (fails !== undefined) {
    if (outcome.kind === "answered") throw new Error("it should not have been started to serve");
    const said = outcome.kind === "ended" ? outcome.stderr : outcome.log;
    if (outcome.kind === "ended") {
      if (/^ready$/m.test(said)) throw new Error("it should not have been loaded");
      assertEquals(outcome.code, 1, said);
    }
    assertSays(said, fails, fill);
    if (leg.name !== "native") assertSays(said, failsOwn ?? [], fill);
    assertOneMessage(said, outcome.kind === "ended" ? "gatehouse: " : "error: ");
    return;
  }
  if (outcome.kind === "ended") throw new Error(outcome.stderr);
  if (outcome.kind === "refused") throw new Error(outcome.log);
  assertEquals(outcome.status, status ?? 200, `${outcome.text}\n${log.slice(-1_000)}`);
  const expected = place === "remote" && remoteAnswer !== undefined ? remoteAnswer : answer;
  if (expected !== undefined) {
    assertEquals(JSON.parse(outcome.text), JSON.parse(fill(JSON.stringify(expected))));
  }
  assertSays(log, logs ?? [], fill);
}

function assertSays(
  text: string,
  expectations: readonly (string | RegExp)[],
  fill: (text: string) => string,
): void {
  for (const expected of expectations) {
    if (typeof expected === "string") assertStringIncludes(text, fill(expected));
    else assertMatch(text, expected);
  }
}

/** Whoever reads it wants to know of the app, not of what is inside gatehouse or Deno. */
function assertOneMessage(text: string, beginning: string): void {
  // What is denied is told besides.
  const said = text.split("\n").filter((line) =>
    /^(?:gatehouse|error|warning): (?!denied to )/.test(line)
  );
  assertEquals(said.length, 1, text);
  assert(said[0].startsWith(beginning), text);
  for (const inside of [/\bext:/, /\/src\/(?:loader|worker|pool|cli)\//, /Uncaught/]) {
    assertEquals(inside.test(text), false, text);
  }
}
