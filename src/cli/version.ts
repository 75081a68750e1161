/**
 * The text of `--version`.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { ZmqLibraryError } from "../base/errors.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { ZmqLibraryOrigin } from "../zmq/library.ts";
import { openLibzmq, zmqLibraryOrigin, zmqVersion } from "../zmq/library.ts";

const ORIGINS: Readonly<Record<ZmqLibraryOrigin, string>> = {
  named: "from GATEHOUSE_LIBZMQ",
  system: "from the system",
  embedded: "built in",
};

/** The version of gatehouse. */
export const VERSION: string = manifest.version;

/** Versions of gatehouse and of what it runs on. */
export function versionText(surroundings: Surroundings): string {
  const { deno, v8 } = Deno.version;
  const parts = [
    `Deno ${deno}`,
    `V8 ${v8}`,
    `TypeScript ${typeScriptVersion()}`,
    libzmqText(surroundings),
  ];
  return `gatehouse ${VERSION} (${parts.join(", ")})`;
}

/** The version that the loader makes JavaScript of apps with. */
function typeScriptVersion(): string {
  return manifest.imports.typescript.split("@").at(-1)!;
}

function libzmqText(surroundings: Surroundings): string {
  try {
    openLibzmq(surroundings);
    return `libzmq ${zmqVersion().join(".")} ${ORIGINS[zmqLibraryOrigin()]}`;
  } catch (error) {
    if (error instanceof ZmqLibraryError) return "no libzmq";
    throw error;
  }
}
