/**
 * The admin listener: a small HTTP server for health, metrics and status. What has the same address shares a
 * socket.
 *
 * @module
 */

import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import type { Log } from "../base/log.ts";
import { messageOf } from "../base/error_message.ts";
import { errorResponse } from "../message/error_response.ts";
import { parseFieldLines } from "../message/fields.ts";
import { latin1Of } from "../message/latin1.ts";
import type { HttpLimits } from "../http1/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../http1/codec/limits.ts";
import { HttpEndpoint } from "../http1/endpoint.ts";
import type { ListenAddress } from "../net/address.ts";
import { formatListenAddress } from "../net/address.ts";
import type { Listening } from "../net/listen.ts";
import { listen } from "../net/listen.ts";
import type { AdminAnswer, AdminRoute, AdminRoutes } from "./admin_routes.ts";
import { textAnswer } from "./admin_routes.ts";
import { sendText } from "./answer_sender.ts";
import { isMeantHost, isOwnOrigin } from "./meant_host.ts";

/** Limits of the listener: nobody has reason to ask for more. */
export const ADMIN_LIMITS: HttpLimits = Object.freeze({
  ...DEFAULT_HTTP_LIMITS,
  maxConnections: 32,
  maxHeaderBytes: 8_192,
  maxHeaderCount: 64,
  maxTargetBytes: 1_024,
  maxBodyBytes: 1_024,
  headerTimeoutMs: 5_000,
  bodyIdleTimeoutMs: 5_000,
  idleTimeoutMs: 60_000,
  requestTimeoutMs: 15_000,
});

/** Connections that the system queues. */
const BACKLOG = 64;

/** On every answer: what is shown is as of now, and for no page of another site. */
const COMMON_FIELDS = [
  "cache-control: no-store",
  "x-content-type-options: nosniff",
  "cross-origin-resource-policy: same-origin",
  "referrer-policy: no-referrer",
  "",
].join("\r\n");

/** An open socket, with what is served there. */
interface Site {
  readonly listening: Listening;
  readonly endpoint: HttpEndpoint;
}

/** Listens at one or more addresses. */
export class AdminServer implements AsyncDisposable {
  /** Addresses that are listened at, with the ports that were chosen. */
  readonly addresses: readonly Deno.Addr[];
  readonly #sites: readonly Site[];

  private constructor(sites: readonly Site[]) {
    this.#sites = sites;
    this.addresses = sites.flatMap(({ listening }) => listening.addresses);
  }

  /**
   * Opens the sockets, each once.
   *
   * @throws {ListenError} when an address cannot be used
   */
  static async open(served: readonly AdminRoutes[], log: Log): Promise<AdminServer> {
    const sites: Site[] = [];
    try {
      for (const { address, routes } of joined(served)) {
        const listening = await listen({ address, backlog: BACKLOG, tls: undefined });
        const handler = new AdminHandler(routes, address, log);
        const endpoint = new HttpEndpoint(listening.listener, "http", handler, ADMIN_LIMITS, log);
        sites.push({ listening, endpoint });
      }
    } catch (error) {
      await closeAll(sites);
      throw error;
    }
    return new AdminServer(sites);
  }

  /** Where it is, as URLs. */
  get urls(): string[] {
    return this.addresses.map((address) => formatListenAddress("http", address));
  }

  /** Closes everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.#sites);
  }
}

async function closeAll(sites: readonly Site[]): Promise<void> {
  for (const { endpoint, listening } of sites) {
    await endpoint[Symbol.asyncDispose]();
    listening.cleanUp();
  }
}

/** The same with each address once. The socket of two has the mode of the first. */
function joined(served: readonly AdminRoutes[]): AdminRoutes[] {
  const byPlace = new Map<string, AdminRoutes>();
  for (const { address, routes } of served) {
    const place = address.transport === "unix"
      ? `unix:${address.path}`
      : `${address.hostname}:${address.port}`;
    const before = byPlace.get(place);
    byPlace.set(place, {
      address: before?.address ?? address,
      routes: [...before?.routes ?? [], ...routes],
    });
  }
  return [...byPlace.values()];
}

/** Answers by routes. */
class AdminHandler implements ExchangeHandler {
  readonly #routes: readonly AdminRoute[];
  readonly #address: ListenAddress;
  readonly #log: Log;

  constructor(routes: readonly AdminRoute[], address: ListenAddress, log: Log) {
    this.#routes = routes;
    this.#address = address;
    this.#log = log;
  }

  handle(exchange: Exchange): void {
    const { head } = exchange;
    const { method } = head;
    const target = latin1Of(head.block, head.targetStart, head.targetEnd);
    const [path, search = ""] = target.replace(/^http:\/\/[^/?]*/i, "").split("?", 2);
    const here = this.#routes.filter((route) => route.path === path);
    const route = here.find((route) =>
      route.method === method || route.method === "GET" && method === "HEAD"
    );
    if (route === undefined) {
      const allow = here.map((route) => route.method).join(", ");
      sendText(
        exchange,
        here.length === 0 ? textAnswer(404, "not found") : {
          ...textAnswer(405, `this takes ${allow}`),
          fieldLines: `allow: ${allow}\r\n`,
        },
        COMMON_FIELDS,
      );
      return;
    }
    const fields = new Map(
      parseFieldLines(head.block, head.fieldsStart, head.fieldsEnd)
        .map(([name, value]) => [name.toLowerCase(), value]),
    );
    const authority = latin1Of(head.block, head.authorityStart, head.authorityEnd);
    const isMeant = route.audience === "anybody" ||
      isMeantHost(authority, this.#address) && isOwnOrigin(fields.get("origin"), authority);
    if (!isMeant) {
      sendText(
        exchange,
        textAnswer(403, "this is for those who ask this host by its address, or as localhost"),
        COMMON_FIELDS,
      );
      return;
    }
    const token = /^bearer +(\S+)$/i.exec(fields.get("authorization") ?? "")?.[1] ?? null;
    const query = new URLSearchParams(search);
    this.#answer(exchange, route, { method, query, token });
  }

  async #answer(
    exchange: Exchange,
    route: AdminRoute,
    request: Parameters<AdminRoute["respond"]>[0],
  ): Promise<void> {
    let answer: AdminAnswer | Promise<AdminAnswer>;
    try {
      answer = route.respond(request);
      if (answer instanceof Promise) answer = await answer;
    } catch (error) {
      this.#log("error", `${route.path} cannot be answered: ${messageOf(error)}`);
      const { body } = errorResponse(500, "");
      answer = textAnswer(500, body.trimEnd());
    }
    sendText(exchange, answer, COMMON_FIELDS);
  }
}
