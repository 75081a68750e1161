/**
 * The shells that there are completions for.
 *
 * @module
 */

import { bashCompletions } from "./bash.ts";
import { fishCompletions } from "./fish.ts";
import { zshCompletions } from "./zsh.ts";

/** What makes the completions of each. */
export const SHELLS: ReadonlyMap<string, () => string> = new Map([
  ["bash", bashCompletions],
  ["zsh", zshCompletions],
  ["fish", fishCompletions],
]);
