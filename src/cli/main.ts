/**
 * The command line: understands the arguments, and does what they ask.
 *
 * @module
 */

import { parseCommandLine } from "../config/command_line.ts";
import type { Surroundings } from "../config/gather.ts";
import type { ServeSettings } from "../config/settings.ts";
import { helpText } from "../config/help.ts";
import {
  ConfigError,
  ConfigFileError,
  ListenError,
  LoadError,
  ZmqError,
  ZmqLibraryError,
} from "../errors.ts";
import { Membership } from "../supervisor/membership.ts";
import { logToStderr } from "../log.ts";

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
    // One process of several leaves it to the supervisor to warn.
    const command = parseCommandLine(
      words,
      surroundings(membership === null ? "aloud" : "silently"),
    );
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
      case "config": {
        const { configCommand } = await import("./config.ts");
        return configCommand(command) ? DONE : WRONG_USAGE;
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
    if (error instanceof ConfigFileError) {
      for (const problem of error.problems) console.error(problem);
      return WRONG_USAGE;
    }
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

/** The environment, and the file system, of this process. */
function surroundings(warning: "aloud" | "silently"): Surroundings {
  const mayReadEnv = Deno.permissions.querySync({ name: "env" }).state === "granted";
  return {
    env: mayReadEnv ? Deno.env.toObject() : {},
    cwd: Deno.cwd(),
    readTextFile: (path) => Deno.readTextFileSync(path),
    warn: (message) => warning === "aloud" && logToStderr("warning", message),
  };
}

/** What the command line, and what it names, says by now. */
function settingsAgain(args: readonly string[]): ServeSettings {
  const command = parseCommandLine(args, surroundings("silently"));
  if (command.kind !== "serve") throw new ConfigError("the command line does not serve any more");
  return command.settings;
}
