/**
 * The gateway's own messages: one line each to standard error.
 *
 * @module
 */

/** How grave a message is. */
export type LogLevel = "error" | "warning" | "info";

/** The levels, gravest first. */
export const LOG_LEVELS: readonly LogLevel[] = ["error", "warning", "info"];

/** Takes the gateway's messages. */
export type Log = (level: LogLevel, message: string) => void;

/** Writes `message` to standard error; all but `"info"` with its level before it. */
export function logToStderr(level: LogLevel, message: string): void {
  console.error(level === "info" ? message : `${level}: ${message}`);
}
