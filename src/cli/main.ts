/**
 * The command line: understands the arguments, and does what they ask.
 *
 * @module
 */

import { resolve } from "node:path";
import type { Command } from "../config/command.ts";
import { parseCommand, parseCommandLine } from "../config/command_line.ts";
import { COMMANDS, OWN_OPTIONS } from "../config/commands.ts";
import type { ConfigSources } from "../config/gather.ts";
import type { ServeSettings } from "../config/settings.ts";
import {
  ConfigError,
  ConfigFileError,
  ConnectError,
  ListenError,
  LoadError,
  ZmqError,
  ZmqLibraryError,
} from "../base/errors.ts";
import { statOf } from "../base/folders.ts";
import { nearest } from "../base/nearest.ts";
import { nodeProcess } from "../base/runtime_modules.ts";
import { tameUncaught } from "../base/uncaught.ts";
import type { Membership } from "../supervisor/membership.ts";
import { isSupervised } from "../supervisor/protocol.ts";
import { logSettings, logToStderr, print, setUpLog, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { takeSurroundings } from "../base/surroundings.ts";

/** Exit statuses (also in the help text). */
const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/**
 * Runs the command that the program's arguments ask for; returns its exit status. Each command's
 * modules are loaded when it is asked for: loading them takes a good part of a start.
 */
export async function main(): Promise<number> {
  tameUncaught(nodeProcess, endWithJson);
  let verb: string | undefined;
  try {
    const surroundings = takeSurroundings();
    const { args } = surroundings;
    verb = args[0];
    const membership = isSupervised(args) ? await joined(args) : null;
    const words = membership === null ? args : args.slice(1);
    // One process of several leaves it to the supervisor to warn.
    const command = await parseCommand(
      words,
      configSources(surroundings, membership === null ? "aloud" : "silently"),
    );
    switch (command.kind) {
      case "help":
        print((await import("../config/help.ts")).helpText(command.topic).trimEnd());
        return DONE;
      case "version":
        print((await import("./version.ts")).versionText(surroundings));
        return DONE;
      case "completions": {
        const { SHELLS } = await import("../config/shells/shells.ts");
        print(SHELLS.get(command.shell)!().trimEnd());
        return DONE;
      }
      case "man": {
        const { manPage } = await import("../config/man_page.ts");
        print(manPage((await import("./version.ts")).VERSION).trimEnd());
        return DONE;
      }
      case "status": {
        return await showStatusOf(command, surroundings);
      }
      case "fetch": {
        const { fetchCommand } = await import("./fetch.ts");
        return await fetchCommand(command.settings, surroundings);
      }
      case "bench": {
        const { benchCommand } = await import("./bench.ts");
        return await benchCommand(command.settings, surroundings);
      }
      case "respond": {
        const { respondCommand } = await import("./respond.ts");
        return await respondCommand(command.settings, surroundings);
      }
      case "dispatch": {
        const { dispatchCommand } = await import("./dispatch.ts");
        return await dispatchCommand(command.settings, surroundings);
      }
      case "reap": {
        const { reapCommand } = await import("./reap.ts");
        return await reapCommand(command.settings, surroundings);
      }
      case "keygen": {
        const { keygenCommand } = await import("./keygen.ts");
        keygenCommand(command.path, surroundings);
        return 0;
      }
      case "log": {
        const { logCommand } = await import("./log.ts");
        await logCommand(command, surroundings);
        return DONE;
      }
      case "cache": {
        const { cacheCommand } = await import("./cache.ts");
        const { action, apps, settings } = command;
        const more = await withEnvFiles(settings, surroundings);
        await cacheCommand(action, apps, settings.loading, more);
        return DONE;
      }
      case "lock": {
        const { lockCommand } = await import("./lock.ts");
        const { path, settings } = command;
        await lockCommand(path, settings, await withEnvFiles(settings, surroundings));
        return DONE;
      }
      case "config": {
        const { configCommand } = await import("./config.ts");
        return configCommand(command, surroundings) ? DONE : WRONG_USAGE;
      }
      case "server-config": {
        const { serverConfigCommand } = await import("./server_config.ts");
        serverConfigCommand(command, surroundings);
        return DONE;
      }
      case "serve": {
        refuseMistypedCommand(verb, surroundings);
        const { logLevel: level, logFormat: format } = command.settings;
        const mark = membership === null ? undefined : `${membership.assignment.key} `;
        setUpLog({ level, format, mark });
        if (membership === null) {
          const { warnOfOpenFiles } = await import("./writable_files.ts");
          warnOfOpenFiles(command.settings, surroundings, logToStderr);
        }
        if (command.settings.processes > 0 && membership === null) {
          const { superviseCommand } = await import("./supervise.ts");
          return await superviseCommand(command.settings, surroundings);
        }
        const { serveCommand } = await import("./serve.ts");
        const reread = () => settingsAgain(words, surroundings);
        const more = await withEnvFiles(command.settings, surroundings);
        return await serveCommand(command.settings, reread, more, membership);
      }
    }
  } catch (error) {
    if (error instanceof ConfigFileError) {
      for (const problem of error.problems) tell(problem, "error");
      return WRONG_USAGE;
    }
    if (error instanceof ConfigError) {
      tell(`gatehouse: ${error.message} (see ${helpOn(verb)})`, "error");
      return WRONG_USAGE;
    }
    const isExpected = error instanceof ListenError || error instanceof LoadError ||
      error instanceof ZmqLibraryError || error instanceof ZmqError ||
      error instanceof ConnectError;
    if (isExpected) {
      tell(`gatehouse: ${error.message}`, "error");
      return FAILED;
    }
    throw error;
  }
}

/** @throws {ConfigError} if the first word is no app, and as good as a command */
function refuseMistypedCommand(word: string | undefined, { cwd }: Surroundings): void {
  const names = COMMANDS.map(({ name }) => name);
  if (word === undefined || !/^[a-z]+$/i.test(word) || names.includes(word)) return;
  const advice = nearest(word, names);
  if (advice === "" || statOf(resolve(cwd, word)) !== null) return;
  throw new ConfigError(`there is neither a command nor a file ${word}${advice}`);
}

/** Where the help is that has the options of the command `verb`. */
function helpOn(verb: string | undefined): string {
  const own = COMMANDS.find(({ name, help }) =>
    name === verb && (help === OWN_OPTIONS || name === "log")
  );
  return own === undefined ? "gatehouse --help" : `gatehouse ${own.name} --help`;
}

async function joined(args: readonly string[]): Promise<Membership> {
  const { Membership } = await import("../supervisor/membership.ts");
  return await Membership.join(args);
}

async function showStatusOf(
  { of }: Extract<Command, { kind: "status" }>,
  surroundings: Surroundings,
): Promise<number> {
  if (of.server === "mongrel2") {
    const { statusCommand } = await import("./status.ts");
    await statusCommand(of.endpoint, surroundings);
    return DONE;
  }
  const { gatewayStatus } = await import("./gateway_status.ts");
  const { StatusError } = await import("./status_client.ts");
  try {
    await gatewayStatus(of);
    return DONE;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    tell(`gatehouse: ${error.message}`);
    return FAILED;
  }
}

/** Has the error that ends the process in the log, where the runtime's own words would be no line of it. */
function endWithJson(thrown: unknown): boolean {
  if (logSettings().format !== "json") return false;
  logToStderr("error", `uncaught ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  Deno.exit(FAILED);
}

/** The surroundings with the variables of `--env-file`. */
async function withEnvFiles(
  { envFiles }: ServeSettings,
  surroundings: Surroundings,
): Promise<Surroundings> {
  if (envFiles.length === 0) return surroundings;
  const { addEnvFiles } = await import("./env_files.ts");
  return addEnvFiles(surroundings, envFiles, logToStderr);
}

/**
 * The sources of settings beyond the command line: files as they are now, all else as it was at the
 * start.
 */
function configSources(
  { env, cwd }: Surroundings,
  warning: "aloud" | "silently",
): ConfigSources {
  return {
    env,
    cwd,
    readTextFile: (path) => Deno.readTextFileSync(path),
    warn: (message) => warning === "aloud" && logToStderr("warning", message),
  };
}

/** The settings that the command line, and the files that it names, give now. */
function settingsAgain(args: readonly string[], surroundings: Surroundings): ServeSettings {
  const command = parseCommandLine(args, configSources(surroundings, "silently"));
  if (command.kind !== "serve") throw new ConfigError("the command line no longer serves apps");
  return command.settings;
}
