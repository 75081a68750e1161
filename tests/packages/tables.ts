/** The tables of packages. */

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

/** All tables, by name. */
export const TABLES: Readonly<Record<string, readonly PackageRow[]>> = {
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
export const OLDER_RUNTIME: Readonly<Record<string, string>> = {
  "fastify@5.6.1": "answers of inject() are empty",
  "@hapi/hapi@21.4.10": "inject() fails",
  "undici@8.13.1": "markAsUncloneable() is missing",
  "got@16.1.0": "getDefaultResultOrder() of node:dns is missing",
};

/** What an app imports to have a package as `m`, after the others that its row names. */
export function importsOf([specifier, , others = {}]: PackageRow): string {
  return [
    ...Object.entries(others).map(([name, other]) => `import * as ${name} from "npm:${other}";`),
    `import * as m from "npm:${specifier}";`,
  ].join("\n");
}
