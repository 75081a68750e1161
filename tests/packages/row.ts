/** What a row of the tables of packages says. */

/**
 * A package of the registry, by its specifier with version, and what a small app makes of it: an expression in
 * which `d` is the default export, `m` stands for all exports, and the names in `others` for those of other
 * packages.
 */
export type PackageRow = readonly [
  specifier: string,
  expression: string,
  others?: Readonly<Record<string, string>>,
];
