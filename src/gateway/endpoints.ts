/**
 * Where a gateway listens, and what serves there. Most gateways speak one protocol: others are loaded by
 * those that do.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { HttpEndpoint } from "../http1/endpoint.ts";
import type { ExchangeHandler } from "../message/exchange.ts";
import type { DispatchLinkReport } from "../mongrel2/dispatch_link.ts";
import type { EndpointReport } from "../monitor/report.ts";
import type { ListenAddress } from "../net/address.ts";
import type { Listening } from "../net/listen.ts";
import { listen } from "../net/listen.ts";
import type { TrustedProxies } from "../proxies/trusted_proxies.ts";
import type { ReservedAddresses } from "../sandbox/rules.ts";
import type { GatewayOptions } from "./gateway_options.ts";
import { forwarding } from "./handlers.ts";
import type { Mongrel2Site } from "./mongrel2_endpoints.ts";

/** Something that takes requests. */
export interface Endpoint extends AsyncDisposable {
  /** Requests without a complete answer. */
  readonly unansweredCount: number;
  /** Requests that it cut off when it was ended. */
  readonly cutOffCount: number;
  /** Open connections, where it has any. */
  readonly connectionCount?: number;
  /** Connections that were accepted so far, where it accepts any. */
  readonly acceptedCount?: number;
  /** Clients with a request under way, where they have no connections. */
  readonly clientCount?: number;
  /** Counts of what the protocol has besides. */
  readonly counts?: Readonly<Record<string, number>>;
  /** How its links to dispatchers do, where it can have any. */
  readonly links?: readonly DispatchLinkReport[];
  /** Takes note that another generation of the apps serves, where somebody wants to know. */
  setGeneration?(generation: number): void;
  /** Goes on as before, but asks clients to go elsewhere, where the protocol has a way. */
  announceEnd?(): void;
  /** Finishes what is in flight, for which there will be up to `graceMs`. */
  drain(graceMs: number): Promise<void>;
}

/** Where an endpoint is. */
export type EndpointSite = Pick<EndpointReport, "url" | "protocol">;

/** An open socket, and what will serve it. */
export interface Opening {
  /** The socket. */
  readonly listening: Listening;
  /** Scheme of its URL. */
  readonly scheme: string;
  /** Has requests handled by `handler`; what takes requests from the endpoint itself is `watched`. */
  serve(handler: ExchangeHandler, watched: Watch): Endpoint;
}

/** Has somebody know what becomes of the requests for `handler`. */
export type Watch = (handler: ExchangeHandler) => ExchangeHandler;

/** Where clients look for HTTPS. */
const HTTPS_PORT = 443;

/** Makes what makes the endpoints for Mongrel2. */
export async function preparedMongrel2(
  { mongrel2: specs, processNumber = null, surroundings, limits, serverHeader, log }:
    GatewayOptions,
): Promise<(handler: ExchangeHandler, workerCount: number) => Promise<readonly Mongrel2Site[]>> {
  if (specs.length === 0) return () => Promise.resolve([]);
  const { prepareMongrel2 } = await import("./mongrel2_endpoints.ts");
  return prepareMongrel2(
    { specs, processNumber, limits, server: serverHeader, log },
    surroundings,
  );
}

/** Who has to say, by the PROXY protocol, for whom connections to `address` are. */
function greetersOf(
  { trustedProxies }: GatewayOptions,
  { greeting }: ListenAddress,
): TrustedProxies | undefined {
  if (greeting === undefined) return undefined;
  if (trustedProxies !== undefined) return trustedProxies;
  throw new ConfigError(
    "proxy-protocol needs trusted proxies: nobody else may say who a client is",
  );
}

export /** Opens the sockets, one after the other. */
async function* openSockets(options: GatewayOptions): AsyncGenerator<Opening> {
  const { backlog, early, limits, log, messageCompression, plainHttp, serverHeader, sharing, tls } =
    options;
  let httpsPort: number | undefined;
  for (const scheme of ["http", "https"] as const) {
    for (const address of options[scheme]) {
      const keys = scheme === "https" ? tls : undefined;
      const greeters = greetersOf(options, address);
      const listening = early?.take(address) ??
        await listen({ address, backlog, tls: keys, sharing, log });
      const { listener } = listening;
      const serve = (handler: ExchangeHandler, watched: Watch) =>
        new HttpEndpoint(listener, scheme, watched(handler), limits, log, {
          compression: messageCompression,
          greeters,
          server: serverHeader,
        });
      if (scheme === "https") httpsPort ??= portOf(listening);
      yield { listening, scheme, serve };
    }
  }
  for (const address of plainHttp?.redirects ?? []) {
    const listening = early?.take(address) ??
      await listen({ address, backlog, tls: undefined, sharing });
    const { listener } = listening;
    const redirecting = plainHttp!.before(plainHttp!.redirectTo(httpsPort ?? HTTPS_PORT));
    const redirect = await forwarding(options, redirecting);
    yield {
      listening,
      scheme: "http",
      serve: (_apps, watched) =>
        new HttpEndpoint(listener, "http", watched(redirect), limits, log, {
          greeters: greetersOf(options, address),
          server: serverHeader,
        }),
    };
  }
  if (options.fastcgi === undefined || options.fastcgi.addresses.length === 0) return;
  const { FastCgiEndpoint } = await import("../fastcgi/endpoint.ts");
  const { addresses, ...settings } = options.fastcgi;
  for (const address of addresses) {
    const greeters = greetersOf(options, address);
    const listening = early?.take(address) ??
      await listen({ address, backlog, tls: undefined, sharing });
    const { listener } = listening;
    const serve = (handler: ExchangeHandler, watched: Watch) =>
      new FastCgiEndpoint({ listener, handler: watched(handler), greeters, log, ...settings });
    yield { listening, scheme: "fastcgi", serve };
  }
}

function portOf({ addresses: [address] }: Listening): number | undefined {
  return "port" in address ? address.port : undefined;
}

/** Where no app may listen. Ports that the system chooses are safe: it gives a port to one alone. */
export function reservedAddresses(
  options: GatewayOptions,
  listening: readonly Deno.Addr[],
): ReservedAddresses {
  const { surroundings } = options;
  const addresses = [...configuredAddresses(options), ...options.adminAddresses ?? []];
  return {
    addresses: listening,
    ports: addresses.flatMap((each) =>
      each.transport === "tcp" && each.port > 0 ? [each.port] : []
    ),
    socketPaths: addresses.flatMap((each) =>
      each.transport === "unix" ? [resolve(surroundings.cwd, each.path)] : []
    ),
  };
}

function configuredAddresses(
  { http, https, fastcgi, plainHttp }: GatewayOptions,
): ListenAddress[] {
  return [...http, ...https, ...plainHttp?.redirects ?? [], ...fastcgi?.addresses ?? []];
}

/** What will be listened at, as far as that is known before it is. */
export function plannedAddresses(options: GatewayOptions): Deno.Addr[] {
  return configuredAddresses(options).flatMap((each): Deno.Addr[] => {
    if (each.transport === "unix") return [{ transport: "unix", path: each.path }];
    const { hostname, port } = each;
    return port === 0 ? [] : [{ transport: "tcp", hostname: hostname || "0.0.0.0", port }];
  });
}
