/**
 * What requests pass on their way to the apps, and what leads them past these. It is loaded by the
 * gateways that have it.
 *
 * @module
 */

import type { CompressingHandler } from "../compression/handler.ts";
import type { ExchangeHandler } from "../message/exchange.ts";
import { normalPath } from "../message/request_url.ts";
import type { ObservingHandler } from "../observe/handler.ts";
import type { GatewayOptions } from "./gateway_options.ts";
import type { Route } from "./router.ts";
import { routed } from "./router.ts";

/** Leads requests to folders and responses, and others to the apps. */
export async function withOtherMounts(
  apps: ExchangeHandler,
  options: GatewayOptions,
): Promise<ExchangeHandler> {
  const others = [...await folderRoutes(options), ...await responseRoutes(options)];
  if (others.length === 0) return apps;
  const { prefixes } = options;
  return routed([...prefixes.map((prefix) => ({ prefix, mount: 0, handler: apps })), ...others]);
}

async function folderRoutes(
  { folders, folderOptions, surroundings, log }: GatewayOptions,
): Promise<Route[]> {
  if (folders.length === 0) return [];
  const { FolderHandler } = await import("../files/folder.ts");
  const { FileSender } = await import("../files/file_sender.ts");
  const sender = new FileSender({ cwd: surroundings.cwd, log });
  return folders.map(({ prefix, path }) => ({
    prefix,
    mount: 0,
    handler: new FolderHandler(path, prefix, folderOptions, sender, log),
  }));
}

async function responseRoutes({ responses = [] }: GatewayOptions): Promise<Route[]> {
  if (responses.length === 0) return [];
  const { ResponseHandler } = await import("../respond/handler.ts");
  return responses.map(({ prefix, response }) => ({
    prefix,
    mount: 0,
    handler: new ResponseHandler(response, { kind: "mount", prefix: pathOfPrefix(prefix) }),
  }));
}

/** A prefix as it is written in URLs. */
function pathOfPrefix(prefix: string): string {
  return prefix === "" ? "" : normalPath(prefix);
}

/** What tells observers of the requests that `handler` gets, if there are any. */
export async function observingHandler(
  { observers = [], tracer = null }: GatewayOptions,
  handler: ExchangeHandler,
): Promise<ObservingHandler | null> {
  if (observers.length === 0 && tracer === null) return null;
  const { ObservingHandler } = await import("../observe/handler.ts");
  return new ObservingHandler(handler, observers, tracer);
}

/** What compresses the responses of `handler`, if that is wanted. */
export async function compressingHandler(
  { compression, log }: GatewayOptions,
  handler: ExchangeHandler,
): Promise<CompressingHandler | null> {
  if (compression === undefined) return null;
  const { CompressingHandler } = await import("../compression/handler.ts");
  return new CompressingHandler(handler, compression, log);
}

/** What takes the clients of `handler` from what trusted proxies say, if there are any, and names requests. */
export async function forwarding(
  { trustedProxies, forwardedFields, requestId = "as-sent" }: GatewayOptions,
  next: ExchangeHandler,
): Promise<ExchangeHandler> {
  let handler = next;
  if (requestId === "field") {
    const { IdentifyingHandler } = await import("../proxies/identifying.ts");
    handler = new IdentifyingHandler(next);
  }
  if (trustedProxies === undefined) return handler;
  const { ForwardingHandler } = await import("../proxies/forwarding.ts");
  return new ForwardingHandler(handler, trustedProxies, forwardedFields);
}
