/**
 * The imports in a script, such as CommonJS, found without a parser: most files that have the word have it in
 * comments and strings.
 *
 * @module
 */

import { TokenScanner } from "./token_scanner.ts";

/** Where the keyword of each `import()` in `code` begins; `null` if that is for a parser to say. */
export function scriptImports(code: string): readonly number[] | null {
  const scanner = new TokenScanner(code);
  return scanner.scan() ? scanner.dynamics : null;
}
