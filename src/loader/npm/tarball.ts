/**
 * Unpacks what packages are distributed as: a tar archive, compressed by gzip. Where a file may be written is
 * decided here.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import { PRIVATE_FOLDER } from "../files/atomic_write.ts";
import type { TarFile } from "./tar_reader.ts";
import { TarFault, TarReader } from "./tar_reader.ts";

/** Limits for one package. */
export interface UnpackLimits {
  /** Sizes of all its files, in bytes, and of the archive that they are in. */
  readonly maxUnpackedBytes: number;
  /** Number of entries in the archive: files, folders, and what is left out. */
  readonly maxEntries: number;
}

/** Limits that no package in use is near to. */
export const DEFAULT_UNPACK_LIMITS: UnpackLimits = Object.freeze({
  maxUnpackedBytes: 1024 * 1024 * 1024,
  maxEntries: 100_000,
});

/** A file that was unpacked. */
export interface UnpackedFile {
  /** Path in the package, with slashes. */
  readonly path: string;
  /** Its size, in bytes. */
  readonly sizeBytes: number;
  /** Whether the word `import` may be in it: where it matters, it is, unless this says `"nothing"`. */
  readonly names: "import" | "nothing";
}

/** What is decompressed at once, which takes a fraction of the time that a stream takes, in bytes. */
const AT_ONCE_BYTES = 64 * 1024 * 1024;
/** The least room that is made for that. */
const MIN_CHUNK_BYTES = 16 * 1024;
/** Folders that a file may be in, and its name. */
const MAX_SEGMENTS = 64;

/** An archive is not as it should be. The message says why. */
export class TarballFault extends Error {
  /** Name of the class. */
  override name: string = "TarballFault";
}

/** An archive is beyond one of its limits. */
export class TarballLimitFault extends TarballFault {
  /** Name of the class. */
  override name = "TarballLimitFault";
  /** Which limit. */
  readonly limitName: keyof UnpackLimits;
  /** What it was: bytes, or a number of entries. */
  readonly limit: number;

  /** Says which limit it was. */
  constructor(message: string, limitName: keyof UnpackLimits, limit: number) {
    super(message);
    this.limitName = limitName;
    this.limit = limit;
  }
}

/**
 * Unpacks `bytes` into the folder `target`. The first part of each path is left out, as are links
 * and devices: packages have none, and npm leaves them out, too.
 *
 * @throws {TarballLimitFault} when the archive is beyond one of the `limits`
 * @throws {TarballFault} when the archive is broken, or wants to write elsewhere
 */
export async function unpackTarball(
  bytes: Uint8Array<ArrayBuffer>,
  target: string,
  limits: UnpackLimits = DEFAULT_UNPACK_LIMITS,
): Promise<UnpackedFile[]> {
  const writer = new FileWriter(target, limits.maxEntries);
  const reader = new TarReader((file) => writer.write(file), () => writer.countEntry());
  try {
    const whole = decompressedAtOnce(bytes, limits.maxUnpackedBytes);
    if (whole !== null) reader.push(whole);
    else for await (const part of decompressed(bytes, limits.maxUnpackedBytes)) reader.push(part);
    reader.end();
  } catch (error) {
    throw fault(error);
  }
  return writer.files();
}

/** How files are written that can be run. */
const PROGRAM = { mode: 0o700 } as const;
/** Names of what `require` may take for CommonJS. */
const MAY_BE_COMMON_JS = /\.c?js$|(?:^|\/)[^./]*$/;

/** The word that is looked for, as bytes. */
const WORD = new TextEncoder().encode("import");
/** How far behind a byte the word's last one may be next, for each byte; 0 for the last one itself. */
const SKIPS = new Uint8Array(256).fill(WORD.length);
for (const [index, byte] of WORD.entries()) SKIPS[byte] = WORD.length - 1 - index;

/** Whether the word `import` is in a file: by Horspool's search, in less time than a call of `Buffer` takes. */
function hasWord(bytes: Uint8Array): boolean {
  for (let at = WORD.length - 1; at < bytes.length;) {
    const skip = SKIPS[bytes[at]];
    if (skip > 0) {
      at += skip;
      continue;
    }
    let matching = 1;
    while (matching < WORD.length && bytes[at - matching] === WORD[WORD.length - 1 - matching]) {
      matching++;
    }
    if (matching === WORD.length) return true;
    at += WORD.length;
  }
  return false;
}

/** Writes the files of one package. */
class FileWriter {
  readonly #target: string;
  readonly #maxEntries: number;
  #entryCount = 0;
  readonly #files = new Map<string, UnpackedFile>();
  readonly #folders = new Set<string>();

