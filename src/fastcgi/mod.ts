/**
 * FastCGI 1.0: the codec, {@linkcode RecordReader} and what writes records, the endpoint,
 * {@linkcode FastCgiEndpoint}, with the vocabulary that all endpoints speak ({@linkcode Exchange}), and
 * {@linkcode FastCgiServer} and {@linkcode FastCgiClient}, which need no apps.
 *
 * @module
 */

export * from "../base/buffers.ts";
export type { Log, LogLevel } from "../base/log.ts";
export type { LogFacts } from "../base/log_line.ts";
export * from "../message/exchange.ts";
export * from "../message/pairs.ts";
export * from "../message/request_limits.ts";
export * from "./codec/limits.ts";
export * from "./codec/records.ts";
export * from "./client.ts";
export type { FastCgiEndpointOptions } from "./endpoint.ts";
export { FastCgiEndpoint } from "./endpoint.ts";
export * from "./server.ts";
export { TrustedProxies } from "../proxies/trusted_proxies.ts";
