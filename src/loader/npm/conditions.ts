/**
 * Conditions of `exports` and `imports` of packages, as the runtime has them: what packages mean is what they
 * mean to it.
 *
 * @module
 */

const { Number } = globalThis;

/** First version of Deno that knows `module-sync`, for imports and `require` alike. */
const FIRST_WITH_MODULE_SYNC = [2, 8, 2];

/** The condition `module-sync`, if the runtime knows it; else each way loads its own. */
export const MODULE_SYNC: readonly string[] = isSince(Deno.version.deno, FIRST_WITH_MODULE_SYNC)
  ? ["module-sync"]
  : [];

/** Conditions for imports: Deno's, found by experiment. */
export const IMPORT_CONDITIONS: ReadonlySet<string> = new Set([
  "deno",
  "node",
  "import",
  ...MODULE_SYNC,
]);

/** Conditions for `require`. */
export const REQUIRE_CONDITIONS: ReadonlySet<string> = new Set(["node", "require", ...MODULE_SYNC]);

function isSince(version: string, first: readonly number[]): boolean {
  const parts = version.split("-", 1)[0].split(".").map(Number);
  const different = first.findIndex((part, index) => parts[index] !== part);
  return different < 0 || parts[different] > first[different];
}
