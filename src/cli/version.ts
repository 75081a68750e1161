/**
 * The text of `--version`.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };

/** Versions of gatehouse and of what it runs on. */
export function versionText(): string {
  return `gatehouse ${manifest.version} (Deno ${Deno.version.deno}, V8 ${Deno.version.v8})`;
}
