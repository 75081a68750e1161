/**
 * What CommonJS exports, as far as it may be read.
 *
 * @module
 */

import { dirname, resolve as resolvePath } from "node:path";
import type { FileGrant } from "../files/file_grant.ts";
import { readGranted, staysWithin } from "../files/file_grant.ts";
import { FileFault } from "../files/regular_file.ts";
import { commonJsExports, resolveRequired } from "./commonjs.ts";

/**
 * The names that the CommonJS module at `path` exports. Files that are not `granted`, or larger than
 * `maxBytes`, are taken to export nothing.
 */
export function commonJsExportsIn(path: string, granted: FileGrant, maxBytes: number): string[] {
  const textOf = (file: string) => {
    try {
      return new TextDecoder().decode(readGranted(file, granted, maxBytes));
    } catch (error) {
      if (error instanceof FileFault) return "";
      throw error;
    }
  };
  const resolve = (specifier: string, importer: string) => {
    // Where nothing may be read, nothing is even looked for.
    const isPath = /^(?:\.{0,2}[/\\]|[a-z]:)/i.test(specifier);
    const isWithin = isPath
      ? staysWithin(resolvePath(dirname(importer), specifier), granted)
      : !specifier.split(/[/\\]/).includes("..");
    return isWithin ? resolveRequired(specifier, importer) : null;
  };
  return commonJsExports(path, textOf, resolve);
}
