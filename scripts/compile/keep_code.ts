/**
 * Keeps what V8 has made of scripts, in a program that is made for this alone.
 *
 * @module
 */

import type { Script } from "node:vm";
import { CODE_SUFFIX } from "../../src/base/embedded_files.ts";

/** The variable that names the folder for the code. */
export const CODE_FOLDER = "KEEP_CODE_IN";
/** The file in this folder that asks for the code. */
export const REQUEST_FILE = "please";

const PERIOD_MS = 20;

/** Writes the code of `script` when it is asked for. Until then, V8 adds each function that is called. */
export function keepCode(name: string, script: Script): Script {
  const folder = Deno.env.get(CODE_FOLDER);
  if (folder === undefined) throw new Error(`${CODE_FOLDER} is not set`);
  const timer = setInterval(() => {
    try {
      Deno.statSync(`${folder}/${REQUEST_FILE}`);
    } catch {
      return;
    }
    clearInterval(timer);
    const path = `${folder}/${name}${CODE_SUFFIX}`;
    Deno.writeFileSync(`${path}.part`, script.createCachedData());
    Deno.renameSync(`${path}.part`, path);
  }, PERIOD_MS);
  return script;
}
