/** What the imports of apps lead to, whatever runs them: static ones, and late ones of others beside them. */

import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { reloadOf, startGateway } from "../support/gateway.ts";
import { IMPORTING_APP } from "../support/loader_lab.ts";

/** A way to run gatehouse with its built-in loader. */
export interface ImportLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options. */
  readonly args: readonly string[];
}

const SECRET = "SECRET-OF-OTHERS";
const PATIENCE_MS = 30_000;

/** Sources of apps, and what they are refused with. */
const REFUSED: Readonly<Record<string, readonly [source: string, reason: string]>> = {
  "a static import of text": [
    'import text from "../other/secret.txt" with { type: "text" };\nexport default () => text;\n',
    "other/secret.txt would permit it",
  ],
  "a static import behind a link": [
    'import text from "./link/secret.txt" with { type: "text" };\nexport default () => text;\n',
    "behind a link to what the app may not read",
  ],
  "a static import of a pipe": [
    'import text from "./pipe" with { type: "text" };\nexport default () => text;\n',
    "it is not a regular file",
  ],
};

/** Registers the tests of one leg. */
export function importTests({ name, command, args }: ImportLeg): void {
  const test = (title: string, run: (folder: string) => Promise<void>) =>
    Deno.test(`${title} (${name})`, async () => {
      const folder = Deno.realPathSync(await Deno.makeTempDir());
      try {
        for (const part of ["app", "other", "busy"]) Deno.mkdirSync(`${folder}/${part}`);
        Deno.writeTextFileSync(`${folder}/other/secret.txt`, SECRET);
        Deno.writeTextFileSync(`${folder}/app/app.ts`, IMPORTING_APP);
        Deno.symlinkSync("../other", `${folder}/app/link`);
        new Deno.Command("mkfifo", { args: [`${folder}/app/pipe`] }).outputSync();
        await run(folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  const start = (folder: string, ...words: string[]) =>
    startGateway(["--workers=1", ...words, ...args], {
      command,
      env: { GATEHOUSE_CACHE: `${folder}/cache` },
    });
  const importing = async (url: string, m: string, type: string): Promise<string> => {
    const query = new URLSearchParams({ m, type });
    const response = await fetch(`${url}?${query}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return await response.text();
  };

  test("an app that imports statically what it may not read is not loaded", async (folder) => {
    await using gateway = await start(folder, `${folder}/app/app.ts`);
    for (const [what, [source, reason]] of Object.entries(REFUSED)) {
      Deno.writeTextFileSync(`${folder}/app/app.ts`, source);
      const said = await reloadOf(gateway);
      assertEquals(said.at(-1), "generation 1 goes on serving", what);
      const outcome = said.join("\n");
      assertStringIncludes(outcome, reason, what);
      assert(!outcome.includes(SECRET), outcome);
    }
    const [[source, reason]] = Object.values(REFUSED);
    Deno.writeTextFileSync(`${folder}/app/static.ts`, source);
    const outcome = await start(folder, `${folder}/app/static.ts`).then(
      async (gateway) => {
        await gateway[Symbol.asyncDispose]();
        return "it is loaded";
      },
      (error) => String(error),
    );
    assertStringIncludes(outcome, reason);
    assert(!outcome.includes(SECRET), outcome);
  });

  test("a late import obeys the permission, whether there is anything or not", async (folder) => {
    await using gateway = await start(folder, `${folder}/app/app.ts`);
    for (const place of ["../other", "./link", `file://${folder}/other`, "./%2e%2e/other"]) {
      const told = [];
      for (const file of ["secret", "nothing"]) {
        const text = await importing(gateway.url, `${place}/${file}.txt`, "text");
        assertStringIncludes(text, "--app-allow-read", place);
        told.push(text.replaceAll(file, "FILE"));
      }
      assertEquals(told[0], told[1]);
    }
    assertStringIncludes(
      await importing(gateway.url, "./pipe", "bytes"),
      "it is not a regular file",
    );
  });

  test("an app that keeps the loader busy holds up no other app's imports", async (folder) => {
    Deno.writeTextFileSync(`${folder}/busy/app.ts`, IMPORTING_APP);
    Deno.writeTextFileSync(`${folder}/busy/endless.ts`, "<".repeat(300_000));
    await using gateway = await start(
      folder,
      `--mount=/=${folder}/app/app.ts`,
      `--mount=/busy=${folder}/busy/app.ts`,
    );
    const aborter = new AbortController();
    const endless = fetch(`${gateway.url}/busy?m=./endless.ts`, { signal: aborter.signal })
      .catch(() => {});
    assertEquals(await importing(gateway.url, "data:text/plain,here", "text"), '"here"');
    gateway.kill("SIGHUP");
    await gateway.logged(/generation 2 serves/);
    aborter.abort();
    await endless;
  });
}
