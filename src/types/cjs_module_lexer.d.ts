/** What is used of `cjs-module-lexer`. */

export function initSync(): void;
export function parse(
  source: string,
  name?: string,
): { readonly exports: readonly string[]; readonly reexports: readonly string[] };
