/**
 * Where the gateway writes: its own messages, and what commands print. All that it writes passes here,
 * so that nothing that comes from outside can do more than be read: neither move the cursor of a
 * terminal, nor pass for a line of the gateway's own, nor tell a password.
 *
 * @module
 */

import type { LogFacts } from "./log_line.ts";
import { jsonLine } from "./log_line.ts";
import { withoutPasswords } from "./passwords.ts";

const { Error, TextDecoder, TextEncoder, console } = globalThis;
const { consoleSize, stderr, stdout } = Deno;
const { BrokenPipe } = Deno.errors;
const { max } = Math;

/** How severe a message is. */
export type LogLevel = "error" | "warning" | "info";

/** The levels, gravest first. */
export const LOG_LEVELS: readonly LogLevel[] = ["error", "warning", "info"];

/** Takes the gateway's messages, and what is known of them besides. */
export type Log = (level: LogLevel, message: string, facts?: LogFacts) => void;

/** How the log is written. */
export type LineFormat = "text" | "json";

/** What is written to the log of the process. */
export interface LogSettings {
  /** The least grave messages that are. */
  readonly level: LogLevel;
  /** How. */
  readonly format: LineFormat;
  /**
   * What lines of JSON begin with that are the gateway's own: only its supervisor knows it, and takes it away.
   * Default: nothing.
   */
  readonly mark?: string;
}

let settings: LogSettings = { level: "info", format: "text" };

/** Has the log of the process written so. */
export function setUpLog(changed: LogSettings): void {
  settings = changed;
}

/** How the log of the process is written. */
export function logSettings(): LogSettings {
  return settings;
}

/** Writes `message` to standard error; all but `"info"` with its level before it. */
export function logToStderr(level: LogLevel, message: string, facts?: LogFacts): void {
  write(settings, level, message, facts);
}

/** Writes to standard error in a way of its own, whatever the log of the process is written like. */
export function logAs(own: LogSettings): Log {
  return (level, message, facts) => write(own, level, message, facts);
}

function write(how: LogSettings, level: LogLevel, message: string, facts?: LogFacts): void {
  if (!isWanted(level, how)) return;
  if (how.format === "json") writeJson(level, message, facts, how);
  else writeText(level === "info" ? message : `${level}: ${message}`);
}

/** Writes a message without a level to standard error, where others have one; as JSON, it has that of `level`. */
export function tell(message: string, level: LogLevel = "info"): void {
  if (!isWanted(level, settings)) return;
  if (settings.format === "json") writeJson(level, message, undefined, settings);
  else writeText(message);
}

function isWanted(level: LogLevel, how: LogSettings): boolean {
  return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(how.level);
}

function writeText(message: string): void {
  showStatus("");
  printers.stderr(forLog(message));
}

/** Print a line each. */
interface Printers {
  readonly stdout: (line: string) => void;
  readonly stderr: (line: string) => void;
}

let printers: Printers = {
  stdout: (line) => console.log(line),
  stderr: (line) => console.error(line),
};

/** What the console is now, which the log goes on with: its methods are about to be replaced. */
export function keepConsole(): Printers {
  const { log, error } = console;
  printers = { stdout: (line) => log(line), stderr: (line) => error(line) };
  return printers;
}

function writeJson(
  level: LogLevel,
  message: string,
  facts: LogFacts | undefined,
  { mark = "" }: LogSettings,
): void {
  printers.stderr(mark + jsonLine(level, message, facts));
}

/** Writes to standard output what a command was asked for, which may have several lines. */
export function print(text: string): void {
  showStatus("");
  console.log(printable(text));
}

/** Whether standard output is a terminal. */
export function stdoutIsTerminal(): boolean {
  return stdout.isTerminal();
}

/**
 * Writes bytes from outside to standard output, as they are; on a terminal, which would obey some of them,
 * with escapes for those.
 */
export async function printBytes(bytes: Uint8Array): Promise<void> {
  showStatus("");
  const shown = stdoutIsTerminal()
    ? new TextEncoder().encode(new TextDecoder().decode(bytes).replace(UNPRINTABLE, escapeOf))
    : bytes;
  for (let at = 0; at < shown.length;) at += await stdout.write(shown.subarray(at));
}

/** What makes a terminal go to its first line and clear all of it. */
const EMPTY_PAGE = "\x1b[H\x1b[2J\x1b[3J";

