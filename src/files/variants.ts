/**
 * The precompressed neighbours of a file.
 *
 * @module
 */

import { existsSync } from "node:fs";
import type { FileGrant } from "../loader/files/file_grant.ts";
import { openGranted } from "../loader/files/file_grant.ts";
import { FileFault } from "../loader/files/regular_file.ts";
import type { RegularFile } from "../loader/files/regular_file.ts";
import type { Coding } from "../message/accepted_coding.ts";
import { acceptanceOf } from "../message/accepted_coding.ts";

/** Endings of neighbours by their codings, the best first. */
const ENDINGS: readonly (readonly [Coding, string])[] = [
  ["br", ".br"],
  ["zstd", ".zst"],
  ["gzip", ".gz"],
];

/** A neighbour that a client prefers. */
export interface Variant {
  /** The file, or `null` if the client gets the one that was named. */
  readonly file: RegularFile | null;
  /** Its coding; `""` for none. */
  readonly coding: string;
  /** Whether there are neighbours. */
  readonly varies: boolean;
}

const NONE: Variant = { file: null, coding: "", varies: false };

/** Opens the neighbour of `path` that a client wants which sent `acceptEncoding`, if there is one. */
export function openVariant(
  path: string,
  granted: FileGrant,
  acceptEncoding: string,
): Variant {
  const there = new Map(ENDINGS.filter(([, ending]) => existsSync(path + ending)));
  if (there.size === 0) return NONE;
  // Who accepts nothing at all can still make use of the file itself.
  const { coding } = acceptanceOf(acceptEncoding, [...there.keys()]);
  if (coding === null) return { file: null, coding: "", varies: true };
  try {
    return { file: openGranted(path + there.get(coding), granted), coding, varies: true };
  } catch (error) {
    // A folder, a pipe, or a link to elsewhere: then the file itself will do.
    if (error instanceof FileFault) return { file: null, coding: "", varies: true };
    throw error;
  }
}
