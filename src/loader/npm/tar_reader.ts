/**
 * Reads tar archives, without I/O: bytes in, in any split, and files out. The form is that of POSIX (pax,
 * "ustar Interchange Format" and "pax Header Block"), with GNU's long names and large numbers.
 *
 * It is strict, as packages are made by few programs: each header has to have its checksum, the archive its
 * two blocks of zeros at the end, and nothing else behind them. Which entries are files, and how long each
 * one is, is decided as npm does it: else those who review a package could be shown other code. What is said
 * of all files at once is ignored, even a size, which npm believes.
 *
 * @module
 */

import { concatenated } from "../../base/bytes.ts";

/** A file in an archive. */
export interface TarFile {
  /** Its path, as it is written there. */
  readonly name: string;
  /** Its mode: bits as of `chmod`. */
  readonly mode: number;
  /** What is in it: a part of what was pushed, unless it came in several pieces. */
  readonly content: Uint8Array;
}

/** An archive is not as it has to be. The message says why. */
export class TarFault extends Error {
  /** Name of the class. */
  override name = "TarFault";
}

const BLOCK_BYTES = 512;
/** Size of a header that only tells of the next one, in bytes. */
const MAX_META_BYTES = 1024 * 1024;

/** Where folders are that a name has no room for. */
const PREFIX_OFFSET = 345;

const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;
const NEWLINE = 0x0a;

/** Types of files; the last is of one that lies in one piece. */
const FILES = "0\x007";
/** Those that are a folder if their name ends with a slash: once there was no type for these. */
const OLD_FOLDERS = "0\0";
const FOLDER = "5";
/** Types of what is in a file system, dumped folders included: only of these can headers before tell. */
const DESCRIBED = "0\x001234567D";
const LOCAL_PAX = "x";
const GLOBAL_PAX = "g";
const GNU_LONG_NAME = "L";
const GNU_LONG_LINK = "K";

/** What those who read extended headers by lines, as npm and Deno do, could take for a record within one. */
const INNER_RECORD = /\n[^\n]*(?:path|size)=/;
/** Takes a mark of the byte order for a part of the text, as others do. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What headers before say of an entry. */
interface Overrides {
  name?: string;
  size?: number;
}

/** What is being read. */
interface Body {
  readonly kind: "file" | "skipped" | typeof LOCAL_PAX | typeof GLOBAL_PAX | typeof GNU_LONG_NAME;
  readonly name: string;
  readonly mode: number;
  /** Bytes that are still to come, without those that fill up the last block. */
  remainingBytes: number;
  readonly paddingBytes: number;
  readonly pieces: Uint8Array[];
}

/** Reads one archive. */
export class TarReader {
  readonly #onFile: (file: TarFile) => void;
  readonly #onEntry: () => void;
  /** A block that has not come as a whole. */
  readonly #partial = new Uint8Array(BLOCK_BYTES);
  #partialBytes = 0;
  #skipBytes = 0;
  #body: Body | null = null;
  #zeroBlocks = 0;
  #locals: Overrides = {};

  /**
   * A reader that gives each file to `onFile`, in order. It calls `onEntry` for whatever an archive
   * holds (files, folders, links), before the content of it is read.
   */
  constructor(onFile: (file: TarFile) => void, onEntry: () => void = () => {}) {
    this.#onFile = onFile;
    this.#onEntry = onEntry;
  }

  /**
   * Reads on.
   *
   * @throws {TarFault} when the archive is damaged
   */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.#step(bytes, at);
  }

  /**
   * Says that this was all.
   *
   * @throws {TarFault} when it was not the whole archive
   */
  end(): void {
    const name = this.#body?.kind === "file" ? this.#body.name : "";
    if (name !== "") throw new TarFault(`it ends within ${name}`);
    const rest = this.#partial.subarray(0, this.#partialBytes);
    if (this.#zeroBlocks < 2 || !isZero(rest)) throw new TarFault("it is cut off");
  }

  /** Takes some of what there is from `at` on; returns how much. */
  #step(bytes: Uint8Array, at: number): number {
    const availableBytes = bytes.length - at;
    if (this.#skipBytes > 0) {
      const taken = Math.min(this.#skipBytes, availableBytes);
      this.#skipBytes -= taken;
      return taken;
    }
    if (this.#body !== null) return this.#takeBody(this.#body, bytes, at);
    if (this.#partialBytes === 0 && availableBytes >= BLOCK_BYTES) {
      this.#takeBlock(bytes.subarray(at, at + BLOCK_BYTES));
      return BLOCK_BYTES;
    }
    const taken = Math.min(BLOCK_BYTES - this.#partialBytes, availableBytes);
    this.#partial.set(bytes.subarray(at, at + taken), this.#partialBytes);
    this.#partialBytes += taken;
    if (this.#partialBytes === BLOCK_BYTES) {
      this.#partialBytes = 0;
      this.#takeBlock(this.#partial);
    }
    return taken;
  }

  #takeBody(body: Body, bytes: Uint8Array, at: number): number {
    const taken = Math.min(body.remainingBytes, bytes.length - at);
    body.remainingBytes -= taken;
    if (body.kind !== "skipped") body.pieces.push(bytes.subarray(at, at + taken));
    if (body.remainingBytes === 0) this.#endBody(body);
    return taken;
  }

  #takeBlock(block: Uint8Array): void {
    if (isZero(block)) {
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks > 0) throw new TarFault("there is something behind its end");
    if (numberIn(block, 148, 8) !== checksumOf(block)) {
      throw new TarFault("the checksum of a header is wrong");
    }
    const type = String.fromCharCode(block[156]);
    const isMeta = [LOCAL_PAX, GLOBAL_PAX, GNU_LONG_NAME, GNU_LONG_LINK].includes(type);
    const body = isMeta ? metaBody(type, block) : this.#entryBody(type, block);
    if (body.remainingBytes === 0) this.#endBody(body);
    else this.#body = body;
  }

  /** The body of an entry, which is what the headers before say it is. */
  #entryBody(type: string, block: Uint8Array): Body {
    this.#onEntry();
    const said = DESCRIBED.includes(type) ? this.#locals : {};
    this.#locals = {};
    const name = said.name ?? nameIn(block);
    const isFolder = type === FOLDER || OLD_FOLDERS.includes(type) && name.endsWith("/");
    // Some programs say how large a folder is on their disk, but nothing follows.
    const sizeBytes = isFolder ? 0 : said.size ?? numberIn(block, 124, 12);
    const kind = FILES.includes(type) && !isFolder ? "file" : "skipped";
    return bodyOf(kind, sizeBytes, name, numberIn(block, 100, 8));
  }

  #endBody(body: Body): void {
    this.#body = null;
    this.#skipBytes = body.paddingBytes;
    if (body.kind === "skipped") return;
    const content = body.pieces.length === 1 ? body.pieces[0] : concatenated(body.pieces);
    const { kind, name, mode } = body;
    if (kind === "file") this.#onFile({ name, mode, content });
    else if (kind === GNU_LONG_NAME) this.#locals.name = textIn(content);
    else if (kind === LOCAL_PAX) Object.assign(this.#locals, paxOverrides(content));
    // One for all files cannot say anything that matters here, but has to be whole.
    else paxOverrides(content);
  }
}

