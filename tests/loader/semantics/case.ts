/**
 * What a case of the table is. The meaning of modules is that of `deno run`: each case is run with
 * Deno's own loader, with that of gatehouse, and with that of gatehouse in the executable.
 */

/** A file of a case: its text, or what a server says instead. */
export type CaseFile = string | ServedFile;

/** A file with bytes, or with what its server says of it. */
export interface ServedFile {
  /** What is in it. */
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** What the server calls it; by its name if absent, `null` for nothing at all. */
  readonly contentType?: string | null;
  /** Where the server says that it is, relative to the case. */
  readonly redirect?: string;
  /** HTTP status. */
  readonly status?: number;
}

/** The ways to run a case. */
export type LegName = "native" | "own" | "executable";

/** Where an app comes from: a folder, or an HTTP server on this machine. */
export type Place = "local" | "remote";

/**
 * One case. In files, options and expectations stand
 * `{base}` for the URL of the case's files where the app is, without a slash at the end;
 * `{folder}` for the path of that, if it is a folder;
 * `{site}` for the URL of the same files on another server, wherever the app is; and
 * `{port}` for the port of that.
 */
export interface SemanticsCase {
  /** What holds, as a sentence. */
  readonly name: string;
  /** Files by path. */
  readonly files: Readonly<Record<string, CaseFile>>;
  /** Path of the app's module; `app.ts` if absent. */
  readonly entry?: string;
  /** Where the app is; in both places, one after the other, if absent. */
  readonly place?: Place;
  /** Options of gatehouse. A case that has some gets a gateway for itself. */
  readonly args?: readonly string[];
  /** Which permissions the app gets; all if absent. */
  readonly permissions?: "default";
  /** What `GET /` answers, as JSON. Neither this nor `fails`: any answer will do. */
  readonly answer?: unknown;
  /** The same for the remote form, where it differs. */
  readonly remoteAnswer?: unknown;
  /** Status of the answer; 200 if absent. */
  readonly status?: number;
  /** What the gateway logs: texts that must be in it, patterns that must match. */
  readonly logs?: readonly (string | RegExp)[];
  /**
   * What the gateway says when it cannot load the app: with other cases, one that serves another app and
   * goes on doing so.
   */
  readonly fails?: readonly (string | RegExp)[];
  /** That it is a gateway's first app: one that `fails` ends it with status 1. */
  readonly atStart?: true;
  /** What it says besides where gatehouse's built-in loader is at work. */
  readonly failsOwn?: readonly (string | RegExp)[];
  /** Legs that cannot do it, and why. */
  readonly except?: Readonly<Partial<Record<LegName, string>>>;
}

/** Cases with a common theme. */
export interface Theme {
  /** What they are about. */
  readonly name: string;
  /** The cases. */
  readonly cases: readonly SemanticsCase[];
}
