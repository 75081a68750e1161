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

/**
 * Lets the console's methods put up with an output that nobody reads any more. Older versions of Deno
 * throw, in the midst of what reports something, or serves.
 */
export function ignoreBrokenPipes(): void {
  for (const name of ["log", "info", "debug", "warn", "error"] as const) {
    const print = console[name];
    console[name] = (...values: unknown[]) => {
      try {
        print.apply(console, values);
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
    };
  }
}