/** Prints `text` in place of all that a terminal shows; below it, if standard output is none. */
export function showPage(text: string): void {
  const page = printable(text);
  if (!stdout.isTerminal()) {
    console.log(page);
    return;
  }
  const lines = page.split("\n").slice(0, max(1, rowsOfTerminal() - 1));
  const columns = columnsOfTerminal();
  console.log(EMPTY_PAGE + lines.map((line) => shortened(line, columns - 1)).join("\n"));
}

/** Writes bytes to standard output, all of them, without waiting for who reads it. */
export async function writeOutput(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await stdout.write(bytes.subarray(at));
}

/** What makes a terminal return to the start of the line and clear it. */
const EMPTY_LINE = "\r\x1b[K";
/** Columns and rows of a terminal that does not say how many it has. */
const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;

/** Whether there is a status on the terminal. */
let isStatusShown = false;

/**
 * Shows `text` in a line of the terminal, in place of what was shown there before; `""` takes that away, as
 * does any message.
 *
 * @returns whether standard error is a terminal; else nothing is shown
 */
export function showStatus(text: string): boolean {
  if (text === "") {
    if (isStatusShown) writeToTerminal(EMPTY_LINE);
    isStatusShown = false;
    return true;
  }
  if (settings.format === "json" || !stderr.isTerminal()) return false;
  isStatusShown = true;
  writeToTerminal(EMPTY_LINE + shortened(inOneLine(text), columnsOfTerminal() - 1));
  return true;
}

function writeToTerminal(text: string): void {
  try {
    stderr.writeSync(new TextEncoder().encode(text));
  } catch (error) {
    // It is gone, or takes nothing more at the time.
    if (!(error instanceof Error)) throw error;
  }
}

function columnsOfTerminal(): number {
  try {
    return consoleSize().columns || USUAL_COLUMNS;
  } catch (error) {
    if (error instanceof Error) return USUAL_COLUMNS;
    throw error;
  }
}

function rowsOfTerminal(): number {
  try {
    return consoleSize().rows || USUAL_ROWS;
  } catch (error) {
    if (error instanceof Error) return USUAL_ROWS;
    throw error;
  }
}

/** As much of `text` as there is room for: what is not ASCII may take two columns. */
function shortened(text: string, columns: number): string {
  let taken = 0;
  let shown = "";
  for (const character of text) {
    taken += character < "\x80" ? 1 : 2;
    if (taken > columns) return shown;
    shown += character;
  }
  return shown;
}

/** Passes on a line that another process has printed, with `before` in front of it. */
export function passOn(before: string, stream: "stdout" | "stderr", line: string): void {
  showStatus("");
  printers[stream](before + inOneLine(line));
}

/** Passes on a line that process `number` has printed; `mark` is what those of its log begin with, as JSON. */
export function passOnFrom(
  number: number,
  stream: "stdout" | "stderr",
  line: string,
  mark: string,
): void {
  if (settings.format === "text") {
    passOn(`[${number}] `, stream, line);
    return;
  }
  const text = line.startsWith(mark)
    ? `{"process":${number},${line.slice(mark.length + 1)}`
    : jsonLine("info", line, { source: "app", stream, process: number });
  printers[stream](text);
}

/** Control characters (C0 but line ends, DEL, C1), line separators, and what changes the direction of text. */
const UNPRINTABLE =
  // deno-lint-ignore no-control-regex
  /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
/** The start of a further line that nothing shows to be one. */
const FURTHER_LINE = /\n(?! {4}|\n|$)/g;

/** `message` as the log has it: printable, and its further lines indented. */
export function forLog(message: string): string {
  return printable(message).replace(FURTHER_LINE, "\n    ");
}

/** `text` without passwords, and with escapes such as `\x1b` for what is not to be seen but to be obeyed. */
export function printable(text: string): string {
  return withoutPasswords(text).replaceAll("\r\n", "\n").replace(UNPRINTABLE, escapeOf);
}

/** `text` as {@linkcode printable} makes it, in one line. */
export function inOneLine(text: string): string {
  return printable(text).replaceAll("\n", "\\n");
}

function escapeOf(char: string): string {
  if (char === "\t") return "    ";
  const code = char.charCodeAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
}

/**
 * Lets the console's methods ignore that their output is no longer read. Older versions of Deno
 * throw, in the midst of what reports something, or serves.
 */
export function ignoreBrokenPipes(): void {
  for (const name of ["log", "info", "debug", "warn", "error"] as const) {
    const print = console[name];
    console[name] = (...values: unknown[]) => {
      try {
        print.apply(console, values);
      } catch (error) {
        if (!(error instanceof BrokenPipe)) throw error;
      }
    };
  }
}
