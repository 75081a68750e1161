/**
 * The files that Mongrel2 writes large uploads to, and hands over to the handler.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { constants, lstat, open, realpath, rename, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ProtocolError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import { decodeText } from "../message/pairs.ts";
import type { ReadableFile } from "./file_body.ts";
import { headerValue, headerValues } from "./codec/message.ts";
import { isHandshake } from "./codec/translate.ts";
import type { Mongrel2Message } from "./codec/message.ts";
import type { Mongrel2Spec } from "./codec/spec.ts";
import { leaveWord, takeWord } from "./upload_word.ts";

/** The largest number that Mongrel2 has a length in. */
const MAX_C_INT = 2_147_483_647;

/** How long another handler may take to open a file that it was told of, in milliseconds. */
const DISCARD_DELAY_MS = 1_000;

/** Intervals at which it is looked whether it has, if it is to be told that the file is complete. */
const WORD_DELAYS_MS = [20, 50, 100, 300, 600];

/** How long word of an upload's end is left for another handler, in milliseconds. */
const WORD_MS = 60_000;

/** What a message says of an upload: nothing, that one has begun, or that its file is complete. */
export type UploadNotice =
  | { readonly kind: "none" }
  | { readonly kind: "started"; readonly path: string }
  | { readonly kind: "done"; readonly path: string };

/** A file that is open for reading. */
export class PlainFile implements ReadableFile, Disposable {
  readonly #handle: FileHandle;

  /** Takes over the open file. */
  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, null);
    return bytesRead === 0 ? null : bytesRead;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An upload's file, open, and without a name any more. */
export interface UploadFile {
  /** The file. */
  readonly file: PlainFile;
  /** Its size in bytes. */
  readonly length: number;
}

/**
 * What `message` says of an upload. Clients can send such headers too, so what they say must agree.
 *
 * @throws {ProtocolError} if it does not
 */
export function uploadNotice(message: Mongrel2Message): UploadNotice {
  const started = headerValues(message, "x-mongrel2-upload-start");
  const done = headerValues(message, "x-mongrel2-upload-done");
  if (started.length === 0 && done.length === 0) return { kind: "none" };
  if (isHandshake(message)) throw forged("it has an upload header, but asks for a WebSocket");
  // An upload that comes in messages has no file.
  const isStreamed = headerValue(message, "UPLOAD_STREAM") !== undefined;
  if (started.length !== 1 || done.length > 1 || message.body.length > 0 || isStreamed) {
    throw forged("its upload headers do not belong together");
  }
  // Where a body is announced and has not come with the message, Mongrel2 has set these headers itself.
  if (!hasUpload(message)) throw forged("it has an upload header, but no upload");
  const bytes = Uint8Array.from(started[0], (char) => char.charCodeAt(0));
  const path = decodeText(bytes, 0, bytes.length);
  if (done.length === 0) return { kind: "started", path };
  if (done[0] !== started[0]) throw forged("its upload began with another file");
  return { kind: "done", path };
}

/** Whether Mongrel2 takes a body to follow, as it reads these fields: the first of a name, like C's `atoi`. */
function hasUpload(message: Mongrel2Message): boolean {
  const length = headerValue(message, "content-length");
  if (length === undefined) return headerValue(message, "transfer-encoding") === "chunked";
  const [, digits = ""] = /^\+?(\d+)/.exec(length) ?? [];
  return Number(digits) > 0 && Number(digits) <= MAX_C_INT;
}

/**
 * The folder that uploads are taken out of. Other users who can write there are not trusted; nor
 * are those who can replace the folder after it was checked.
 */
