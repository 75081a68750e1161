/** The one table of cases. */

import type { Theme } from "./case.ts";
import { JSX } from "./jsx_cases.ts";
import { META } from "./meta_cases.ts";
import { TYPESCRIPT } from "./typescript_cases.ts";

/** All cases. */
export const TABLE: readonly Theme[] = [TYPESCRIPT, JSX, META];
