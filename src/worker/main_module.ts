/**
 * What programs look at to know whether they are the main one: an app is, as under `deno serve`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { uncurried } from "../base/captured.ts";
import type { NodeProcess } from "../sandbox/locks.ts";
import { replace } from "../sandbox/locks.ts";

const runtime: object = Deno;
const startsWith = uncurried(String.prototype.startsWith);
const { process } = globalThis as unknown as { process: NodeProcess };

/**
 * Lets `Deno.mainModule` and the second of `process.argv` be the app at `url`. Must be called before apps
 * are loaded.
 */
export function presentAsMain(url: string): void {
  replace(runtime, "mainModule", url);
  presentInArguments(url);
}

/** Lets the second of `process.argv` be the module at `url`, or what else is its name. */
export function presentInArguments(url: string): void {
  (process.argv as string[])[1] = startsWith(url, "file:") ? fileURLToPath(url) : url;
}
