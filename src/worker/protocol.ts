/**
 * The messages between a worker and the gateway's thread that are not on the rings: start, its
 * outcome, and the doorbell.
 *
 * @module
 */

import type { FaultReports } from "../message/exchange.ts";
import type { FileField } from "../message/file_fields.ts";
import type { ConsoleTerms } from "./console_tags.ts";
import type { WorkerGraph } from "../loader/graph/graph_store.ts";
import type { ImportType } from "../loader/names/sources.ts";
import type { SandboxRules } from "../sandbox/rules.ts";
import type { UnstableRules } from "../base/unstable_features.ts";

/** An export of a module, as the worker is to load it. */
export interface ExportSource {
  /** URL of the module. */
  readonly url: string;
  /** URL to import, where the loader has put the module somewhere else. */
  readonly module?: string;
  /** Name of the export. */
  readonly exportName: string;
  /** Whether the export is the thing itself, or a function that makes it of settings. */
  readonly kind: "plain" | "factory";
  /** What the thing is, if it is not an app, or middleware. */
  readonly form?: "fastcgi-handler";
  /** What a factory is called with. */
  readonly settings: Readonly<Record<string, string>>;
}

/** An app, where it is mounted, and what is around it. */
export interface AppSource extends ExportSource {
  /** Path prefix, `""` for the root. */
  readonly prefix: string;
  /** How much of the prefix is taken off the URLs that it gets; nothing if absent. */
  readonly stripped?: string;
  /** Middleware, the last outermost. */
  readonly middleware: readonly ExportSource[];
}

/** What a worker is to run. */
export interface AppSet {
  /** The apps by mount. */
  readonly mounts: readonly AppSource[];
  /** Which faults of apps are reported to front servers. */
  readonly faultReports: FaultReports;
  /** How what they print is tagged; not at all if absent. */
  readonly console?: ConsoleTerms;
  /** Header fields by which they name files; none if absent. */
  readonly fileFields?: readonly FileField[];
  /** Whether apps may not use the runtime's own `import()`; absent means that they may. */
  readonly lockdown?: "locked";
  /** What they get of the runtime's unstable features; all that the process has if absent. */
  readonly unstable?: UnstableRules;
  /** The modules of the apps, if the built-in loader has made them. */
  readonly graph?: WorkerGraph;
}

/** What an app imports that is not in its worker's graph. */
export interface ImportRequest {
  /** The specifier. */
  readonly specifier: string;
  /** URL of the module that imports it. */
  readonly referrer: string;
  /** What the import's attributes ask for. */
  readonly type: ImportType;
  /** What the last answer said in {@linkcode Imported.told}; 0 unless it is given. */
  readonly told?: number;
}

/** The answer: where the module is, or why it is not. */
export type Imported =
  | {
    /** Its file, relative to the folder of the graph. */
    readonly file: string;
    /** Files by key, that and those that came along. */
    readonly files: Readonly<Record<string, string>>;
    /** URLs that stand for others. */
    readonly redirects: Readonly<Record<string, string>>;
    /** Folders of packages, by requirement. */
    readonly packages: Readonly<Record<string, string>>;
    /**
     * CommonJS, as a graph for workers has it, with what other threads have asked for since the answer before;
     * none unless it is given.
     */
    readonly commonJs?: Readonly<Record<string, string>>;
    /** How much CommonJS that makes, with all that answers had before; 0 unless it is given. */
    readonly told?: number;
  }
  | { readonly message: string };

/** The worker's end of the line on which it waits for modules that CommonJS requires. */
export interface RequireLineStart {
  /** Answers come here. */
  readonly port: MessagePort;
  /** Memory of one word, which changes with each answer, and is {@linkcode LINE_CLOSED} at the end. */
  readonly word: SharedArrayBuffer;
}

/** An answer on that line. */
export interface RequireAnswer {
  /** Number of the request. */
  readonly id: number;
  /** The answer. */
  readonly answer: Imported;
}

/** What the word of a line says that has ended. */
export const LINE_CLOSED = -1;

