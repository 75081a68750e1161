/** What is used of `semver`. */

export interface SemVer {
  readonly version: string;
  readonly prerelease: readonly (string | number)[];
}

interface Options {
  readonly loose?: boolean;
  readonly includePrerelease?: boolean;
}

export interface Semver {
  valid(version: string, options?: Options): string | null;
  validRange(range: string, options?: Options): string | null;
  satisfies(version: string, range: string, options?: Options): boolean;
  maxSatisfying(versions: readonly string[], range: string, options?: Options): string | null;
  minVersion(range: string, options?: Options): SemVer | null;
  compare(a: string, b: string, options?: Options): -1 | 0 | 1;
}
