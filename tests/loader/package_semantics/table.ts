import type { PackageCase } from "./case.ts";
import { FILES } from "./files_cases.ts";
import { GLOBALS } from "./globals_cases.ts";
import { REQUIRE } from "./require_cases.ts";
import { WORKERS } from "./worker_cases.ts";
import { RESOLVE } from "./resolve_cases.ts";

/** All cases. */
export const PACKAGE_TABLE: readonly PackageCase[] = [
  ...FILES,
  ...RESOLVE,
  ...REQUIRE,
  ...GLOBALS,
  ...WORKERS,
];
