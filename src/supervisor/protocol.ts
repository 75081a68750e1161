/**
 * What the supervisor and its processes say to each other.
 *
 * A process is started with `--supervised=N` before its other arguments. Its standard input carries
 * one line of JSON, the {@linkcode Assignment}, and ends. That names a unix socket, at which the
 * process says the assignment's token, and then its {@linkcode Report}s, a line each. The connection
 * stays open as long as both live. Before it, the process makes another one, which it begins with the
 * token and {@linkcode BUS_SUFFIX}: what follows, both ways, are records of the bus
 * (`bus/bus_records.ts`). Apps have no part in it: what they print, and what they read from standard
 * input, is not of the conversation.
 *
 * @module
 */

import type { LogLevel } from "../base/log.ts";
import { LOG_LEVELS } from "../base/log.ts";

/** Version of this protocol; the two sides may come from different releases. */
export const PROTOCOL_VERSION = 3;

/** What the first argument of a supervised process begins with; its number follows. */
export const SUPERVISED_ARGUMENT = "--supervised=";

/** Whether the first of `args` says that the process is one of several. */
export function isSupervised([first]: readonly string[]): boolean {
  return first?.startsWith(SUPERVISED_ARGUMENT) ?? false;
}

/** What follows the token where a connection is for the bus. */
export const BUS_SUFFIX = " bus";

/** Length of an assignment, and of a report, at the most, in characters. */
export const MAX_MESSAGE_CHARS = 1_048_576;

/** What a process gets when it starts. */
export interface Assignment {
  /** Version of the protocol. */
  readonly version: typeof PROTOCOL_VERSION;
  /** The supervisor's process id. */
  readonly supervisor: number;
  /** Path of the socket for reports. */
  readonly socket: string;
  /** Secret of the two sides, which no app can know: it is sent first over the socket. */
  readonly token: string;
  /** Names the process to the hub of signals and topics: no other has had this name. */
  readonly key: string;
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
    /** What is sent first. */
    readonly notice: readonly [LogLevel, string] | null;
  }
  /** It reloads its apps. */
  | { readonly kind: "reloading" }
  /** It has done so, or goes on with what it had. */
  | { readonly kind: "reloaded" };

/** Names an address among those of the settings. */
export function portKey(scheme: string, index: number): string {
  return `${scheme}:${index}`;
}

/** The report that `line` is; `null` if it is malformed. */
export function parseReport(line: string): Report | null {
  let value: Partial<Report & { kind: "ready" }> | null;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const kind: unknown = value?.kind;
  if (kind === "reloading" || kind === "reloaded") return { kind };
  if (kind !== "ready") return null;
  const { urls, notice } = value!;
  const areUrls = Array.isArray(urls) && urls.every((url) => typeof url === "string");
  const isNotice = notice === null || Array.isArray(notice) && notice.length === 2 &&
      LOG_LEVELS.includes(notice[0]) && typeof notice[1] === "string";
  return areUrls && isNotice ? { kind, urls, notice } : null;
}
