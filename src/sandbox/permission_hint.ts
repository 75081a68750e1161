/**
 * Which option would have permitted what an app was denied.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";

const exec = uncurried(RegExp.prototype.exec);

/** How Deno says that a permission is missing. What it advises is for programs that it runs itself. */
const DENIAL =
  /Requires (\w+) access(?: to (?:"([^"\n]*)"|(?:the )?([^\s",]+)))?, (?:run again with the --allow-\w+ flag|specify the required permissions during compilation using `deno compile --allow-\w+`)/g;

/** The same, if it is the first that a message says. */
const DENIED = new RegExp(DENIAL.source);

/** `text` with gatehouse's own options in the place of Deno's, if it reports a denial. */
export function withPermissionHints(text: string): string {
  return text.replace(
    DENIAL,
    (_, kind: string, quoted?: string, bare?: string) => `Requires ${hint(kind, quoted, bare)}`,
  );
}

/** What was denied, and the option that permits it, if `message` tells of that; else `null`. */
export function denialIn(message: string): string | null {
  const match = exec(DENIED, message);
  return match === null ? null : hint(match[1], match[2], match[3]);
}

function hint(kind: string, quoted?: string, bare?: string): string {
  const value = quoted ?? bare;
  const option = `--app-allow-${kind}`;
  if (value === undefined || value === "") return `${kind} access: permit it with ${option}`;
  if (value === "<TMP>") {
    return `${kind} access to the folder for temporary files: permit it with ${option}=\${TMPDIR:-/tmp}`;
  }
  const shown = quoted === undefined ? value : `"${value}"`;
  return `${kind} access to ${shown}: permit it with ${option}=${value.replaceAll(",", ",,")}`;
}
