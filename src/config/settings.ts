/**
 * The settings of `gatehouse serve`.
 *
 * @module
 */

import type { AppPermissions } from "./app_permissions.ts";
import { DEFAULT_ACME_DIRECTORY } from "./certificate_options.ts";
import type { RedisAddress } from "../signals/redis_address.ts";
import type { CodingLevel } from "../compression/codec/settings.ts";
import { DEFAULT_COMPRESSION } from "../compression/codec/settings.ts";
import type { LogFormat } from "../logs/format.ts";
import type { FaultReports } from "../message/exchange.ts";
import type { FileField } from "../message/file_fields.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../fastcgi/codec/limits.ts";
import type { HttpLimits } from "../http1/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../http1/codec/limits.ts";
import type { HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import type { HandlerChoice, HandlerSettings } from "../mongrel2/codec/spec.ts";
import type { LineFormat, LogLevel } from "../base/log.ts";
import { DEFAULT_HEALTH_CHECK_MS } from "../limits/setting_ranges.ts";
import type { ListenAddress } from "../net/address.ts";
import type { CannedResponse } from "../respond/canned_response.ts";
import type { ForwardedField } from "../proxies/forwarded_fields.ts";
import { DEFAULT_FORWARDED_FIELDS } from "../proxies/forwarded_fields.ts";
import type { ResponseMount } from "./respond_mounts.ts";
import type { SiteAddress } from "./fronts/site_address.ts";
import type { UnstableFeature } from "../base/unstable_features.ts";
import type { MessageCompression } from "../websocket/codec/deflate_terms.ts";
import type { WorkerLimits } from "../limits/worker_limits.ts";
import { DEFAULT_WORKER_LIMITS } from "../limits/worker_limits.ts";

/** Whether an export is an app (or middleware), or a function that makes one of settings. */
export type ExportKind = "plain" | "factory";

/** A module, by what its user calls it, and how it is used. */
export interface ModuleSetting {
  /** URL or path, with `#export` if it is not the default export. */
  readonly module: string;
  /** What the export is. */
  readonly kind: ExportKind;
  /** What a factory is called with. */
  readonly settings: Readonly<Record<string, string>>;
  /** Where it was given: `FILE:LINE`. */
  readonly origin?: string;
}

/** An app and where it is mounted. */
export interface MountSetting {
  /** Path prefix without a trailing slash; `""` for the root. */
  readonly prefix: string;
  /** URL or path of the app, with `#export` if it is not the default export. */
  readonly app: string;
  /** How much of the prefix is taken off the URLs that the app gets; nothing if absent. */
  readonly stripped?: string;
  /** What the export is, if this mount has its own; else as the settings say for all. */
  readonly kind?: ExportKind;
  /** What a factory is called with; nothing if absent. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Middleware around this app alone, the last outermost, within that of all apps. */
  readonly middleware?: readonly ModuleSetting[];
  /** What is answered, if this is not an app. */
  readonly response?: CannedResponse;
  /** Where it was given, if that was in a configuration file: `FILE:LINE`. */
  readonly origin?: string;
  /** Number of workers, if this app has its own; else as the settings say for all. */
  readonly workers?: number;
  /** What this app may do, where that was set for it alone; the rest is as for all. */
  readonly permissions?: AppPermissions | "inherit";
}

/** How folders of files are served. */
export interface FolderSettings {
  /** What a folder without an index page answers. */
  listing: "none" | "entries";
  /** File of the folder that is sent where a page is asked for that does not exist; `""` for none. */
  fallback: string;
  /** `Cache-Control` of files; `""` for none. */
  cacheControl: string;
}

/** What `gatehouse cache` does: fetch apps, describe the cache, or empty it. */
export type CacheAction = "fetch" | "info" | "clean";

/** How apps are loaded. */
export interface LoaderSettings {
  /** Whose loader: gatehouse's, or Deno's. */
  loader: "built-in" | "native";
  /** Path or URL of the import map. */
  importMap: string | undefined;
  /** What is asked for again though it is in the cache: URLs that begin so. */
  reload: "none" | "all" | readonly string[];
  /** Whether the network is used. */
  cachePolicy: "use" | "only";
  /** Path of the lock file. */
  lockFile: string | undefined;
  /** What happens with what the lock does not know. */
  lockMode: "extend" | "frozen";
  /** Path of the lock of whole apps. */
  appLock: string | undefined;
  /** Hosts that modules may come from, besides the usual ones. */
  allowImport: "any" | readonly string[];
  /** Where modules may come from over `http:`. */
  allowHttp: "loopback" | "any";
}

/** Which certificates are got from an authority, and how. */
export interface AcmeSettings {
  /** Names of hosts, for each certificate. */
  certificates: (readonly string[])[];
  /** Whether the user agrees to the authority's terms of service. */
  terms: "agreed" | "not agreed";
  /** Who is asked about the account, as URLs. */
  contacts: string[];
  /** URL of the authority's directory. */
  directory: string;
  /** Folder for keys and certificates; that of the environment if absent. */
  folder: string | undefined;
}

/** A user to become, by name or number. */
export interface UserSetting {
  readonly user: string;
  /** The group; the user's own if absent. */
  readonly group: string | undefined;
}

/** The settings of `gatehouse serve`. */
export interface ServeSettings {
  /** Path of the configuration file. */
  configFile: string | undefined;
  /** Which of its `[server:NAME]` sections counts. */
  serverName: string | undefined;
  /** Which of its `[app:NAME]`, `[composite:NAME]` and `[pipeline:NAME]` sections counts. */
  appName: string | undefined;
  /** The apps. */
  mounts: MountSetting[];
  /** What is answered without an app. */
  responses: ResponseMount[];
  /** Middleware around each app, the last outermost. */
  middleware: string[];
  /** How folders among the apps are served. */
  folderFiles: FolderSettings;
  /** Header fields by which apps name files to send. */
  fileFields: FileField[];
  /** By which field a front server is told to send files that apps order; `null` if the gateway sends them. */
  frontFileField: FileField | null;
  /** Addresses for HTTP. */
  http: ListenAddress[];
  /** Addresses for HTTPS. */
  https: ListenAddress[];
  /** Addresses where HTTP is redirected to HTTPS. */
  redirectHttp: ListenAddress[];
  /** Addresses for FastCGI. */
  fastcgi: ListenAddress[];
  /** Proxies whose word is taken for whom they forward requests for. */
  trustedProxies: string[];
  /** Which of their fields say for whom they do. */
  forwardedFields: readonly ForwardedField[];
  /** Open connections of each FastCGI endpoint. */
  maxConns: number;
  /** Requests at a time of each FastCGI endpoint. */
  maxReqs: number;
  /** What is done with messages of WebSockets. */
  messageCompression: MessageCompression;
  /** What `Server` says in responses that do not have it; `""` for none. */
  serverHeader: string;
  /** The content codings that responses are offered in, the favourite first; `null` for none. */
  compress: readonly CodingLevel[] | null;
  /** Media types of responses that are compressed. */
  compressTypes: readonly string[];
  /** Responses whose length is known to be less are not, in bytes. */
  compressMinBytes: number;
  /** Paths at and below which they are not. */
  compressExcept: readonly string[];
  /** The server by which signals reach other machines; `null` if they need not. */
  signals: RedisAddress | null;
  /** Which faults of apps go to the web servers' error logs. */
  faultReports: FaultReports;
  /** Mongrel2 servers, and dispatchers, to be a handler of. */
  mongrel2: HandlerSpec[];
  /** Mongrel2's configuration database, to find a handler's sockets in. */
  mongrel2Config: string | undefined;
  /** What that does not say of the handler. */
  mongrel2Settings: HandlerSettings;
  /** Which handler in it. */
  mongrel2Choice: { -readonly [Name in keyof HandlerChoice]: HandlerChoice[Name] };
  /** Mongrel2's control port, for `gatehouse status`. */
  mongrel2Control: string | undefined;
  /** Files of the certificate chains for HTTPS. */
  certFiles: string[];
  /** Files of their private keys, in the same order. */
  keyFiles: string[];
  /** Certificates that are got from an authority. */
  acme: AcmeSettings;
  /** The least grave messages that are written to the log. */
  logLevel: LogLevel;
  /** How they are written. */
  logFormat: LineFormat;
  /** Whether what apps print says of which worker and request it is. */
  consoleTags: "none" | "tagged";
  /** What apps get in `X-Request-Id`: what was sent, or the request's id. */
  requestId: "as-sent" | "field";
  /** Where clients find the web server in front, for `gatehouse config`. */
  site: SiteAddress | null;
  /** Connections that the system queues for each address. */
  backlog: number;
  /** Number of app workers; 0 runs the apps on the gateway's thread. */
  workers: number;
  /** Whether the modules export apps, or functions that make them. */
  appKind: ExportKind;
  /** Files of environment variables, for the apps and for what loads them; later ones count first. */
  envFiles: string[];
  /** How apps are loaded. */
  loading: LoaderSettings;
  /** What `gatehouse cache` does. */
  cacheAction: CacheAction;
  /** Number of gateway processes; 0 runs this one alone, without a supervisor. */
  processes: number;
  /** The user that the gateway becomes once its sockets are open; `null` if it stays who it is. */
  user: UserSetting | null;
  /** File that has the process's number while it serves. */
  pidfile: string | undefined;
  /** Where `/livez` and `/readyz` are answered; `null` for nowhere. */
  health: ListenAddress | null;
  /** Paths that the apps are asked for before they serve. */
  healthChecks: string[];
  /** How long each answer may take, in milliseconds. */
  healthCheckTimeoutMs: number;
  /** Where metrics are; `null` for nowhere. */
  metrics: ListenAddress | null;
  /** Where the status is shown; `null` for nowhere. */
  status: ListenAddress | null;
  /** File of the token by which the gateway is controlled there. */
  statusControl: string | undefined;
  /** Where debuggers may look into the process; `null` for nowhere. */
  inspect: Extract<ListenAddress, { transport: "tcp" }> | null;
  /** Folder for CPU profiles; `undefined` for none. */
  profileFolder: string | undefined;
  /** How long threads are profiled, in milliseconds. */
  profileMs: number;
  /** What apps may do, as far as it was set. */
  appPermissions: { -readonly [Kind in keyof AppPermissions]: AppPermissions[Kind] };
  /** Whether apps may do all that gatehouse itself may. */
  appAllowAll: boolean;
  /** Unstable features of the runtime that all apps get, besides those that their `deno.json` asks for. */
  unstable: UnstableFeature[];
  /** Limits of the HTTP endpoints, and as far as they apply of the others. */
  limits: { -readonly [Name in keyof HttpLimits]: HttpLimits[Name] };
  /** Limits of each worker. */
  workerLimits: { -readonly [Name in keyof WorkerLimits]: WorkerLimits[Name] };
  /** How long the gateway goes on serving when it is told to end, in milliseconds. */
  drainDelayMs: number;
  /** How long shutdown waits for what is in flight, in milliseconds. */
  drainTimeoutMs: number;
  /** Whether the apps are reloaded when local files that they are made of change. */
  watch: "nothing" | "files";
  /** Further files whose changes reload the apps. */
  watchedFiles: string[];
  /** How often remote modules are checked for changes, in milliseconds; 0 disables. */
  watchRemoteMs: number;
  /** Name of the response header that says the generation of workers; `""` for none. */
  generationHeader: string;
  /** File that has a line for each request; `"-"` for standard output. */
  accessLog: string | undefined;
  /** What the lines look like. */
  accessLogFormat: LogFormat;
}

/** Where the gateway is watched: the addresses of its own besides those of endpoints. */
export function adminAddresses(
  { health, metrics, status }: Pick<ServeSettings, "health" | "metrics" | "status">,
): ListenAddress[] {
  return [health, metrics, status].filter((address) => address !== null);
}

/** What the settings say of apps. */
export type AppSettings = Pick<
  ServeSettings,
  | "mounts"
  | "middleware"
  | "appKind"
  | "faultReports"
  | "consoleTags"
  | "logFormat"
  | "fileFields"
  | "loading"
  | "workers"
  | "appPermissions"
  | "appAllowAll"
  | "workerLimits"
  | "watch"
  | "watchRemoteMs"
  | "unstable"
  | "processes"
>;

/** The longest that threads are profiled, in milliseconds: V8 keeps each sample in memory. */
export const MAX_PROFILE_MS = 600_000;

/** The settings before anything is given. */
export function defaultSettings(): ServeSettings {
  return {
    configFile: undefined,
    serverName: undefined,
    appName: undefined,
    mounts: [],
    responses: [],
    middleware: [],
    fileFields: [],
    frontFileField: null,
    folderFiles: { listing: "none", fallback: "", cacheControl: "" },
    http: [],
    https: [],
    redirectHttp: [],
    fastcgi: [],
    trustedProxies: [],
    forwardedFields: DEFAULT_FORWARDED_FIELDS,
    mongrel2: [],
    mongrel2Config: undefined,
    mongrel2Settings: {},
    mongrel2Choice: {},
    mongrel2Control: undefined,
    maxConns: DEFAULT_FASTCGI_LIMITS.maxConns,
    maxReqs: DEFAULT_FASTCGI_LIMITS.maxReqs,
    messageCompression: "none",
    serverHeader: "",
    compress: null,
    compressTypes: DEFAULT_COMPRESSION.types,
    compressMinBytes: DEFAULT_COMPRESSION.minBytes,
    compressExcept: DEFAULT_COMPRESSION.exceptPaths,
    signals: null,
    faultReports: "errors",
    certFiles: [],
    keyFiles: [],
    acme: {
      certificates: [],
      terms: "not agreed",
      contacts: [],
      directory: DEFAULT_ACME_DIRECTORY,
      folder: undefined,
    },
    logLevel: "info",
    logFormat: "text",
    consoleTags: "none",
    requestId: "as-sent",
    site: null,
    backlog: 511,
    workers: navigator.hardwareConcurrency,
    appKind: "plain",
    envFiles: [],
    loading: {
      loader: "built-in",
      importMap: undefined,
      reload: "none",
      cachePolicy: "use",
      lockFile: undefined,
      lockMode: "extend",
      appLock: undefined,
      allowImport: [],
      allowHttp: "loopback",
    },
    cacheAction: "fetch",
    processes: 0,
    user: null,
    pidfile: undefined,
    health: null,
    healthChecks: [],
    healthCheckTimeoutMs: DEFAULT_HEALTH_CHECK_MS,
    metrics: null,
    status: null,
    statusControl: undefined,
    inspect: null,
    profileFolder: undefined,
    profileMs: MAX_PROFILE_MS,
    appPermissions: {},
    appAllowAll: false,
    unstable: [],
    limits: { ...DEFAULT_HTTP_LIMITS },
    workerLimits: { ...DEFAULT_WORKER_LIMITS },
    drainDelayMs: 0,
    drainTimeoutMs: 30_000,
    watch: "nothing",
    watchedFiles: [],
    watchRemoteMs: 0,
    generationHeader: "",
    accessLog: undefined,
    accessLogFormat: { kind: "json" },
  };
}
