/**
 * The runtime's unstable features that apps can ask for.
 *
 * @module
 */

/** Name of a feature, as `deno.json` and Deno's flags have it. */
export type UnstableFeature = "kv" | "cron" | "net";

/** What apps get of the features. */
export interface UnstableRules {
  /** Those that they get. */
  readonly features: readonly UnstableFeature[];
  /**
   * The file that `Deno.openKv()` opens when it is given none; `""` if `kv` is not among the
   * features.
   */
  readonly kvPath: string;
}

/** All features. */
export const UNSTABLE_FEATURES: readonly UnstableFeature[] = Object.freeze(["kv", "cron", "net"]);

/** Nothing of the features. */
export const NOTHING_UNSTABLE: UnstableRules = Object.freeze({ features: [], kvPath: "" });

const runtime = Deno;

/** A member of `Deno` for each feature. */
const MEMBER: Readonly<Record<UnstableFeature, string>> = {
  kv: "openKv",
  cron: "cron",
  net: "connectQuic",
};

/** Whether the process has a feature. */
export function hasUnstable(feature: UnstableFeature): boolean {
  return MEMBER[feature] in runtime;
}
