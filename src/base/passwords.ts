/**
 * Keeps passwords that stand in URLs from being told.
 *
 * @module
 */

const { max } = Math;

/** Tabs and line ends do not end it: the URL standard leaves them out wherever they are. */
const AUTHORITY_END = /[^\S\t\r\n]|[/?#]/g;

/**
 * `text` without the passwords of the URLs in it: `http://user:***@host/`. A name alone may be a
 * token, so it is left out, too.
 */
export function withoutPasswords(text: string): string {
  let shown = "";
  let done = 0;
  let end = 0;
  // What ends an authority may be within the next one's start.
  for (let at = text.indexOf("://"); at >= 0; at = text.indexOf("://", max(at + 3, end - 1))) {
    const start = at + 3;
    AUTHORITY_END.lastIndex = start;
    end = AUTHORITY_END.exec(text)?.index ?? text.length;
    const authority = text.slice(start, end);
    const sign = authority.lastIndexOf("@");
    if (sign < 0) continue;
    const colon = authority.indexOf(":");
    shown += text.slice(done, colon >= 0 && colon < sign ? start + colon + 1 : start) + "***";
    done = start + sign;
  }
  return shown + text.slice(done);
}