  constructor(target: string, maxEntries: number) {
    this.#target = target;
    this.#maxEntries = maxEntries;
  }

  /** Counts what comes next. One of a path that was there before is work, too. */
  countEntry(): void {
    if (++this.#entryCount <= this.#maxEntries) return;
    const message = `it holds more than ${this.#maxEntries} entries`;
    throw new TarballLimitFault(message, "maxEntries", this.#maxEntries);
  }

  /** Writes a file at once: to hand thousands of small ones to other threads takes longer. */
  write({ name, mode, content }: TarFile): void {
    const path = safePath(name);
    if (path === null) return;
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (!this.#folders.has(folder)) {
      Deno.mkdirSync(`${this.#target}/${folder}`, PRIVATE_FOLDER);
      this.#folders.add(folder);
    }
    // The folder is private: a mode for each file would take a call of its own.
    const isProgram = (mode & 0o111) !== 0;
    Deno.writeFileSync(`${this.#target}/${path}`, content, isProgram ? PROGRAM : {});
    const names = MAY_BE_COMMON_JS.test(path) && !hasWord(content) ? "nothing" : "import";
    this.#files.set(path, { path, sizeBytes: content.length, names });
  }

  files(): UnpackedFile[] {
    return [...this.#files.values()];
  }
}

/** What needs no closer look: a folder that is left out, and up to eight names that do not begin with a dot. */
const PLAIN_NAME = /^[\w@-][\w@.+-]*(?:\/[\w@+-][\w@.+-]*){1,8}$/;

/** The path in the package that an entry's name means; `null` if it means none. */
function safePath(name: string): string | null {
  if (PLAIN_NAME.test(name)) return name.slice(name.indexOf("/") + 1);
  const [first, ...rest] = name.split("/");
  const segments = rest.filter((segment) => segment !== "" && segment !== ".");
  const isUnsafe = first === "" || first === ".." || /^[a-z]:/i.test(name) ||
    segments.some((segment) => segment === ".." || /[\\\0]/.test(segment));
  if (isUnsafe) {
    throw new TarballFault(`it holds ${JSON.stringify(name)}, a path outside of its folder`);
  }
  if (segments.length > MAX_SEGMENTS) {
    throw new TarballFault(`it holds a file in more than ${MAX_SEGMENTS - 1} folders`);
  }
  return segments.length === 0 ? null : segments.join("/");
}

/** All that is in an archive; `null` if that is too much to have at once, or it is damaged. */
function decompressedAtOnce(bytes: Uint8Array<ArrayBuffer>, maxBytes: number): Uint8Array | null {
  const maxOutputLength = Math.min(maxBytes, AT_ONCE_BYTES);
  try {
    // Room for all of it: else it comes in a great many pieces, which are put together again.
    const chunkSize = Math.min(saidLength(bytes) + 1, maxOutputLength);
    return gunzipSync(bytes, { maxOutputLength, chunkSize: Math.max(chunkSize, MIN_CHUNK_BYTES) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // What is wrong is found out by the other way.
    return null;
  }
}

/** How long it is unpacked, as the end of it says (RFC 1952, 2.3.1), in bytes. */
function saidLength(bytes: Uint8Array<ArrayBuffer>): number {
  if (bytes.length < 4) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
}

function decompressed(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from([bytes])
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(byteLimit(maxBytes));
}

function byteLimit(maxBytes: number): TransformStream<Uint8Array<ArrayBuffer>> {
  let length = 0;
  return new TransformStream({
    transform(chunk, controller) {
      length += chunk.length;
      if (length > maxBytes) {
        const message = `it unpacks to more than ${maxBytes} bytes`;
        throw new TarballLimitFault(message, "maxUnpackedBytes", maxBytes);
      }
      controller.enqueue(chunk);
    },
  });
}

/** Errors of the archive have no class of their own; those of the file system have a code. */
function fault(error: unknown): unknown {
  if (error instanceof TarballFault || !(error instanceof Error)) return error;
  if (typeof (error as { code?: unknown }).code === "string") {
    // A file where another entry needs a folder, or a name that is too long.
    const { code } = error as unknown as { code: string };
    return /^(?:ENOTDIR|EEXIST|EISDIR|ENAMETOOLONG)$/.test(code)
      ? new TarballFault(`its files do not fit together (${code})`, { cause: error })
      : error;
  }
  if (error instanceof TarFault && error.message.startsWith("it ends")) {
    return new TarballFault(error.message, { cause: error });
  }
  const reason = error.message.replace(/\.$/, "");
  return new TarballFault(`the archive is damaged (${reason})`, { cause: error });
}
