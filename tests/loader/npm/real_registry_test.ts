/** Packages that people use, from the registry that they come from. */

import { pathToFileURL } from "node:url";
import { commonJsExportsIn } from "../../../src/loader/npm/granted_exports.ts";
import { DEFAULT_REGISTRY } from "../../../src/loader/npm/npmrc.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { TestCache } from "../../support/npm_installer.ts";

/** Specifiers, what they are, and some names that they export. */
const PACKAGES: readonly (readonly [specifier: string, format: string, exports: string])[] = [
  ["npm:hono@4", "module", ""],
  ["npm:hono@4/cors", "module", ""],
  ["npm:hono@4/jsx/jsx-runtime", "module", ""],
  ["npm:zod@3", "module", ""],
  ["npm:zod@4", "module", ""],
  ["npm:@hono/zod-validator@0.7", "module", ""],
  ["npm:koa@2", "module", ""],
  ["npm:express@4", "commonjs", "Router json static"],
  ["npm:express@5", "commonjs", "Router json static"],
  ["npm:lodash@4", "commonjs", ""],
  ["npm:lodash@4/map.js", "commonjs", ""],
  ["npm:uuid@11", "module", ""],
  ["npm:react@18", "commonjs", "createElement useState"],
  ["npm:react-dom@18/server", "commonjs", "renderToString"],
  ["npm:semver@7", "commonjs", "satisfies SemVer"],
];

const reason = await unreachable();
if (reason !== null) {
  console.error(
    `\n*** ${DEFAULT_REGISTRY} cannot be reached: ${reason}; its packages are NOT tested\n`,
  );
}

async function unreachable(): Promise<string | null> {
  try {
    const response = await fetch(`${DEFAULT_REGISTRY}hono/latest`, {
      signal: AbortSignal.timeout(10_000),
    });
    await response.body?.cancel();
    return response.ok ? null : `${response.status}`;
  } catch (error) {
    return String(error);
  }
}

Deno.test({
  name: "npm: packages of the real registry are what Deno says they are",
  ignore: reason !== null,
  fn: async () => {
    await using test = await TestCache.make();
    const specifiers = PACKAGES.map(([specifier]) => specifier);
    const set = await test.installer(DEFAULT_REGISTRY).install(specifiers);
    const native = await nativeNames(specifiers, test.cache.root);
    for (const [specifier, format, exports] of PACKAGES) {
      const file = set.resolve(specifier);
      assertEquals(file.format, format, specifier);
      assert(set.packageOf(file.path) !== null);
      if (format !== "commonjs") continue;
      const names = commonJsExportsIn(file.path, [set.root], 67_108_864);
      for (const each of exports.split(" ").filter(Boolean)) assert(names.includes(each), each);
      const missing = native[specifier].filter((each) => !names.includes(each));
      // Deno names these itself.
      const unknown = missing.filter((each) => !/^(?:default|module\.exports)$/.test(each));
      assertEquals(unknown, [], specifier);
    }
    // What each imports is there as well.
    const { path } = set.resolve("npm:express@5");
    assertMatch(set.resolveFrom("body-parser", path).path, /body-parser@2/);
    const again = await test.installer(DEFAULT_REGISTRY, {}, { cachePolicy: "only" })
      .install(specifiers);
    assertEquals(again.root, set.root);
  },
});

/** The names that the module at each specifier exports when Deno runs it. */
async function nativeNames(
  specifiers: readonly string[],
  folder: string,
): Promise<Record<string, string[]>> {
  const program = `${folder}/program.mjs`;
  await Deno.writeTextFile(
    program,
    `const found = {};
    for (const specifier of ${JSON.stringify(specifiers)}) {
      found[specifier] = Object.keys(await import(specifier));
    }
    console.log(JSON.stringify(found));`,
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--no-config", pathToFileURL(program).href],
    env: { NO_COLOR: "1", NPM_CONFIG_REGISTRY: DEFAULT_REGISTRY },
    cwd: folder,
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(text);
}
