/**
 * The options of the library's `serve()`.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { CompressionSettings } from "../compression/codec/settings.ts";
import type { AppPermissions } from "../config/app_permissions.ts";
import type { FastCgiLimits } from "../fastcgi/codec/limits.ts";
import type { HttpLimits } from "../http1/codec/limits.ts";
import type { WorkerLimits } from "../limits/worker_limits.ts";
import type { FaultReports } from "../message/exchange.ts";
import type { RequestRecord } from "../observe/request_record.ts";
import type { ForwardedField } from "../proxies/forwarded_fields.ts";
import type { App } from "../worker/apps.ts";
import type { Context } from "../worker/context.ts";
import type { WatchOptions } from "./watch_options.ts";

/** A bare function that is an app. */
export type AppFunction = (request: Request, context: Context) => Response | Promise<Response>;

/**
 * An app: by the URL or path of its module (with `#export`, if not the default), or the app itself; a
 * folder, by its URL or path, whose files are served; or a response, such as
 * `"respond:302,location=https://example.com{PATH}"`.
 */
export type AppReference = string | URL | App | AppFunction;

/** How folders of files are served. */
export interface FileServing {
  /** Whether a folder without an `index.html` is listed, as HTML or JSON. Default `"none"`. */
  readonly listing?: "none" | "entries";
  /**
   * Name of a file of the folder that is sent where a page is asked for that does not exist, such as
   * `"index.html"`. Default `""`: none.
   */
  readonly fallback?: string;
  /** `Cache-Control` of files that are not HTML, which is sent with `no-cache` then. Default `""`: none. */
  readonly cacheControl?: string;
}

/** How apps given by URL or path are loaded. */
export interface LoadingOptions {
  /**
   * Which loader loads them: Deno's, as part of this program, or gatehouse's, which follows the
   * `deno.json` of each app, has a cache of its own, and needs workers. Default: gatehouse's, if
   * another option here is given, or apps are watched; else Deno's.
   */
  readonly loader?: "built-in" | "native";
  /** Path or URL of the import map. Default: that of the app's `deno.json`. */
  readonly importMap?: string;
  /** What is fetched again although it is in the cache: URLs that begin so. Default `"none"`. */
  readonly reload?: "none" | "all" | readonly string[];
  /** Whether the network is used (`"use"`), or the cache alone (`"only"`). Default `"use"`. */
  readonly cachePolicy?: "use" | "only";
  /** Path of the lock file. Default: the `deno.lock` of the app's project, if there is one. */
  readonly lockFile?: string;
  /**
   * What happens to modules that the lock does not have: they are added, or refused. Default
   * `"extend"`.
   */
  readonly lockMode?: "extend" | "frozen";
  /**
   * Path of a lock of whole apps, as `gatehouse lock` makes it: apps that are made of anything else do not
   * start, and a reload to them fails. Default: none.
   */
  readonly appLock?: string;
  /** Hosts that modules may come from, besides those that Deno allows and the apps' own. Default: none. */
  readonly allowImport?: "any" | readonly string[];
  /** Where modules may come from over `http:`. Default `"loopback"`: this machine. */
  readonly allowHttp?: "loopback" | "any";
}

