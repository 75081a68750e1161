/**
 * Compares what packages of the real registry do with Deno's own answer: `deno task test:packages`, with the
 * names of tables for some of them alone (`deno task test:packages -- utilities`). With
 * `GATEHOUSE_TEST_EXECUTABLE`, the path of an executable, that is asked, too.
 */

import type { PackageCase } from "../loader/package_semantics/case.ts";
import { packageTests } from "../loader/package_semantics/runner.ts";
import { importsOf, OLDER_RUNTIME, TABLES } from "./tables.ts";

const executable = Deno.env.get("GATEHOUSE_TEST_EXECUTABLE");
const chosen = Deno.args.filter((name) => name in TABLES);

for (const [name, table] of Object.entries(TABLES)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const cases = table.map((row): PackageCase => ({
    name: row[0],
    packages: {},
    exceptExecutable: OLDER_RUNTIME[row[0]],
    app: [
      "// @ts-nocheck",
      importsOf(row),
      "const d = m.default;",
      "void d;",
      `export default async () => (${row[1]});`,
      "",
    ].join("\n"),
  }));
  packageTests(`real registry, ${name}`, undefined, cases, "real");
  if (executable) {
    packageTests(`real registry, ${name}, executable`, [executable], cases, "real");
  }
}
