/**
 * The command line: understands the arguments, and does what they ask.
 *
 * @module
 */

import { parseCommandLine } from "../config/command_line.ts";
import type { ServeSettings } from "../config/settings.ts";
import { helpText } from "../config/help.ts";
import { ConfigError, ListenError, LoadError, ZmqError, ZmqLibraryError } from "../errors.ts";
import { Membership } from "../supervisor/membership.ts";

/** Exit statuses (also in the help text). */
const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/**
 * Runs the command that `args` ask for; returns its exit status. Each command's modules are loaded
 * when it is asked for: loading them takes a good part of a start.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const membership = await Membership.join(args);
    const words = membership === null ? args : args.slice(1);
    const command = parseCommandLine(words);
    switch (command.kind) {
      case "help":
        console.log(helpText().trimEnd());
        return DONE;
      case "version":
        console.log((await import("./version.ts")).versionText());
        return DONE;
      case "status": {
        const { statusCommand } = await import("./status.ts");
        await statusCommand(command.endpoint);
        return DONE;
      }
      case "cache": {
        const { cacheCommand } = await import("./cache.ts");
        await cacheCommand(command.action, command.apps, command.settings.loading);
        return DONE;
      }
      case "serve": {
        if (command.settings.processes > 0 && membership === null) {
          const { superviseCommand } = await import("./supervise.ts");
          return await superviseCommand(command.settings, args);
        }
        const { serveCommand } = await import("./serve.ts");
        await serveCommand(command.settings, () => settingsAgain(words), membership);
        return DONE;
      }
    }
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(`gatehouse: ${error.message} (see gatehouse --help)`);
      return WRONG_USAGE;
    }
    const isExpected = error instanceof ListenError || error instanceof LoadError ||
      error instanceof ZmqLibraryError || error instanceof ZmqError;
    if (isExpected) {
      console.error(`gatehouse: ${error.message}`);
      return FAILED;
    }
    throw error;
  }
}

/** What the command line, and what it names, says by now. */
function settingsAgain(args: readonly string[]): ServeSettings {
  const command = parseCommandLine(args);
  if (command.kind !== "serve") throw new ConfigError("the command line does not serve any more");
  return command.settings;
}