export class UploadFolder implements Disposable {
  readonly #chroot: string;
  readonly #path: string | undefined;
  #identity: Promise<FolderIdentity> | null = null;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** Makes the folder that the handler of a server was told of, if it was. */
  constructor({ chroot = "/", uploads }: Pick<Mongrel2Spec, "chroot" | "uploads">) {
    this.#chroot = chroot;
    this.#path = uploads === undefined ? undefined : join(chroot, uploads);
    // It has to be the current one, or the first one to exist.
    if (this.#path !== undefined) this.#look(this.#path).catch(() => {});
  }

  /**
   * Opens the file of an upload that Mongrel2 names `path`, and removes it from the folder.
   *
   * @throws {ProtocolError} if it is not in the folder for uploads, or does not exist
   */
  async take(path: string): Promise<UploadFile> {
    if (this.#path === undefined) {
      throw new ProtocolError(
        500,
        "an upload came in a file, but no folder for uploads is named: add ,uploads=DIR",
        "Mongrel2 manual, uploads",
      );
    }
    try {
      return await this.#take(this.#path, path);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      const reason = messageOf(error);
      throw new ProtocolError(
        500,
        `the upload ${JSON.stringify(path)} cannot be read: ${reason}`,
        "Mongrel2 manual, uploads",
      );
    }
  }

  /**
   * Removes the file of an upload that Mongrel2 names `path`, and has written, unless somebody takes it soon, or has
   * taken it. Who has is told that it is complete if nothing else `tells` its end.
   */
  discardLater(path: string, tells: "length" | "nothing"): void {
    if (tells === "nothing") {
      this.#tellEnd(path, WORD_DELAYS_MS);
      return;
    }
    this.#later(DISCARD_DELAY_MS, () => this.#discard(path));
  }

  /** Whether another process was told that the upload is complete which Mongrel2 names `path`, and says so. */
  async hasEnded(path: string): Promise<boolean> {
    if (this.#path === undefined) return false;
    return await takeWord((await this.#look(this.#path)).path, path);
  }

  /** Removes the file of an upload that `message` says is complete, if it says so: it will not be read. */
  async discard(message: Mongrel2Message): Promise<void> {
    try {
      const notice = uploadNotice(message);
      if (notice.kind === "done") (await this.take(notice.path)).file.close();
    } catch (error) {
      // What was refused before is refused again, and was logged then.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** Leaves what would be removed later. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** Leaves word for who takes the file; if nobody has after these times, removes it. */
  async #tellEnd(path: string, [delayMs, ...delaysMs]: readonly number[]): Promise<void> {
    if (this.#path === undefined) return;
    try {
      const { path: folder } = await this.#look(this.#path);
      const isThere = await lstat(join(folder, basename(path))).then(() => true, () => false);
      if (!isThere) {
        await leaveWord(folder, path);
        this.#later(WORD_MS, () => takeWord(folder, path));
      } else if (delayMs === undefined) {
        await this.#discard(path);
      } else {
        this.#later(delayMs, () => this.#tellEnd(path, delaysMs));
      }
    } catch {
      // Where it cannot be left, who reads the file finds its end by time.
    }
  }

  async #discard(path: string): Promise<void> {
    try {
      (await this.take(path)).file.close();
    } catch (error) {
      // It was taken, or cannot be.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #later(delayMs: number, act: () => Promise<unknown>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, timerMs(delayMs));
    this.#timers.add(timer);
  }

  async #take(folder: string, path: string): Promise<UploadFile> {
    const noFile = () =>
      forged(`the upload ${JSON.stringify(path)} is not a file in the folder for uploads`);
    await this.#check(folder);
    const { path: real } = await this.#look(folder);
    const target = join(this.#chroot, path);
    if (path.endsWith("/") || await realpath(dirname(target)) !== real) throw noFile();
    const named = join(real, basename(target));
    const seen = await lstat(named, { bigint: true });
    // One that has another name, too, may be somebody else's.
    if (!seen.isFile() || seen.nlink !== 1n) throw noFile();
    const file = await openPlain(named).catch((error) => {
      throw error.code === "ELOOP" ? noFile() : error;
    });
    try {
      const opened = await file.stat({ bigint: true });
      const isSame = opened.isFile() && opened.nlink <= 1n && isOneFile(opened, seen) &&
        isOneFile(await lstat(named, { bigint: true }), seen);
      if (!isSame) throw noFile();
      await this.#check(folder);
      if (!await removeSame(named, seen)) throw noFile();
      return { file: new PlainFile(file), length: Number(opened.size) };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What the folder was when it was first looked at. */
  #look(folder: string): Promise<FolderIdentity> {
    return this.#identity ??= identityOf(folder).catch((error) => {
      this.#identity = null;
      throw error;
    });
  }

  async #check(folder: string): Promise<void> {
    const first = await this.#look(folder);
    const now = await identityOf(folder);
    if (now.path === first.path && isOneFile(now, first)) return;
    throw new ProtocolError(
      500,
      `the folder for uploads ${JSON.stringify(folder)} has been replaced: restart gatehouse if ` +
        "you meant that",
      "Mongrel2 manual, uploads",
    );
  }
}

/**
 * Removes the file at `path` if it is still the one that was `seen`; `false` if it has been
 * replaced; then it stays. It is moved aside first: the folder can be replaced at any moment, and
 * no other folder has a file of such a name.
 */
async function removeSame(path: string, seen: FileIdentity): Promise<boolean> {
  const aside = join(dirname(path), `.gatehouse-${crypto.randomUUID()}`);
  await rename(path, aside);
  if (isOneFile(await lstat(aside, { bigint: true }), seen)) {
    await unlink(aside);
    return true;
  }
  await rename(aside, path);
  return false;
}

/** Opens a file for reading, without following a link or waiting at a pipe. */
function openPlain(path: string): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

/** What tells a file from others, as long as it is there. */
interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

interface FolderIdentity extends FileIdentity {
  /** Its path without links. */
  readonly path: string;
}

async function identityOf(folder: string): Promise<FolderIdentity> {
  const path = await realpath(folder);
  const { dev, ino } = await lstat(path, { bigint: true });
  return { dev, ino, path };
}

function isOneFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

function forged(reason: string): ProtocolError {
  return new ProtocolError(400, reason, "Mongrel2 manual, uploads");
}
