import type { PackageCase } from "./case.ts";
import { FILES } from "./files_cases.ts";

/** All cases. */
export const PACKAGE_TABLE: readonly PackageCase[] = [...FILES];
