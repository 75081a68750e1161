/** The one table of cases. */

import type { Theme } from "./case.ts";
import { JSX } from "./jsx_cases.ts";
import { ERRORS } from "./errors_cases.ts";
import { MAPS } from "./maps_cases.ts";
import { TRACES } from "./traces_cases.ts";
import { META } from "./meta_cases.ts";
import { IMPORTS } from "./imports_cases.ts";
import { DYNAMIC } from "./dynamic_cases.ts";
import { TYPESCRIPT } from "./typescript_cases.ts";

/** All cases. */
export const TABLE: readonly Theme[] = [
  TYPESCRIPT,
  JSX,
  IMPORTS,
  DYNAMIC,
  META,
  MAPS,
  TRACES,
  ERRORS,
];
