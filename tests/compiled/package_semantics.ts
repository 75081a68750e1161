import { packageTests } from "../loader/package_semantics/runner.ts";
import { REQUIRE } from "../loader/package_semantics/require_cases.ts";
import { WORKERS } from "../loader/package_semantics/worker_cases.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) {
  packageTests("executable", [executable]);
  // Where apps may not read everything, imports and CommonJS are locked; what a module throws that is required
  // ends the worker then (docs/limits.md).
  const cases = [...REQUIRE, ...WORKERS].filter(({ app }) => !app.includes("throws"));
  packageTests("executable, locked", [executable], cases, "cases", []);
}
