/**
 * How files are named from a folder, whatever the machine.
 *
 * @module
 */

/** The way from a folder to a file or folder, both as `file:` URLs: `./a.ts`, `../b/`. */
export function relativeUrl(folder: string, url: string): string {
  const from = folder.split("/");
  const to = url.split("/");
  let shared = 0;
  while (shared < from.length - 1 && shared < to.length - 1 && from[shared] === to[shared]) {
    shared++;
  }
  const up = "../".repeat(from.length - 1 - shared);
  return `${up === "" ? "./" : up}${to.slice(shared).join("/")}`;
}
