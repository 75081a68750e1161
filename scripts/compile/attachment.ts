/**
 * Attaches files to an executable, as `src/base/embedded_files.ts` reads them.
 *
 * @module
 */

import type { AttachmentIndex } from "../../src/base/embedded_files.ts";
import { ATTACHMENT_MARK, attachmentEnd } from "../../src/base/embedded_files.ts";

/** How the runtime's own part begins. */
const OWN_PART_BEGIN = "d3n0l4nd";

/**
 * Attaches `files`, by name, to the executable at `path`, which `deno compile` has just made; `false` if it
 * is of a form that this does not know.
 */
export async function attach(
  path: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<boolean> {
  const end = endIn(path);
  if (end === null) return false;
  const executable = await Deno.readFile(path);
  const begin = executable.subarray(end, end + OWN_PART_BEGIN.length);
  if (new TextDecoder().decode(begin) !== OWN_PART_BEGIN) return false;
  const { mode } = await Deno.stat(path);
  const parts = [executable.subarray(0, end), ...attachment(files, end), executable.subarray(end)];
  const temporary = `${path}.attached`;
  {
    using file = await Deno.open(temporary, {
      write: true,
      create: true,
      truncate: true,
      mode: mode ?? 0o755,
    });
    for (const part of parts) await writeAll(file, part);
  }
  await Deno.rename(temporary, path);
  return true;
}

function endIn(path: string): number | null {
  using file = Deno.openSync(path);
  return attachmentEnd(file);
}

/** The parts of what is attached at the offset `start`. */
function attachment(files: ReadonlyMap<string, Uint8Array>, start: number): Uint8Array[] {
  const index: Record<string, AttachmentIndex[string]> = {};
  let at = start;
  for (const [name, { length }] of files) {
    index[name] = [at, length];
    at += length;
  }
  const text = new TextEncoder().encode(JSON.stringify(index));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return [...files.values(), text, length, new TextEncoder().encode(ATTACHMENT_MARK)];
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
