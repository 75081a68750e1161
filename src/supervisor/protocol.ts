/**
 * What the supervisor and its processes say to each other.
 *
 * A process is started with `--supervised=N` before its other arguments. Its standard input carries
 * one line of JSON, the {@linkcode Assignment}, and stays open as long as the supervisor lives. Its
 * {@linkcode Report}s go to standard error among the log's lines, behind a mark that only the two
 * know.
 *
 * @module
 */

import type { LogLevel } from "../log.ts";

/** Version of what is said here; the two may come from different releases. */
export const PROTOCOL_VERSION = 1;

/** What the first argument of a supervised process begins with; its number follows. */
export const SUPERVISED_ARGUMENT = "--supervised=";

/** What a process is told when it starts. */
export interface Assignment {
  /** Version of the protocol. */
  readonly version: typeof PROTOCOL_VERSION;
  /** Secret of the two, which no app can know: begins each report. */
  readonly token: string;
  /** Ports that were chosen for addresses with port 0, by {@linkcode portKey}. */
  readonly ports: Readonly<Record<string, number>>;
  /** Whether it is to take the place of a process that still serves. */
  readonly role: "first" | "successor";
}

/** What a process reports. */
export type Report =
  /** It serves. */
  | {
    readonly kind: "ready";
    /** Its endpoints. */
    readonly urls: readonly string[];
    /** What is to be said at the start. */
    readonly notice: readonly [LogLevel, string] | null;
  }
  /** It loads its apps anew. */
  | { readonly kind: "reloading" }
  /** It has done so, or goes on with what it had. */
  | { readonly kind: "reloaded" };

/** Names an address among those of the settings. */
export function portKey(scheme: string, index: number): string {
  return `${scheme}:${index}`;
}

/** What a report begins with. */
export function reportMark(token: string): string {
  return `\x1e${token} `;
}