/** URLs of all modules that `apps` names. */
export function modulesOf(apps: AppSet): string[] {
  return apps.mounts.flatMap(({ url, middleware }) => [url, ...middleware.map(({ url }) => url)]);
}

/** URLs of the modules of `apps` that are main ones: not those of middleware. */
export function mainModulesOf(apps: AppSet): string[] {
  return apps.mounts.map(({ url }) => url);
}

/** The first message to a worker. */
export interface StartMessage {
  /** Version of the frames that the gateway speaks. */
  readonly framesVersion: number;
  /** Ring of frames to the worker. */
  readonly toWorker: SharedArrayBuffer;
  /** Ring of frames to the gateway. */
  readonly toGateway: SharedArrayBuffer;
  /** The bells of the worker and of the gateway: {@linkcode WORKER_BELL}, {@linkcode GATEWAY_BELL}. */
  readonly bells: SharedArrayBuffer;
  /** The apps to load. */
  readonly apps: AppSet;
  /** What they are kept from. */
  readonly sandbox: SandboxRules;
  /** How the worker gets modules that CommonJS requires. */
  readonly requires: RequireLineStart;
  /**
   * Whether a CPU profile of it begins before the apps are loaded; the permission that this takes may be
   * another than the apps have, and is given back then.
   */
  readonly profile: "none" | "begin" | "begin and revoke";
  /** What ids of requests begin with. */
  readonly idPrefix: string;
}

/** The answer to an import, with the number of its request. */
export interface ImportedMessage {
  /** Number of the request. */
  readonly imported: number;
  /** The answer. */
  readonly answer: Imported;
}

/** Word for the apps of what is listened at. */
export interface ListeningMessage {
  /** The addresses. */
  readonly listening: readonly Deno.Addr[];
}

/** What a worker reports, besides ringing. */
export type WorkerReport =
  /** An app imports a module that the worker does not have. */
  | { readonly kind: "import"; readonly id: number; readonly request: ImportRequest }
  /** CommonJS requires an ES module that the worker does not have, and the worker waits. */
  | { readonly kind: "require"; readonly id: number; readonly request: ImportRequest }
  /** One of the modules that the apps consist of has been loaded, and has made what it is to make. */
  | { readonly kind: "loaded"; readonly url: string }
  /** The apps are loaded. */
  | { readonly kind: "ready" }
  /** Apps were denied something, as `text` says, with the option that permits it. */
  | { readonly kind: "denied"; readonly text: string }
  /** The app threw an error that nobody caught: the worker is to be replaced. */
  | { readonly kind: "uncaught"; readonly text: string }
  /** An app could not be loaded. */
  | { readonly kind: "failed"; readonly url: string; readonly message: string }
  /** The app closed its worker. */
  | { readonly kind: "closed"; readonly by: string }
  /** Its CPU profile, in JSON. */
  | { readonly kind: "profile"; readonly text: string };

/** Number of the bell that the worker listens at. */
export const WORKER_BELL = 0;

/** Number of the bell that the gateway listens at. */
export const GATEWAY_BELL = 1;

/** The doorbell, for sides without a bell: says that there are frames, or room for them. */
export const DOORBELL = 0;

/** What a worker sends back at once: all that was sent before it has been heard then. */
export const FENCE = 1;

/** Asks a worker for its CPU profile, which ends with that. */
export const END_PROFILE = 2;

/** Errors that nobody caught, of which a worker reports no more. */
export const MAX_UNCAUGHT_ERRORS = 16;

/** Imports that a worker may wait for at a time. */
export const MAX_PENDING_IMPORTS = 64;

/** Length of the specifiers of these in all, in characters, unless it is one alone. */
export const MAX_PENDING_IMPORT_CHARS = 16 * 1_048_576;

/** How the runtime says that somebody listens at an address already. */
export const ADDRESS_IN_USE = /^(?:uncaught error: )?(?:AddrInUse: |Error: listen EADDRINUSE\b)/;

/** What may be behind that. */
export const LISTENS_IN_EACH =
  "each worker loads the app, which listens there by itself: if it has to, start with --workers 1";
