/**
 * The options about reloading apps while they serve.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { OptionSpec } from "./option_spec.ts";
import { pathsFrom, pathsIn } from "./relative_paths.ts";
import { isToken, parseDuration } from "./values.ts";

/** Fields that are not for everybody to set: they frame the message, or belong to the connection. */
const FRAMING =
  /^(?:connection|content-length|date|keep-alive|status|te|trailer|transfer-encoding|upgrade)$/i;

/**
 * Checks what `option` says is the header that tells generations apart.
 *
 * @throws {ConfigError} if no header can have this name, or it is not free
 */
export function checkGenerationHeader(option: string, name: string): void {
  if (isToken(name) && !FRAMING.test(name)) return;
  throw new ConfigError(`${option} takes the name of a header, not ${JSON.stringify(name)}`);
}

/** The options, in the order of the help text. */
export const RELOAD_OPTIONS: readonly OptionSpec[] = [
  {
    name: "watch",
    value: "[=FILES]",
    repeats: true,
    group: "Reloading",
    brief: "Reload the apps when their files change",
    help:
      "Reload the apps when one of their local files changes, or one of FILES: a list of files " +
      "that the apps read by themselves",
    apply: (settings, text) => {
      settings.watch = "files";
      settings.watchedFiles.push(...pathsIn(text));
    },
    switchOff: (settings) => {
      settings.watch = "nothing";
      settings.watchedFiles = [];
    },
    relativeTo: (folder, text) => pathsFrom(text, folder),
  },
  {
    name: "watch-remote",
    value: "SECONDS",
    group: "Reloading",
    help: "Check remote modules at this interval, and reload the apps when one has changed. " +
      "0 disables",
    default: "0",
    apply: (settings, text, name) => settings.watchRemoteMs = parseDuration(name, text),
  },
  {
    name: "generation-header",
    value: "NAME",
    group: "Reloading",
    help:
      "Add this header to responses, with the generation of workers that answered: 1, and one " +
      "more after each reload",
    apply: (settings, text, name) => {
      checkGenerationHeader(name, text);
      settings.generationHeader = text;
    },
  },
];
