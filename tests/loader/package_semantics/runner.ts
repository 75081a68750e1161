/** Runs the table of packages with Deno, and with gatehouse. */

import { assertEquals } from "../../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../../support/gateway.ts";
import { ask, LoaderLab } from "../../support/loader_lab.ts";
import { FakeRegistry } from "../../support/npm_registry.ts";
import type { PackageCase } from "./case.ts";
import { PACKAGE_TABLE } from "./table.ts";

/** Texts that differ with who loads the packages, and where they are kept. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  // With the package's name and version, where Deno keeps it.
  [/(?:file:\/\/)?\/[^\s"'`]*?\/npm\/[^/"']+\/((?:@[^/"']+\/)?[^/"']+)\/\d+\.\d+\.\d+/g, "{$1}"],
  // And where gatehouse does.
  [
    /(?:file:\/\/)?\/[^\s"'`]*?\/\.store\/[^/"']+\/node_modules\/((?:@[^/"']+\/)?[^/"'\s]+)/g,
    "{$1}",
  ],
];

const SUPPORT = `
export const failing = async (work) => {
  try {
    return { value: await work() };
  } catch (error) {
    return { name: error.name, code: error.code };
  }
};
`;

/** Runs all cases with Deno, and with gatehouse as `command` starts it, and compares. */
export function packageTests(
  name: string,
  command?: readonly string[],
  cases: readonly PackageCase[] = PACKAGE_TABLE,
  packagesOf: "cases" | "real" = "cases",
  permissions: readonly string[] = ["--app-allow-all"],
): void {
  Deno.test(`packages mean what they do with deno run (${name})`, async (test) => {
    const asked = command === undefined
      ? cases
      : cases.filter(({ exceptExecutable }) => exceptExecutable === undefined);
    await using registry = await FakeRegistry.start(
      Object.assign({}, ...cases.map(({ packages }) => packages)),
    );
    await using lab = new LoaderLab({
      ...packagesOf === "real" ? {} : { ".npmrc": `registry=${registry.url}\n` },
      "support.js": SUPPORT,
      "native.ts": mainOf(cases.filter(({ exceptDeno }) => exceptDeno === undefined), "native"),
      "app.ts": mainOf(asked, "app"),
      ...Object.fromEntries(
        cases.map(({ name, app }) => [
          `${slug(name)}.ts`,
          `import { failing } from "./support.js";\nvoid failing;\n${app}`,
        ]),
      ),
    });
    const [native, own] = await Promise.all([
      nativeAnswers(lab, packagesOf === "real" ? null : registry.url),
      ownAnswers(lab, command, packagesOf, permissions),
    ]);
    for (const each of asked) {
      await test.step(each.name, () => {
        const key = slug(each.name);
        const expected = each.answer ?? native[key];
        assertEquals(own[key], expected);
        assertEquals(`${own[key]}`.startsWith("FAILED: "), false, `${own[key]}`);
        if (each.exceptDeno === undefined) assertEquals(native[key], expected, "Deno itself");
      });
    }
  });
}

function slug(name: string): string {
  return name.toLowerCase().replace(/\W+/g, "-");
}

function mainOf(cases: readonly PackageCase[], kind: "native" | "app"): string {
  const lines = cases.map(({ name }) =>
    `  "${slug(name)}": await valueOf(() => import("./${slug(name)}.ts")),`
  );
  return `
const valueOf = async (load: () => Promise<{ default: unknown }>) => {
  try {
    const { default: value } = await load();
    return await (typeof value === "function" ? value() : value) ?? null;
  } catch (error) {
    return "FAILED: " + (error as Error).message;
  }
};
const answers = async () => ({
${lines.join("\n")}
});
${
    kind === "native"
      ? 'console.log("\\n" + JSON.stringify(await answers()));\nDeno.exit(0);\n'
      : "export default async () => Response.json(await answers());\n"
  }`;
}

/** What is the same wherever packages lie. */
function placeless(json: string): Record<string, unknown> {
  return JSON.parse(PLACES.reduce((text, [place, by]) => text.replace(place, by), json));
}

async function nativeAnswers(
  lab: LoaderLab,
  registry: string | null,
): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--no-config", "--quiet", lab.path("native.ts")],
    env: {
      NO_COLOR: "1",
      // Packages of the real registry are those that the user has.
      ...registry === null
        ? {}
        : { DENO_DIR: `${lab.folder}/.deno`, NPM_CONFIG_REGISTRY: registry },
    },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
  if (!said.startsWith("{")) throw new Error(new TextDecoder().decode(stderr));
  return placeless(said);
}

async function ownAnswers(
  lab: LoaderLab,
  command: readonly string[] | undefined,
  packagesOf: "cases" | "real",
  permissions: readonly string[],
): Promise<Record<string, unknown>> {
  // Those of the real registry come from the user's cache, as those of Deno do, and take their time at first.
  const env = packagesOf === "real" ? {} : { ...lab.env };
  if (packagesOf === "real") {
    const [program, ...first] = command ?? FROM_SOURCE;
    const { code, stderr } = await new Deno.Command(program, {
      args: [...first, "cache", lab.path("app.ts")],
      env: { NO_COLOR: "1" },
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  }
  const words = [lab.path("app.ts"), "--workers=1", ...permissions, "--drain-timeout=1"];
  await using gateway = await startGateway(
    command === undefined ? [...words, "--loader=own"] : words,
    { command, env },
  );
  const said = await ask(gateway);
  if (!said.startsWith("{")) throw new Error([said, ...gateway.log].join("\n"));
  return placeless(said);
}
