/**
 * Files that `scripts/compile.ts` has put into the executable, and that are rarely needed.
 *
 * The runtime reads all of its own part of the executable at each start, and copies it: 7 ms for
 * each MB on a slow machine. So, where the format of executables allows it, these files are
 * attached before that part, where only readers that need them look:
 *
 *     the runtime | the files | index, in JSON | length of the index, mark | the runtime's own part
 *
 * The length is 4 bytes, least significant first; the last 8 bytes of all are the length of the last part.
 * Elsewhere they are among the files that the runtime carries.
 *
 * @module
 */

/** What stands at the end of what is attached. */
export const ATTACHMENT_MARK = "gatehouse+01";
/** Bytes of the mark and the length before it. */
export const ATTACHMENT_TAIL_BYTES = 16;
/** Bytes at the end of the executable that say where the runtime's own part begins, at their half. */
export const OWN_PART_TAIL_BYTES = 16;

/** Where attached files are: offset in the executable and length, by name. */
export type AttachmentIndex = Readonly<Record<string, readonly [at: number, length: number]>>;

/** The running executable, even if another file has since replaced it. */
const RUNNING = "/proc/self/exe";
/** The way to the files that the runtime carries; a checkout has none. */
const CARRIED = new URL("../lib/", import.meta.url);

/** What is attached to this executable, as soon as it is known. */
let index: AttachmentIndex | null | undefined;

/** The file that is called `name`; `null` if it is not in this program. */
export function embeddedFile(name: string): Uint8Array<ArrayBuffer> | null {
  if (!Deno.build.standalone) return null;
  return attachedFile(name) ?? carriedFile(name);
}

/** What the name of a script's code ends with. */
export const CODE_SUFFIX = ".code";

/** A script in bytes, which a thread that may not read them can be given. */
export interface ScriptBytes {
  /** Its text. */
  readonly source: Uint8Array<ArrayBuffer>;
  /** What V8 has made of it; `null` if it has not. */
  readonly code: Uint8Array<ArrayBuffer> | null;
}

/** The bytes of the script that is called `name`; `null` if it is not in this program. */
export function embeddedScriptBytes(name: string): ScriptBytes | null {
  const source = embeddedFile(name);
  return source === null ? null : { source, code: embeddedFile(name + CODE_SUFFIX) };
}

function attachedFile(name: string): Uint8Array<ArrayBuffer> | null {
  if (Deno.build.os !== "linux") return null;
  using file = Deno.openSync(RUNNING);
  if (index === undefined) index = readIndex(file);
  const place = index?.[name];
  return place === undefined ? null : readAt(file, ...place);
}

function carriedFile(name: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Deno.readFileSync(new URL(name, CARRIED));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What is attached to an executable; `null` if nothing is. */
export function readIndex(file: Deno.FsFile): AttachmentIndex | null {
  const end = attachmentEnd(file);
  if (end === null || end < ATTACHMENT_TAIL_BYTES) return null;
  const tail = readAt(file, end - ATTACHMENT_TAIL_BYTES, ATTACHMENT_TAIL_BYTES);
  if (new TextDecoder().decode(tail.subarray(4)) !== ATTACHMENT_MARK) return null;
  const length = new DataView(tail.buffer).getUint32(0, true);
  const index = readAt(file, end - ATTACHMENT_TAIL_BYTES - length, length);
  return JSON.parse(new TextDecoder().decode(index));
}

/** Where the runtime's own part begins, which what is attached is before; `null` if that is not clear. */
export function attachmentEnd(file: Deno.FsFile): number | null {
  const { size } = file.statSync();
  if (size < OWN_PART_TAIL_BYTES) return null;
  const tail = readAt(file, size - OWN_PART_TAIL_BYTES, OWN_PART_TAIL_BYTES);
  const length = new DataView(tail.buffer).getBigUint64(OWN_PART_TAIL_BYTES / 2, true);
  return length <= BigInt(size) ? size - Number(length) : null;
}

function readAt(file: Deno.FsFile, at: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(at, Deno.SeekMode.Start);
  for (let filled = 0; filled < length;) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) throw new Error("the executable is incomplete");
    filled += count;
  }
  return bytes;
}
