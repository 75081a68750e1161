/**
 * Which local files the modules of an app may be made of, and how these are read: wherever an import
 * comes from, it obeys the app's permission to read.
 *
 * @module
 */

import { dirname, parse, sep } from "node:path";
import { LoadError } from "../../base/errors.ts";
import { filePath, liesIn } from "../../base/paths.ts";
import { explained, FileFault, RegularFile } from "./regular_file.ts";

/**
 * Files that may be read: `"any"`, `"ordinary"` for all but those in which the system shows itself, or
 * those with these paths and below them.
 */
export type FileGrant = "any" | "ordinary" | readonly string[];

/** Where the system shows itself in files. Deno, too, opens them to those alone that may do everything. */
const SYSTEM_FOLDERS = Deno.build.os === "windows" ? [] : ["/proc", "/sys", "/dev"];

/**
 * What apps may be made of that may read `granted`: each lies where it was named, and, if that is a
 * link, where it leads.
 */
export function withOwnFolders(granted: FileGrant, appUrls: readonly string[]): FileGrant {
  if (typeof granted === "string") return granted;
  const folders = appUrls.filter(isLocal).flatMap((url) => {
    const path = filePath(url);
    const real = realPathOf(path);
    return real === null ? [dirname(path)] : [dirname(path), dirname(real)];
  });
  return [...granted, ...folders];
}

/**
 * What apps that may read `granted` may import at run time: the same, unless some come from
 * elsewhere, which must not read the folders of the others.
 */
export function grantedLate(granted: FileGrant, appUrls: readonly string[]): FileGrant {
  return appUrls.every(isLocal) ? withOwnFolders(granted, appUrls) : granted;
}

/**
 * Refuses the file at `url` by its path alone: what is not to be read is not looked at either.
 *
 * @throws {LoadError} when `granted` has not got it
 */
export function checkFile(url: string, granted: FileGrant): void {
  if (granted === "any") return;
  const path = pathOf(url);
  if (path === null) throw new LoadError(url, `cannot load ${url}: it is not the path of a file`);
  if (isGranted(path, granted)) return;
  throw new LoadError(
    url,
    `cannot load ${url}: the app may not read it; --app-allow-read=${path} would permit it`,
  );
}

/** Whether `path`, at which there need not be anything, is granted, and so is where it leads. */
export function staysWithin(path: string, granted: FileGrant): boolean {
  return isGranted(path, granted) && !leadsElsewhere(path, granted, realGrant(granted));
}

/**
 * What is in the file at `path`.
 *
 * @throws {FileFault} when it cannot be read, or is not in `granted`
 */
export function readGranted(
  path: string,
  granted: FileGrant,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  using file = openGranted(path, granted);
  return file.read(maxBytes);
}

/**
 * Opens the file at `path`. Where it leads is checked before it is opened; apps that may not read it do not
 * learn whether it exists.
 *
 * @throws {FileFault} when it cannot be opened, or is not in `granted`
 */
export function openGranted(path: string, granted: FileGrant): RegularFile {
  if (granted === "any") return RegularFile.open(path);
  if (!isGranted(path, granted)) {
    throw new FileFault(
      "it is among what the app may not read; permit it with --app-allow-read and its path",
      "forbidden",
    );
  }
  let real: string;
  try {
    real = explained(() => Deno.realPathSync(path));
  } catch (error) {
    const isOut = error instanceof FileFault && leadsElsewhere(path, granted, realGrant(granted));
    throw isOut ? leadsOut() : error;
  }
  // What lies in a granted place without any link needs no look at where these lead.
  if (!isGranted(real, granted) && !isGranted(real, realGrant(granted))) throw leadsOut();
  const file = RegularFile.open(real);
  try {
    // Somebody may have put another thing into its place, or on the way to it.
    const isSame = explained(() => Deno.realPathSync(path)) === real && file.isAt(real);
    if (!isSame) throw new FileFault("it was replaced while it was being opened");
    return file;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/**
 * The path of a `file:` URL; `null` for a URL that cannot name a file, as with an encoded slash.
 */
export function pathOf(url: string): string | null {
  try {
    return filePath(url);
  } catch (error) {
    if (error instanceof TypeError || error instanceof URIError) return null;
    throw error;
  }
}

function isLocal(url: string): boolean {
  return url.startsWith("file:");
}

function leadsOut(): FileFault {
  return new FileFault(
    "it is behind a link to what the app may not read; permit it with --app-allow-read and the " +
      "path that the link leads to",
    "forbidden",
  );
}

function isGranted(path: string, granted: FileGrant): boolean {
  if (granted === "any") return true;
  const isOrdinary = !SYSTEM_FOLDERS.some((folder) => liesIn(path, folder));
  if (granted === "ordinary") return isOrdinary;
  return granted.some((place) =>
    liesIn(path, place) &&
    (isOrdinary || SYSTEM_FOLDERS.some((folder) => liesIn(place, folder)))
  );
}

/** The same places by where their paths lead, if they are there. */
function realGrant(granted: FileGrant): FileGrant {
  return typeof granted === "string" ? granted : granted.map((path) => realPathOf(path) ?? path);
}

/**
 * Whether something on the way to `path`, which leads nowhere, leads out of what is granted: such a link
 * answers the same, whatever is behind it.
 */
function leadsElsewhere(path: string, granted: FileGrant, allowed: FileGrant): boolean {
  const at = deepestThere(path);
  if (!isGranted(at, granted)) return false;
  const real = realPathOf(at);
  return real === null || !isGranted(real, allowed);
}

/**
 * The longest beginning of `path` at which there is something. It is looked for by halves: each look takes as
 * long as its path is, and clients can make long ones.
 */
function deepestThere(path: string): string {
  const ends = [path.length];
  for (let end = path.lastIndexOf(sep); end > 0; end = path.lastIndexOf(sep, end - 1)) {
    ends.push(end);
  }
  // From the longest to the shortest, the first of them are not there.
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isThere(path.slice(0, ends[middle]))) high = middle;
    else low = middle + 1;
  }
  return low < ends.length ? path.slice(0, ends[low]) : parse(path).root;
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

function realPathOf(path: string): string | null {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
