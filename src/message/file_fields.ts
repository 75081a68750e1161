/**
 * Header fields that name files: those by which apps order files, and those by which a front server is ordered
 * to send them.
 *
 * @module
 */

/** A field that names files, and how. */
export type FileField =
  /** By their absolute paths. */
  | { readonly name: "x-sendfile" | "x-lighttpd-send-file" }
  /** By paths of the web server: `prefix`, and the path from `folder` on; `folder` is absolute. */
  | { readonly name: "x-accel-redirect"; readonly prefix: string; readonly folder: string };
