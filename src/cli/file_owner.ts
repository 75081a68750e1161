/**
 * Gives files to other users. Deno follows links where it does so, and before 2.9 has no way not to.
 *
 * @module
 */

import { openLibc } from "../net/libc.ts";

const SYMBOLS = {
  lchown: { parameters: ["buffer", "u32", "u32"], result: "i32" },
} as const;
const LINUX_SYMBOLS = {
  close: { parameters: ["i32"], result: "i32" },
  fchownat: { parameters: ["i32", "buffer", "u32", "u32", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
} as const;

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0o100000 : 0o400000;
const AT_EMPTY_PATH = 0x1000;

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

/**
 * Makes the socket at `path` the user's and the group's with these numbers. What is there must be a socket
 * of this process's user with no other name, since others may have exchanged it. On Linux, what is
 * looked at is what is given away; elsewhere, it could be exchanged between the two. Returns whether it
 * was so, and the system did it.
 */
export function giveSocketFile(path: string, uid: number, gid: number): boolean {
  if (Deno.build.os !== "linux") {
    return isOwnSocket(Deno.lstatSync(path)) && giveFile(path, uid, gid);
  }
  const libc = openLibc(LINUX_SYMBOLS);
  if (libc === null) return false;
  const { close, fchownat, open } = libc.symbols;
  try {
    const fd = open(new TextEncoder().encode(`${path}\0`), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    try {
      return isOwnSocket(Deno.statSync(`/proc/self/fd/${fd}`)) &&
        fchownat(fd, new Uint8Array(1), uid, gid, AT_EMPTY_PATH) === 0;
    } finally {
      close(fd);
    }
  } finally {
    libc.close();
  }
}

function isOwnSocket({ isSocket, nlink, uid }: Deno.FileInfo): boolean {
  return isSocket === true && nlink === 1 && uid === Deno.uid();
}
