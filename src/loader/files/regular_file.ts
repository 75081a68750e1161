/**
 * Files as they are read here: regular ones alone, of bearable size, and without waiting. A path
 * can lead to a pipe or a device, which block their reader or never end, and to something else from
 * one moment to the next.
 *
 * @module
 */

import type { Stats } from "node:fs";
import { inTime } from "../../base/deadline.ts";
import { runtimeModule } from "../../base/runtime_modules.ts";
import { inWords } from "../../base/sizes.ts";
import { fileSystemReason } from "./atomic_write.ts";

/** How long a file may take to be opened where that can wait, in milliseconds. */
const OPEN_TIMEOUT_MS = 10_000;

/** Loaded by the first file that is opened at once: it takes long, and a start from the cache needs none. */
function nodeFs(): typeof import("node:fs") {
  return runtimeModule("node:fs");
}

type FaultKind = "missing" | "folder" | "forbidden" | "exhausted" | "unfit";

/** A file cannot be read. The message says why, as a clause, and leaves it to the catcher to say which. */
export class FileFault extends Error {
  /** Name of the class. */
  override name = "FileFault";
  /**
   * Whether there is no such file, or a folder in its place, or it may not be read, or nothing more can be
   * opened, or something else will not do.
   */
  readonly kind: FaultKind;

  /** Makes a fault with the reason as its message. */
  constructor(reason: string, kind: FaultKind = "unfit", options?: ErrorOptions) {
    super(reason, options);
    this.kind = kind;
  }
}

/** A regular file that is open. */
export class RegularFile implements Disposable {
  readonly #descriptor: number;
  readonly #info: Stats;

  private constructor(descriptor: number, info: Stats) {
    this.#descriptor = descriptor;
    this.#info = info;
  }

  /**
   * Opens the file at `path`, or at where it leads.
   *
   * @throws {FileFault} when there is none, or it is not a regular file
   */
  static open(path: string): RegularFile {
    // Opening a device can do something: what it is, is looked at before, and again afterwards.
    const { closeSync, constants, fstatSync, openSync, statSync } = nodeFs();
    checkRegular(statKind(explained(() => statSync(path))));
    // A pipe without a writer is opened without waiting. Windows knows no such flag.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
    const descriptor = explained(() => openSync(path, flags));
    try {
      const info = explained(() => fstatSync(descriptor));
      checkRegular(statKind(info));
      return new RegularFile(descriptor, info);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Its size in bytes when it was opened. */
  get size(): number {
    return this.#info.size;
  }

  /** When it was changed last before it was opened, in ms since 1970. */
  get modifiedMs(): number {
    return this.#info.mtimeMs;
  }

  /** Whether it is this file that lies at `path`, a link not being one. */
  isAt(path: string): boolean {
    const { dev, ino } = explained(() => nodeFs().lstatSync(path));
    return dev === this.#info.dev && ino === this.#info.ino;
  }

  /**
   * What is in it.
   *
   * @throws {FileFault} when that is more than `maxBytes`
   */
  read(maxBytes: number): Uint8Array<ArrayBuffer> {
    const { readSync } = nodeFs();
    return readWhole(this.#info.size, maxBytes, (buffer) => {
      return readSync(this.#descriptor, buffer, 0, buffer.length, null);
    });
  }

  /** Reads up to `length` bytes from `position` into `buffer`; returns how many there were. */
  readAt(buffer: Uint8Array, length: number, position: number): number {
    return nodeFs().readSync(this.#descriptor, buffer, 0, length, position);
  }

  /** The same, while the thread does something else. The file may not be closed meanwhile. */
  readLater(buffer: Uint8Array, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      nodeFs().read(this.#descriptor, buffer, 0, length, position, (error, count) => {
        if (error) reject(error);
        else resolve(count!);
      });
    });
  }

