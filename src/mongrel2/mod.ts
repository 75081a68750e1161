/**
 * Mongrel2: the codec ({@linkcode parseMessage}, {@linkcode formatReply}), the endpoint,
 * {@linkcode Mongrel2Endpoint}, with the vocabulary that all endpoints speak ({@linkcode Exchange}),
 * {@linkcode Mongrel2Connection}, which needs no apps, {@linkcode DispatcherLinks}, for an endpoint behind
 * dispatchers, and the sockets of ZeroMQ that they use.
 *
 * @module
 */

export * from "../base/buffers.ts";
export type { Log, LogLevel } from "../base/log.ts";
export type { LogFacts } from "../base/log_line.ts";
export type { DispatchOutcome, HandlerLoad } from "../dispatch/codec/dispatch_message.ts";
export * from "../message/exchange.ts";
export * from "../message/request_limits.ts";
export * from "../zmq/socket.ts";
export type { OptionName } from "../zmq/socket_options.ts";
export type { CurveClient, CurveKeys } from "../zmq/curve.ts";
export { zmqVersion } from "../zmq/library.ts";
export * from "./codec/message.ts";
export * from "./codec/spec.ts";
export * from "./codec/tnetstring.ts";
export * from "./connection.ts";
export type { DispatchLinkReport } from "./dispatch_link.ts";
export type { DispatcherLinksOptions } from "./dispatcher_links.ts";
export { DispatcherLinks } from "./dispatcher_links.ts";
export type { Mongrel2EndpointOptions } from "./endpoint.ts";
export { Mongrel2Endpoint } from "./endpoint.ts";
export type { OpenRequests, RequestLink, RequestOrigin } from "./open_requests.ts";
export * from "./transport.ts";
