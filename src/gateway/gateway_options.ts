/**
 * What a gateway is made of.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { Bus } from "../bus/bus.ts";
import type { CompressionSettings } from "../compression/codec/settings.ts";
import type { ResponseMount } from "../config/respond_mounts.ts";
import type { FastCgiLimits } from "../fastcgi/codec/limits.ts";
import type { FolderOptions } from "../files/folder.ts";
import type { HttpLimits } from "../http1/codec/limits.ts";
import type { WorkerLimits } from "../limits/worker_limits.ts";
import type { ExchangeHandler, FaultReports } from "../message/exchange.ts";
import type { FileField } from "../message/file_fields.ts";
import type { HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import type { ListenAddress } from "../net/address.ts";
import type { SocketSharing } from "../net/listen.ts";
import type { TlsIdentity } from "../net/tls_identity.ts";
import type { RequestObserver, RequestTracer } from "../observe/request_record.ts";
import type { WorkerCounts } from "../pool/counts.ts";
import type { ThreadProfiles } from "../pool/thread_profiles.ts";
import type { ForwardedField } from "../proxies/forwarded_fields.ts";
import type { TrustedProxies } from "../proxies/trusted_proxies.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import type { MessageCompression } from "../websocket/codec/deflate_terms.ts";
import type { MountedApp } from "../worker/apps.ts";
import type { EarlySockets } from "./early_sockets.ts";
import type { FolderMount } from "./folder_mounts.ts";
import type { LoadableApps } from "./generations.ts";

/** Where apps run: in workers that load them, or on this thread. */
export type AppHost =
  | { readonly kind: "workers"; readonly prepare: () => Promise<readonly LoadableApps[]> }
  | { readonly kind: "thread"; readonly load: AppLoad };

/** Loads apps on this thread, and tells them what addresses are listened at. */
export type AppLoad = (addresses: readonly Deno.Addr[]) => Promise<readonly MountedApp[]>;

/** What a gateway's FastCGI endpoints are made of. */
export interface FastCgiOptions {
  /** Addresses to serve FastCGI on. */
  readonly addresses: readonly ListenAddress[];
  /** Limits of each endpoint. */
  readonly limits: FastCgiLimits;
  /** Which faults of apps go to the web servers' error logs. */
  readonly faultReports: FaultReports;
  /** Addresses of the web servers that may connect over TCP; all if absent. */
  readonly webServerAddrs: readonly string[] | undefined;
  /** Folder for the temporary files that long bodies go to. */
  readonly tempFolder: string;
}

/** What is served over plain HTTP, besides the apps, where there is HTTPS. */
export interface PlainHttp {
  /** Addresses where requests are redirected. */
  readonly redirects: readonly ListenAddress[];
  /** Handles requests there; `httpsPort` is that of the first address of HTTPS. */
  redirectTo(httpsPort: number): ExchangeHandler;
  /** What stands before the apps wherever plain HTTP is served. */
  before(apps: ExchangeHandler): ExchangeHandler;
}

/** What a gateway is made of. */
export interface GatewayOptions {
  /** Addresses to serve plain HTTP/1.1 on. */
  readonly http: readonly ListenAddress[];
  /** Addresses to serve HTTP/1.1 over TLS on. */
  readonly https: readonly ListenAddress[];
  /** Who `https` is. */
  readonly tls: TlsIdentity | undefined;
  /** What is served over plain HTTP besides the apps. Default: nothing. */
  readonly plainHttp?: PlainHttp;
  /** FastCGI, if it is served. */
  readonly fastcgi: FastCgiOptions | undefined;
  /** Mongrel2 servers, and dispatchers, to be a handler of. */
  readonly mongrel2: readonly HandlerSpec[];
  /** Number of this process among those of a gateway, from 1. Default: `null`, it is the only one. */
  readonly processNumber?: number | null;
  /** What the process was started in and with. */
  readonly surroundings: Surroundings;
  /** Proxies whose word is taken for whom they forward requests for. Default: none. */
  readonly trustedProxies?: TrustedProxies;
  /** Which of their fields say for whom they do. Default: the three `X-Forwarded-…`. */
  readonly forwardedFields?: readonly ForwardedField[];
  /** What apps get in `X-Request-Id`: what was sent, or the request's id. Default: what was sent. */
  readonly requestId?: "as-sent" | "field";
  /** Connections that the system queues for each address. */
  readonly backlog: number;
  /** Who else may listen at the addresses. Default: nobody. */
  readonly sharing?: SocketSharing;
  /** Sockets that are open already. Default: none. */
  readonly early?: EarlySockets;
  /** Limits of the HTTP endpoints. */
  readonly limits: HttpLimits;
  /** What is done with messages of WebSockets. */
  readonly messageCompression: MessageCompression;
  /** What `Server` says in responses that do not have it. Default: there is none. */
  readonly serverHeader?: string;
  /** How responses are compressed. Default: not at all. */
  readonly compression?: CompressionSettings;
  /** Where the apps run. */
  readonly host: AppHost;
  /** Path prefixes of the apps, in their order. */
  readonly prefixes: readonly string[];
  /** Header fields by which apps on this thread name files. Default: none. */
  readonly fileFields?: readonly FileField[];
  /** By which field a front server is told to send files that apps order. Default: the gateway sends them. */
  readonly frontFileField?: FileField | null;
  /** Folders that are served beside the apps. */
  readonly folders: readonly FolderMount[];
  /** Responses that are served beside the apps. Default: none. */
  readonly responses?: readonly ResponseMount[];
  /** How folders are served. */
  readonly folderOptions: FolderOptions;
  /** Limits of each worker. */
  readonly workerLimits: WorkerLimits;
  /** How long workers that a reload replaces may finish their requests, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Name of a response header that says the generation of workers; `""` for none. */
  readonly generationHeader: string;
  /** Paths that apps are asked for before they serve. */
  readonly healthChecks: readonly string[];
  /** How long each answer may take, in milliseconds. */
  readonly healthCheckTimeoutMs: number;
  /** Counts what befalls the workers. Default: they are not counted. */
  readonly counts?: WorkerCounts;
  /** Addresses of the gateway's own that apps may not listen at, besides those of endpoints. Default: none. */
  readonly adminAddresses?: readonly ListenAddress[];
  /** Whether jobs of the apps run here, or in another process. Default: here. */
  readonly jobs?: "here" | "elsewhere";
  /** Connects to the hub of signals and topics. Default: a hub of its own. */
  readonly switchboard?: Switchboard;
  /** Who takes profiles of the workers. Default: nobody. */
  readonly profiles?: ThreadProfiles;
  /** Carries messages to the gateway's other processes. Default: there are none. */
  readonly bus?: Bus;
  /** Who is told of each request at its end. Default: nobody, which costs nothing. */
  readonly observers?: readonly RequestObserver[];
  /** Who traces requests. Default: nobody. */
  readonly tracer?: RequestTracer | null;
  /** Takes the gateway's messages. */
  readonly log: Log;
}
