/**
 * A gateway's endpoints for Mongrel2: one for each server, and one for all dispatchers.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { HttpLimits } from "../http1/codec/limits.ts";
import type { ExchangeHandler } from "../message/exchange.ts";
import { isDispatcherSpec, sharedHandler } from "../mongrel2/codec/dispatcher_spec.ts";
import type { DispatcherSpec, HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import type { Mongrel2Spec } from "../mongrel2/codec/spec.ts";
import { hostName } from "../mongrel2/handler_name.ts";
import { readDispatcherKeys } from "../mongrel2/dispatcher_keys.ts";
import { Mongrel2Endpoint } from "../mongrel2/endpoint.ts";
import { openLibzmq } from "../zmq/library.ts";

/** What the endpoints are made of. */
export interface Mongrel2Options {
  /** The servers and the dispatchers. */
  readonly specs: readonly HandlerSpec[];
  /** Number of this process among those of a gateway, from 1; `null` if it is the only one. */
  readonly processNumber: number | null;
  /** Limits of requests. */
  readonly limits: HttpLimits;
  /** What becomes of connections on which a client speaks JSON. Default: nobody answers there. */
  readonly jsonSockets?: "ignored" | "closed";
  /** What `Server` says in responses that do not have it; none if absent. */
  readonly server: string | undefined;
  /** Takes messages. */
  readonly log: Log;
}

/** An endpoint, and what it is called. */
export interface Mongrel2Site {
  readonly endpoint: Mongrel2Endpoint;
  readonly url: string;
}

/** Requests that a handler takes at a time for each worker, unless it is told: no more than a pool lets wait. */
const REQUESTS_PER_WORKER = 1_024;
/** Bytes of a message from a dispatcher at the most, and those of a request besides its body. */
const MAX_MESSAGE_BYTES = 67_108_864;
const HEAD_BYTES = 1_048_576;
const MAX_INT = 2_147_483_647;

/** Opens libzmq, before apps run that may replace it, and makes what makes the endpoints. */
export function prepareMongrel2(
  options: Mongrel2Options,
  surroundings: Surroundings,
): (handler: ExchangeHandler, workerCount: number) => Promise<Mongrel2Site[]> {
  openLibzmq(surroundings);
  const { specs, processNumber, limits, server, jsonSockets = "ignored", log } = options;
  for (const spec of specs) {
    if (!isDispatcherSpec(spec) && spec.note !== undefined) log("info", spec.note);
  }
  const dispatchers = specs.filter(isDispatcherSpec);
  const shared = sharedHandler(dispatchers);
  const name = dispatchers.length === 0 ? "" : nameOf(shared.name, processNumber);
  // Before apps run, and before root's privileges are given up.
  const keys = new Map(dispatchers.map((spec) => [spec.dispatcher, readDispatcherKeys(spec)]));
  const { maxMessageBytes } = limits;
  const common = { limits, maxMessageBytes, server, jsonSockets, log };
  return async (handler, workerCount) => {
    const sites = specs.flatMap((spec) => {
      if (isDispatcherSpec(spec)) return [];
      const isShared = processNumber !== null;
      const endpoint = new Mongrel2Endpoint({ spec, handler, isShared, ...common });
      return [{ endpoint, url: `mongrel2 ${spec.send}` }];
    });
    if (dispatchers.length === 0) return sites;
    const { DispatcherLinks } = await import("../mongrel2/dispatcher_links.ts");
    const capacity = shared.capacity ??
      Math.min(limits.maxConnections, REQUESTS_PER_WORKER * Math.max(workerCount, 1));
    const endpoint = new Mongrel2Endpoint({
      spec: specFor(dispatchers[0], shared),
      transport: (owner) =>
        new DispatcherLinks({
          dispatchers: dispatchers.map(({ dispatcher }) => dispatcher),
          keysFor: (dispatcher) => keys.get(dispatcher),
          name,
          load: { capacity, generation: 1 },
          maxMessageBytes: Math.max(
            MAX_MESSAGE_BYTES,
            Math.min(limits.maxBodyBytes + HEAD_BYTES, MAX_INT),
          ),
          log,
        }, owner),
      handler,
      ...common,
    });
    const urls = dispatchers.map(({ dispatcher }) => `dispatch+${dispatcher}`);
    return [...sites, { endpoint, url: `mongrel2 ${urls.join(" ")}` }];
  };
}

/** What an endpoint takes for where its Mongrel2 is. */
function specFor(
  { dispatcher }: DispatcherSpec,
  { chroot, uploads, route }: Pick<DispatcherSpec, "chroot" | "uploads" | "route">,
): Mongrel2Spec {
  return { send: dispatcher, recv: dispatcher, chroot, uploads, route };
}

/** A name that no other process of the gateway has. */
function nameOf(given: string | undefined, processNumber: number | null): string {
  const name = given ?? hostName();
  return processNumber === null ? name : `${name}-${processNumber}`;
}