  [Symbol.dispose](): void {
    nodeFs().closeSync(this.#descriptor);
  }
}

/**
 * Reads the regular file at `path`, or where it leads.
 *
 * @throws {FileFault} when there is none, or it has more than `maxBytes`
 */
export function readRegularFile(path: string, maxBytes: number): Uint8Array<ArrayBuffer> {
  using file = RegularFile.open(path);
  return file.read(maxBytes);
}

/**
 * The same while the thread does something else, for a few files: it needs nothing that takes time to load.
 *
 * @throws {FileFault} when there is none, or it has more than `maxBytes`, or it cannot be opened in time
 */
export async function readRegularFileLater(
  path: string,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  checkRegular(explained(() => Deno.statSync(path)));
  // What has become a pipe since then waits for a writer, in a thread of its own.
  const opening = Deno.open(path);
  opening.catch(() => {});
  let isOpen = false;
  try {
    isOpen = await inTime(opening, OPEN_TIMEOUT_MS);
  } catch (error) {
    throw faultOf(error);
  }
  if (!isOpen) {
    opening.then((late) => late.close(), () => {});
    throw new FileFault("it cannot be opened in time");
  }
  using file = await opening;
  const info = explained(() => file.statSync());
  checkRegular(info);
  return readWhole(info.size, maxBytes, (buffer) => file.readSync(buffer) ?? 0);
}

/**
 * What is in a file that had `size` bytes when it was opened; `read` reads on into a buffer.
 *
 * @throws {FileFault} when that is more than `maxBytes`
 */
function readWhole(
  size: number,
  maxBytes: number,
  read: (buffer: Uint8Array) => number,
): Uint8Array<ArrayBuffer> {
  if (size > maxBytes) throw tooLarge(maxBytes);
  // It may have grown since, and files of /proc say that they are empty.
  let bytes = new Uint8Array(size + 1);
  for (let length = 0;;) {
    const count = explained(() => read(bytes.subarray(length)));
    if (count === 0) return bytes.subarray(0, length);
    length += count;
    if (length > maxBytes) throw tooLarge(maxBytes);
    if (length === bytes.length) {
      const larger = new Uint8Array(Math.min(length * 2 + 4_096, maxBytes + 1));
      larger.set(bytes);
      bytes = larger;
    }
  }
}

/** Does something with the file system, whose errors become faults. */
export function explained<Result>(use: () => Result): Result {
  try {
    return use();
  } catch (error) {
    throw faultOf(error);
  }
}

function faultOf(error: unknown): unknown {
  const { code } = error as { code?: unknown };
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ENAMETOOLONG":
      return new FileFault("there is no such file", "missing", { cause: error });
    case "EACCES":
    case "EPERM":
      return new FileFault("the file may not be read", "forbidden", { cause: error });
    case "EISDIR":
      return new FileFault("it is a folder", "folder", { cause: error });
    case "ELOOP":
      return new FileFault("its links lead nowhere", "unfit", { cause: error });
    case "EINVAL":
    case "ERR_INVALID_ARG_VALUE":
      return new FileFault("it is not the path of a file", "unfit", { cause: error });
  }
  if (error instanceof Deno.errors.IsADirectory) return new FileFault("it is a folder", "folder");
  const reason = fileSystemReason(error);
  if (reason === null) return error;
  const kind = code === "EMFILE" || code === "ENFILE" ? "exhausted" : "unfit";
  return new FileFault(reason, kind, { cause: error });
}

function statKind(info: Stats): Pick<Deno.FileInfo, "isDirectory" | "isFile"> {
  return { isDirectory: info.isDirectory(), isFile: info.isFile() };
}

function checkRegular(
  { isDirectory, isFile }: Pick<Deno.FileInfo, "isDirectory" | "isFile">,
): void {
  if (isDirectory) throw new FileFault("it is a folder", "folder");
  if (!isFile) throw new FileFault("it is not a regular file");
}

function tooLarge(maxBytes: number): FileFault {
  return new FileFault(`it is larger than ${inWords(maxBytes)}`);
}
