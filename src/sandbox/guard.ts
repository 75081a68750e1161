/**
 * The sandbox of a thread that runs apps, beyond what Deno's permissions are.
 *
 * @module
 */

import { hideAbsences } from "./absences.ts";
import { guardDescriptors, guardTerminals } from "./descriptors.ts";
import { guardFatalCalls } from "./fatal_calls.ts";
import { isGranted } from "./granted.ts";
import { guardProcess } from "./process_guard.ts";
import { countOpens } from "./open_counts.ts";
import { guardPorts } from "./ports.ts";
import type { SandboxRules } from "./rules.ts";
import { divideSharedState } from "./shared_state.ts";
import type { NoteWork } from "./unstable.ts";
import { limitUnstable } from "./unstable.ts";
import type { ThreadMaker } from "./threads.ts";
import { guardThreads, replaceThreads } from "./threads.ts";

/**
 * Guards everybody else against the apps of the current thread, before they are loaded. Threads of
 * `node:worker_threads` are what `threads` makes, if anything. `noteWork` is called for jobs that
 * run.
 */
export function guardThread(
  rules: SandboxRules,
  threads: ThreadMaker | null = null,
  noteWork?: NoteWork,
): void {
  guardProcess();
  limitUnstable(rules, noteWork);
  hideAbsences();
  countOpens(rules);
  // Who may do everything can reach all of it in other ways, and may need it.
  if (rules.trust === "full") {
    if (threads !== null) replaceThreads(threads);
    return;
  }
  divideSharedState(rules);
  guardPorts(rules);
  guardDescriptors();
  guardThreads(threads);
  guardFatalCalls();
  if (isGranted("read")) guardTerminals();
}