/** Options of `serve()`. */
export interface ServeOptions extends WatchOptions {
  /** The app to serve at the root. */
  readonly app?: AppReference;
  /** Apps by path prefix, such as `{ "/admin": "./admin.ts" }`. The longest prefix wins. */
  readonly mounts?: Readonly<Record<string, AppReference>>;
  /** How folders of files among the apps are served. Default: as {@linkcode FileServing} says. */
  readonly files?: FileServing;
  /**
   * Addresses to serve HTTP on: `[host]:port`, a port, or `unix:PATH[,mode=0660]`. Port 0 picks a
   * free port. With `,proxy-protocol` at its end, each connection has to begin with a header of the
   * PROXY protocol, from one of `trustedProxies`. Default `"127.0.0.1:8000"`, unless another endpoint
   * is given.
   */
  readonly http?: string | readonly string[];
  /** Addresses to serve HTTPS on, with ports, not unix sockets. Needs `cert` and `key`. */
  readonly https?: string | readonly string[];
  /** Addresses to serve FastCGI on, to web servers in front. */
  readonly fastcgi?: string | readonly string[];
  /**
   * Mongrel2 servers to handle requests of: the endpoint that each sends them at, such as
   * `tcp://127.0.0.1:9999`, followed by `,recv=ENDPOINT`, `,ident=ID`, `,chroot=DIR` and
   * `,uploads=DIR` where needed. Or dispatchers (`gatehouse dispatch`), such as
   * `dispatch+tcp://127.0.0.1:9990`, followed by `,name=NAME`, `,capacity=N`, `,chroot=DIR` and
   * `,uploads=DIR`.
   */
  readonly mongrel2?: string | readonly string[];
  /** Certificate chain for `https`, as PEM text. */
  readonly cert?: string;
  /** Private key for `https`, as PEM text. */
  readonly key?: string;
  /**
   * Number of workers for apps given by URL; 0 runs them on the calling thread. Default: number of
   * cores. Apps given as objects always run on the calling thread.
   */
  readonly workers?: number;
  /**
   * Middleware around each app that is given by URL, by URL or path (with `#export`, if not the default);
   * the last is the outermost. Default: none.
   */
  readonly middleware?: readonly (string | URL)[];
  /** How apps that are given by URL are loaded. Default: by Deno. */
  readonly loading?: LoadingOptions;
  /**
   * Whether apps in workers are reloaded when one of their local files changes. Default
   * `"nothing"`.
   */
  readonly watch?: "nothing" | "files";
  /**
   * Interval at which remote modules of apps in workers are checked, in milliseconds; the apps are
   * reloaded if one has changed. Default 0, which disables it.
   */
  readonly watchRemoteMs?: number;
  /**
   * What apps in workers may do. Default `"inherit"`: all that this program may.
   *
   * Deno requires its flag `--unstable-worker-options` (or `"unstable": ["worker-options"]` in
   * deno.json) for anything else, and ends the program with a message where it is missing.
   */
  readonly permissions?: AppPermissions | "inherit";
  /**
   * How long replaced workers may take to finish their requests, in milliseconds. Default 30,000.
   */
  readonly drainTimeoutMs?: number;
  /** Limits of each worker that differ from `DEFAULT_WORKER_LIMITS`. */
  readonly workerLimits?: Partial<WorkerLimits>;
  /** Name of a response header that says which generation of workers answered. Default: none. */
  readonly generationHeader?: string;
  /** Connections that the system queues for each address. Default 511. */
  readonly backlog?: number;
  /** Limits that differ from `DEFAULT_HTTP_LIMITS` and `DEFAULT_FASTCGI_LIMITS`. */
  readonly limits?: Partial<HttpLimits & FastCgiLimits>;
  /**
   * Whether messages of WebSockets are compressed, for clients that can (RFC 7692): each by itself, or all of
   * a socket as one stream, which takes up to 300 KiB for each socket that has sent something. Default
   * `"none"`.
   */
  readonly messageCompression?: "none" | "each" | "stream";
  /**
   * Whether responses are compressed, for clients that can (RFC 9110 12.5.3): not at all, or as
   * `DEFAULT_COMPRESSION` says, but for what is given. Default `"none"`.
   */
  readonly compression?: "none" | "default" | Partial<CompressionSettings>;
  /** What `Server` says in responses that do not have it, over HTTP and Mongrel2. Default: there is none. */
  readonly serverHeader?: string;
  /** Which faults of apps go to the web servers' error logs, over FastCGI. Default `"errors"`. */
  readonly faultReports?: FaultReports;
  /** Addresses of the web servers that may connect to `fastcgi` over TCP. Default: all. */
  readonly webServerAddrs?: readonly string[];
  /**
   * Proxies whose word is taken for whom they forward requests for: addresses, networks such as
   * `"10.0.0.0/8"`, and `"unix"` for all that connect over unix sockets. Client, scheme and host are
   * what their `forwardedFields` say, and the PROXY protocol. Default: none.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * Which fields of trusted proxies count. Name those that every one of them sets or removes: of others, what
   * clients send would count. An empty list is for none. Default: the three `x-forwarded-…`, without `forwarded` (RFC 7239).
   */
  readonly forwardedFields?: readonly ForwardedField[];
  /**
   * Who sends the files that apps order with `context.sendFile()`: `"gateway"`, or the web server in front,
   * told by `"x-sendfile"`, `"x-lighttpd-send-file"` or `"x-accel-redirect=/PREFIX=DIR"`. Default `"gateway"`.
   */
  readonly sendfile?: string;
  /**
   * Header fields of responses by which apps name files that the gateway is to send: `"x-sendfile"` or
   * `"x-accel-redirect=/PREFIX=DIR"`. Default: none.
   */
  readonly sendfileFields?: string | readonly string[];
  /**
   * The Redis or Valkey server over which signals and topics reach other gateways:
   * `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` over TLS. Default: they stay here.
   */
  readonly signals?: string;
  /**
   * What apps get in `X-Request-Id`: what was sent, or the request's id (`context.requestId`) in place of that.
   * Default `"as-sent"`.
   */
  readonly requestId?: "as-sent" | "field";
  /**
   * Called with what is known of each request at its end, also of those that were refused. The record is the
   * same object for all of them: take what you need of it before you return. Default: nobody is told.
   */
  readonly onRequestEnd?: (record: RequestRecord) => void;
  /** Takes the gateway's messages. Default: lines to standard error. */
  readonly log?: Log;
}
