/**
 * Benches that are no tables of ratios: they print what they find, and pass or fail.
 *
 * @module
 */

/** A bench that passes or fails. */
export interface Check {
  readonly name: string;
  readonly script: string;
  /** What makes it short. */
  readonly args: readonly string[];
  /** Whether all that it prints is a result, or the last line. */
  readonly result: "all" | "last line";
}

/** The checks. */
export const checks: readonly Check[] = [
  {
    name: "hostile",
    script: "./hostile.ts",
    args: ["--seconds", "1", "--only", "pipelines"],
    result: "all",
  },
  {
    name: "reload",
    script: "./reload.ts",
    args: ["--reloads", "10", "--loader", "own"],
    result: "all",
  },
  {
    name: "soak",
    script: "./soak.ts",
    args: ["--requests", "20000", "--reloads", "4", "--deaths", "2"],
    result: "all",
  },
  { name: "scaling", script: "./scaling.ts", args: ["http:"], result: "last line" },
];
