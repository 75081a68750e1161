/**
 * Compares what packages of the real registry do with Deno's own answer: `deno task test:packages`, with the
 * names of tables for some of them alone (`deno task test:packages -- utilities`). With
 * `GATEHOUSE_TEST_EXECUTABLE`, the path of an executable, that is asked, too.
 */

import type { PackageCase } from "../loader/package_semantics/case.ts";
import { packageTests } from "../loader/package_semantics/runner.ts";
import type { PackageRow } from "./row.ts";
import { COMMON } from "./tables/common.ts";
import { DATABASES } from "./tables/databases.ts";
import { DATES } from "./tables/dates.ts";
import { FILES } from "./tables/files.ts";
import { MARKUP } from "./tables/markup.ts";
import { OBSERVABILITY } from "./tables/observability.ts";
import { PROTOCOLS } from "./tables/protocols.ts";
import { RENDERING } from "./tables/rendering.ts";
import { SERVERS } from "./tables/servers.ts";
import { SERVICES } from "./tables/services.ts";
import { TEMPLATES } from "./tables/templates.ts";
import { TOOLS } from "./tables/tools.ts";
import { UTILITIES } from "./tables/utilities.ts";
import { VALIDATION } from "./tables/validation.ts";

const TABLES: Readonly<Record<string, readonly PackageRow[]>> = {
  common: COMMON,
  servers: SERVERS,
  validation: VALIDATION,
  rendering: RENDERING,
  databases: DATABASES,
  dates: DATES,
  utilities: UTILITIES,
  tools: TOOLS,
  templates: TEMPLATES,
  services: SERVICES,
  protocols: PROTOCOLS,
  observability: OBSERVABILITY,
  markup: MARKUP,
  files: FILES,
};

/** What Deno itself does otherwise in the version that the executable is made of (2.6). */
const OLDER_RUNTIME: Readonly<Record<string, string>> = {
  "fastify@5.6.1": "answers of inject() are empty",
  "@hapi/hapi@21.4.10": "inject() fails",
  "undici@8.13.1": "markAsUncloneable() is missing",
  "got@16.1.0": "getDefaultResultOrder() of node:dns is missing",
};

const executable = Deno.env.get("GATEHOUSE_TEST_EXECUTABLE");
const chosen = Deno.args.filter((name) => name in TABLES);

for (const [name, table] of Object.entries(TABLES)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const cases = table.map(([specifier, expression, others = {}]): PackageCase => ({
    name: specifier,
    packages: {},
    exceptExecutable: OLDER_RUNTIME[specifier],
    app: [
      "// @ts-nocheck",
      ...Object.entries(others).map(([name, other]) => `import * as ${name} from "npm:${other}";`),
      `import * as m from "npm:${specifier}";`,
      "const d = m.default;",
      "void d;",
      `export default async () => (${expression});`,
      "",
    ].join("\n"),
  }));
  packageTests(`real registry, ${name}`, undefined, cases, "real");
  if (executable) {
    packageTests(`real registry, ${name}, executable`, [executable], cases, "real");
  }
}
