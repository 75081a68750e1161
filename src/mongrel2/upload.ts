/**
 * The files that Mongrel2 writes large uploads to, and hands over to the handler.
 *
 * @module
 */

import { join, sep } from "node:path";
import { ProtocolError } from "../errors.ts";
import { decodeText } from "../pairs.ts";
import { headerValue, headerValues } from "./message.ts";
import type { Mongrel2Message } from "./message.ts";
import type { Mongrel2Spec } from "./spec.ts";

/** What a message says of an upload: nothing, that one has begun, or that its file is complete. */
export type UploadNotice =
  | { readonly kind: "none" }
  | { readonly kind: "started" }
  | { readonly kind: "done"; readonly path: string };

/** An upload's file, open, and without a name any more. */
export interface UploadFile {
  /** The file. */
  readonly file: Deno.FsFile;
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
  if (started.length !== 1 || done.length > 1 || message.body.length > 0) {
    throw forged("its upload headers do not belong together");
  }
  if (done.length === 0) {
    const hasBody = headerValue(message, "content-length") !== undefined ||
      headerValue(message, "transfer-encoding") !== undefined;
    if (!hasBody) throw forged("it has an upload header, and no upload");
    return { kind: "started" };
  }
  if (done[0] !== started[0]) throw forged("its upload began with another file");
  const path = Uint8Array.from(done[0], (char) => char.charCodeAt(0));
  return { kind: "done", path: decodeText(path, 0, path.length) };
}

/**
 * Opens the file of an upload that Mongrel2 names `path`, and removes it from its folder.
 *
 * @throws {ProtocolError} if it is not in the folder for uploads, or not there at all
 */
export async function takeUpload(path: string, spec: Mongrel2Spec): Promise<UploadFile> {
  const { chroot = "/", uploads } = spec;
  if (uploads === undefined) {
    throw new ProtocolError(
      500,
      "an upload came in a file, and no folder is named that may hold one: add ,uploads=DIR",
      "Mongrel2 manual, uploads",
    );
  }
  try {
    const folder = await Deno.realPath(join(chroot, uploads));
    const real = await Deno.realPath(join(chroot, path));
    const isInside = real.startsWith(folder + sep) &&
      !real.slice(folder.length + 1).includes(sep);
    if (!isInside || !(await Deno.lstat(real)).isFile) {
      throw forged(`the upload ${JSON.stringify(path)} is no file in the folder for uploads`);
    }
    const file = await Deno.open(real);
    try {
      await Deno.remove(real);
      return { file, length: (await file.stat()).size };
    } catch (error) {
      file.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProtocolError(
      500,
      `the upload ${JSON.stringify(path)} cannot be read: ${reason}`,
      "Mongrel2 manual, uploads",
    );
  }
}

function forged(reason: string): ProtocolError {
  return new ProtocolError(400, reason, "Mongrel2 manual, uploads");
}
