/**
 * Where `.npmrc` files are.
 *
 * @module
 */

import { join } from "node:path";
import type { Environment } from "../../base/surroundings.ts";

/** Paths of the `.npmrc` of the project in `projectDir` (`null` for none) and that of the user, if any. */
export function npmrcPaths(projectDir: string | null, env: Environment): string[] {
  const home = env.get("HOME") || env.get("USERPROFILE");
  const userFile = env.get("NPM_CONFIG_USERCONFIG") || (home ? join(home, ".npmrc") : null);
  return [projectDir === null ? null : join(projectDir, ".npmrc"), userFile]
    .filter((path) => path !== null);
}
