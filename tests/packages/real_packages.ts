/**
 * Compares what packages of the real registry do with Deno's own answer: `deno task test:packages`. With
 * `GATEHOUSE_TEST_EXECUTABLE`, the path of an executable, that is asked, too.
 */

import type { PackageCase } from "../loader/package_semantics/case.ts";
import { packageTests } from "../loader/package_semantics/runner.ts";
import { PACKAGES } from "./table.ts";

/** What Deno itself does otherwise in the version that the executable is made of (2.6). */
const OLDER_RUNTIME: Readonly<Record<string, string>> = {
  "fastify@5.6.1": "answers of inject() are empty",
};

const cases = PACKAGES.map(([specifier, expression]): PackageCase => ({
  name: specifier,
  packages: {},
  exceptExecutable: OLDER_RUNTIME[specifier],
  app: `// @ts-nocheck\nimport * as m from "npm:${specifier}";\nconst d = m.default;\nvoid d;\n` +
    `export default async () => (${expression});\n`,
}));
const executable = Deno.env.get("GATEHOUSE_TEST_EXECUTABLE");

packageTests("real registry", undefined, cases, "real");
if (executable) packageTests("real registry, executable", [executable], cases, "real");
