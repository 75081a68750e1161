/**
 * What a case about packages is. What packages mean is what they mean with `deno run`: all cases of the
 * table are run by Deno itself, too, and have to come to the same.
 */

import type { FakePackages } from "../../support/npm_registry.ts";

/** A case: packages, and an app's module that uses them. */
export interface PackageCase {
  /** What holds, as a sentence. */
  readonly name: string;
  /** The packages; their names tell them from those of other cases. */
  readonly packages: FakePackages;
  /**
   * Text of a module in TypeScript whose default export is a value, a promise of one, or a function that
   * makes one, fit for JSON. `failing(() => …)` says what it throws, or its promise is rejected with.
   */
  readonly app: string;
  /** The value, where it is not Deno's to say. */
  readonly answer?: unknown;
  /** Why Deno itself is not asked. */
  readonly exceptDeno?: string;
  /** Why the executable is not asked, whose runtime is older. */
  readonly exceptExecutable?: string;
}
