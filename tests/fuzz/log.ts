/** What is logged: it can be read, and does nothing else. */

import { forLog, inOneLine } from "../../src/base/log.ts";
import { withoutPasswords } from "../../src/base/passwords.ts";
import { assert, assertEquals } from "../support/assert.ts";
import type { Random } from "../support/random.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

const PARTS = [
  "error: it failed",
  "http://ann:secret@host/path?q",
  "https://token@host",
  "redis://:secret@[::1]:1/0",
  "at fetch (file:///a/b.js:1:2)",
  "\x1b[2J",
  "\n",
  "\r\n",
  "\n    at",
  "\t",
  "\u202e",
  "\x9b31m",
  "\u2028",
  "://",
  "@",
  "ready",
];

function make(random: Random): string {
  let text = "";
  for (let left = 1 + random.below(8); left > 0; left--) {
    text += random.pick(PARTS) + random.pick([" ", "", "\n"]);
  }
  return perhapsMutated(random, text, PARTS);
}

function check(input: string): void {
  const text = forLog(input);
  assert(!/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/u.test(text.replaceAll("\n", "")), text);
  for (const line of text.split("\n").slice(1)) {
    assert(line === "" || line.startsWith("    "), line);
  }
  // The URL standard leaves tabs and line ends out of a URL before it reads it.
  for (const [, authority] of withoutPasswords(input).matchAll(/:\/\/((?:[\t\r\n]|[^\s/?#])*@)/g)) {
    assert(authority.endsWith("***@"), authority);
  }
  assertEquals(inOneLine(input).includes("\n"), false);
}

/** Messages for the log. */
export const LOG: FuzzTarget = inputTarget({ name: "log", make, check });
