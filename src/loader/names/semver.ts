/**
 * What is used of `semver`, from the modules that have it: all of them take three times as long to load.
 *
 * @module
 */

// @ts-types="../../types/semver_function.d.ts"
import compare from "semver/functions/compare.js";
// @ts-types="../../types/semver_function.d.ts"
import satisfies from "semver/functions/satisfies.js";
// @ts-types="../../types/semver_function.d.ts"
import valid from "semver/functions/valid.js";
// @ts-types="../../types/semver_function.d.ts"
import maxSatisfying from "semver/ranges/max-satisfying.js";
// @ts-types="../../types/semver_function.d.ts"
import minVersion from "semver/ranges/min-version.js";
// @ts-types="../../types/semver_function.d.ts"
import validRange from "semver/ranges/valid.js";
import type { Semver } from "../../types/semver.d.ts";

/** Versions and ranges of npm packages. */
export const semver = {
  compare,
  satisfies,
  valid,
  maxSatisfying,
  minVersion,
  validRange,
} as Semver;
