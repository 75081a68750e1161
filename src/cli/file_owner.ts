/**
 * Gives files to other users. Deno follows links where it does so, and before 2.9 has no way not to.
 *
 * @module
 */

import { openLibc } from "../net/libc.ts";

const SYMBOLS = {
  lchown: { parameters: ["buffer", "u32", "u32"], result: "i32" },
} as const;

/**
 * Makes what is at `path` the user's and the group's with these numbers. Of a link, it is the link
 * itself, since others may have put it there. Returns whether the system did so.
 */
export function giveFile(path: string, uid: number, gid: number): boolean {
  const libc = openLibc(SYMBOLS);
  if (libc === null) return false;
  try {
    return libc.symbols.lchown(new TextEncoder().encode(`${path}\0`), uid, gid) === 0;
  } finally {
    libc.close();
  }
}
