/**
 * What lock files have in common as texts: JSON, and where in it something is wrong.
 *
 * @module
 */

import { ConfigError } from "../../base/errors.ts";
import { fileSystemReason } from "../files/atomic_write.ts";

/**
 * The object in the text of the lock file at `path`.
 *
 * @throws {ConfigError} when there is none: `FILE:LINE: …`
 */
export function parsedObject(path: string, text: string): Record<string, unknown> {
  const fault = (line: number, message: string) => new ConfigError(`${path}:${line}: ${message}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw fault(syntaxErrorLine(error, text), `this is not JSON: ${firstClause(error.message)}`);
  }
  if (!isObject(value)) throw fault(1, "a lock file should be a JSON object");
  return value;
}

/** The error for a fault of the file itself; other errors are returned as they are. */
export function unusableFile(error: unknown, path: string, verb: "read" | "write"): unknown {
  const reason = fileSystemReason(error);
  if (reason === null) return error;
  return new ConfigError(`cannot ${verb} the lock file ${path}: ${reason}`, { cause: error });
}

/** Whether a value is an object with names. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Line at which the file stops being JSON, from what the engine says of it. */
function syntaxErrorLine(error: SyntaxError, text: string): number {
  const line = /\(line (\d+) column \d+\)/.exec(error.message);
  if (line !== null) return Number(line[1]);
  const position = /at position (\d+)/.exec(error.message);
  const before = position === null ? text : text.slice(0, Number(position[1]));
  return before.trimEnd().split("\n").length;
}

/** What the engine says, without the place and the text that it quotes. */
function firstClause(message: string): string {
  return message.replace(/ in JSON at position[\s\S]*| \(line \d+[\s\S]*|, (?:\.\.\.|")[\s\S]*/, "")
    .trim();
}

/** Line on which `key` stands, 1 if it is not written as `JSON.stringify` does. */
export function lineOfKey(text: string, key: string): number {
  const at = text.indexOf(`${JSON.stringify(key)}`);
  return at < 0 ? 1 : text.slice(0, at).split("\n").length;
}
