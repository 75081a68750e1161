/**
 * Describes what apps throw, and what they return instead of a response. Either can be made to
 * throw when it is looked at: that costs its words, and nothing else.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import { withPermissionHints } from "../sandbox/permission_hint.ts";

const { Error, String, TypeError } = globalThis;
const indexOf = uncurried(String.prototype.indexOf);
const lastIndexOf = uncurried(String.prototype.lastIndexOf);
const startsWith = uncurried(String.prototype.startsWith);
const substring = uncurried(String.prototype.substring);
/** Where gatehouse's own modules are. */
const OWN_FOLDER = new URL("..", import.meta.url).href;
/** What they are called where the executable runs them from its cache of code. */
const OWN_SCRIPT = "gatehouse:gatehouse";
const WORKER_SCRIPT = "gatehouse:worker_main";

/** Longest stack trace in a message, in characters. */
const MAX_TEXT_LENGTH = 32_768;
/** Longest value in a message, in characters. */
const MAX_VALUE_LENGTH = 80;

/** The stack trace of what an app threw, or what it is. Never throws. */
export function textOfThrown(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return `uncaught ${describe(thrown)}`;
    const stack = start(String(thrown.stack ?? thrown), MAX_TEXT_LENGTH);
    return withPermissionHints(withoutCallers(stack));
  } catch {
    return "uncaught error, which throws another one when it is looked at";
  }
}

/**
 * A stack trace without gatehouse's and the runtime's own frames at its end: they do not help the
 * app's author. One that has no others stays as it is.
 */
function withoutCallers(stack: string): string {
  for (let end = stack.length; end > 0;) {
    const before = lastIndexOf(stack, "\n", end - 1);
    const line = substring(stack, before + 1, end);
    if (!startsWith(line, "    at ")) return stack;
    if (!isOwnFrame(line)) return substring(stack, 0, end);
    end = before;
  }
  return stack;
}

/**
 * What an import fails with. Its stack trace has no frames of gatehouse and of the runtime, unless there are no
 * others: what is wrong is the import.
 */
export function importError(message: string): TypeError {
  const error = new TypeError(message);
  const stack: unknown = error.stack;
  if (typeof stack === "string") error.stack = withoutOwnFrames(stack);
  return error;
}

function withoutOwnFrames(stack: string): string {
  let kept = "";
  let hasFrame = false;
  for (let from = 0; from < stack.length;) {
    const next = indexOf(stack, "\n", from);
    const end = next < 0 ? stack.length : next;
    const line = substring(stack, from, end);
    const isFrame = startsWith(line, "    at ");
    if (!isFrame || !isOwnFrame(line)) kept += from === 0 ? line : `\n${line}`;
    hasFrame ||= isFrame && !isOwnFrame(line);
    from = end + 1;
  }
  return hasFrame ? kept : stack;
}

function isOwnFrame(line: string): boolean {
  return indexOf(line, OWN_FOLDER) >= 0 || indexOf(line, "(ext:") >= 0 ||
    indexOf(line, "(node:") >= 0 || indexOf(line, OWN_SCRIPT) >= 0 ||
    indexOf(line, WORKER_SCRIPT) >= 0;
}

/** What a value is that should be another. Never throws. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  try {
    if (typeof value !== "object") {
      return `a ${typeof value} (${start(String(value), MAX_VALUE_LENGTH)})`;
    }
    const name: unknown = value.constructor?.name ?? "no prototype";
    return `an object (${start(String(name), MAX_VALUE_LENGTH)})`;
  } catch {
    return "an object that throws when it is looked at";
  }
}

function start(text: string, length: number): string {
  return substring(text, 0, length);
}