/** The body of a header that tells of the next one. */
function metaBody(type: string, block: Uint8Array): Body {
  const sizeBytes = numberIn(block, 124, 12);
  if (sizeBytes > MAX_META_BYTES) throw new TarFault("a header is too large");
  return bodyOf(type === GNU_LONG_LINK ? "skipped" : type as Body["kind"], sizeBytes, "", 0);
}

function bodyOf(kind: Body["kind"], sizeBytes: number, name: string, mode: number): Body {
  const paddingBytes = (BLOCK_BYTES - sizeBytes % BLOCK_BYTES) % BLOCK_BYTES;
  return { kind, name, mode, remainingBytes: sizeBytes, paddingBytes, pieces: [] };
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function nameIn(block: Uint8Array): string {
  const name = textIn(block.subarray(0, 100));
  if (block[PREFIX_OFFSET] === 0) return name;
  // What GNU writes there, with "ustar " before it, is something else.
  const isPosix = textIn(block.subarray(257, 263)) === "ustar";
  return isPosix ? `${textIn(block.subarray(PREFIX_OFFSET, 500))}/${name}` : name;
}

/** The text in a field, up to the first zero. */
function textIn(field: Uint8Array): string {
  const end = field.indexOf(0);
  return UTF8.decode(end < 0 ? field : field.subarray(0, end));
}

/** The number in a field: octal digits, or, as GNU writes large ones, bytes behind a bit that says so. */
function numberIn(block: Uint8Array, offset: number, length: number): number {
  let value = block[offset] & 0x7f;
  if ((block[offset] & 0x80) !== 0) {
    for (let at = offset + 1; at < offset + length; at++) value = value * 256 + block[at];
    if (!Number.isSafeInteger(value)) throw new TarFault("a number in a header is too large");
    return value;
  }
  value = 0;
  for (let at = offset; at < offset + length && block[at] !== 0; at++) {
    if (block[at] === SPACE) continue;
    if (block[at] < ZERO || block[at] > SEVEN) throw new TarFault("a number in a header is none");
    value = value * 8 + block[at] - ZERO;
  }
  return value;
}

/** The sum of a header's bytes, where those of the checksum count as blanks. */
function checksumOf(block: Uint8Array): number {
  let sum = 8 * SPACE;
  for (let at = 0; at < BLOCK_BYTES; at++) if (at < 148 || at >= 156) sum += block[at];
  return sum;
}

/** What records `LENGTH KEY=VALUE` with a newline at their ends say, as far as it matters here. */
function paxOverrides(content: Uint8Array): Overrides {
  const overrides: Overrides = {};
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(SPACE, at);
    const digits = UTF8.decode(content.subarray(at, space < 0 ? at : space));
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,6}$/.test(digits) || end <= space + 1 || content[end - 1] !== NEWLINE) {
      throw new TarFault("an extended header is damaged");
    }
    const record = UTF8.decode(content.subarray(space + 1, end - 1));
    const equals = record.indexOf("=");
    const key = record.slice(0, Math.max(0, equals));
    const value = record.slice(equals + 1);
    if (INNER_RECORD.test(record) || key === "path" && /[\n\0]/.test(value)) {
      throw new TarFault("an extended header can be read in two ways");
    }
    if (key === "path") overrides.name = value;
    if (key === "size") overrides.size = sizeOf(value);
    at = end;
  }
  return overrides;
}

function sizeOf(value: string): number {
  const size = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(size)) throw new TarFault("a number in a header is none");
  return size;
}
