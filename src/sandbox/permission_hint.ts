/**
 * Which option would have permitted what an app was denied.
 *
 * @module
 */

/** How Deno says that a permission is missing. What it advises is for programs that it runs itself. */
const DENIAL =
  /Requires (\w+) access(?: to (?:"([^"\n]*)"|(?:the )?([^\s",]+)))?, (?:run again with the --allow-\w+ flag|specify the required permissions during compilation using `deno compile --allow-\w+`)/g;

/** `text` with gatehouse's own options in the place of Deno's, where it tells of a denial. */
export function withPermissionHints(text: string): string {
  return text.replace(DENIAL, (_, kind: string, quoted?: string, bare?: string) => {
    const value = quoted ?? bare;
    const option = `--app-allow-${kind}`;
    if (value === undefined || value === "") {
      return `Requires ${kind} access: permit it with ${option}`;
    }
    const shown = quoted === undefined ? value : `"${value}"`;
    return `Requires ${kind} access to ${shown}: permit it with ` +
      `${option}=${value.replaceAll(",", ",,")}`;
  });
}
