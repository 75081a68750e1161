/**
 * Unpacks what packages are distributed as: a tar archive, compressed by gzip.
 *
 * The archive is read by `modern-tar`: it is the one well-kept library without dependencies that
 * works on streams of the Web, so that it runs in the executable as everywhere. Where a file may be
 * written is decided here.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { PRIVATE_FOLDER } from "../files/atomic_write.ts";
// @ts-types="../../types/modern_tar.d.ts"
import { createTarDecoder } from "modern-tar";

/** Limits for one package. */
export interface UnpackLimits {
  /** Sizes of all its files, in bytes, and of the archive that they are in. */
  readonly maxUnpackedBytes: number;
  /** Number of its files. */
  readonly maxFiles: number;
}

/** Limits that no package in use is near to. */
export const DEFAULT_UNPACK_LIMITS: UnpackLimits = Object.freeze({
  maxUnpackedBytes: 1024 * 1024 * 1024,
  maxFiles: 100_000,
});

/** A file that was unpacked. */
export interface UnpackedFile {
  /** Path in the package, with slashes. */
  readonly path: string;
  /** Its size, in bytes. */
  readonly sizeBytes: number;
  /** Whether the word `import` is in it. */
  readonly names: "import" | "nothing";
}

/** What is decompressed at once, which takes a fraction of the time that a stream takes, in bytes. */
const AT_ONCE_BYTES = 64 * 1024 * 1024;

/** An archive is not as it should be. The message says why. */
export class TarballFault extends Error {
  /** Name of the class. */
  override name = "TarballFault";
}

/**
 * Unpacks `bytes` into the folder `target`. The first part of each path is left out, as are links
 * and devices: packages have none, and npm leaves them out, too.
 *
 * @throws {TarballFault} when the archive is broken, too large, or wants to write elsewhere
 */
export async function unpackTarball(
  bytes: Uint8Array<ArrayBuffer>,
  target: string,
  limits: UnpackLimits = DEFAULT_UNPACK_LIMITS,
): Promise<UnpackedFile[]> {
  const files = new Map<string, UnpackedFile>();
  const folders = new Set<string>();
  const entries = decompressed(bytes, limits.maxUnpackedBytes)
    .pipeThrough(createTarDecoder({ strict: true }));
  try {
    for await (const { header, body } of entries) {
      const path = header.type === "file" ? safePath(header.name) : null;
      if (path === null) {
        await body.cancel();
        continue;
      }
      if (files.size >= limits.maxFiles && !files.has(path)) {
        throw new TarballFault(`it holds more than ${limits.maxFiles} files`);
      }
      const file = join(target, ...path.split("/"));
      const folder = dirname(file);
      if (!folders.has(folder)) {
        Deno.mkdirSync(folder, PRIVATE_FOLDER);
        folders.add(folder);
      }
      const mode = ((header.mode ?? 0) & 0o111) === 0 ? 0o600 : 0o700;
      const content = new Uint8Array(await new Response(body).arrayBuffer());
      if (content.length !== header.size) throw new TarballFault(`it ends within ${path}`);
      // Thousands of files: to hand each to another thread takes longer than to write it.
      Deno.writeFileSync(file, content, { mode });
      const names = Buffer.from(content.buffer).includes("import") ? "import" : "nothing";
      files.set(path, { path, sizeBytes: content.length, names });
    }
  } catch (error) {
    throw fault(error);
  }
  return [...files.values()];
}

/** The path in the package that an entry's name means; `null` if it means none. */
function safePath(name: string): string | null {
  const [first, ...rest] = name.split("/");
  const segments = rest.filter((segment) => segment !== "" && segment !== ".");
  const isUnsafe = first === "" || first === ".." || /^[a-z]:/i.test(name) ||
    segments.some((segment) => segment === ".." || /[\\\0]/.test(segment));
  if (isUnsafe) {
    throw new TarballFault(`it holds ${JSON.stringify(name)}, a path outside of its folder`);
  }
  return segments.length === 0 ? null : segments.join("/");
}

function decompressed(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  try {
    const maxOutputLength = Math.min(maxBytes, AT_ONCE_BYTES);
    return ReadableStream.from([new Uint8Array(gunzipSync(bytes, { maxOutputLength }))]);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // It is larger, or broken: then that is found out here.
    return ReadableStream.from([bytes])
      .pipeThrough(new DecompressionStream("gzip"))
      .pipeThrough(byteLimit(maxBytes));
  }
}

function byteLimit(maxBytes: number): TransformStream<Uint8Array<ArrayBuffer>> {
  let length = 0;
  return new TransformStream({
    transform(chunk, controller) {
      length += chunk.length;
      if (length > maxBytes) throw new TarballFault(`it unpacks to more than ${maxBytes} bytes`);
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
  const reason = error.message.replace(/\.$/, "");
  return new TarballFault(`the archive is damaged (${reason})`, { cause: error });
}
