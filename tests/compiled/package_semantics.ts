import { packageTests } from "../loader/package_semantics/runner.ts";
import { REQUIRE } from "../loader/package_semantics/require_cases.ts";
import { WORKERS } from "../loader/package_semantics/worker_cases.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) {
  packageTests("executable", [executable]);
  // Where apps may not read everything, imports and CommonJS are locked.
  packageTests("executable, locked", [executable], [...REQUIRE, ...WORKERS], "cases", []);
}
