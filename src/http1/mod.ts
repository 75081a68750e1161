/**
 * HTTP/1.1 (RFC 9112): the codec, {@linkcode RequestParser} and {@linkcode ResponseWriter}, and the
 * endpoint, {@linkcode HttpEndpoint}, with the vocabulary that all endpoints speak
 * ({@linkcode Exchange}).
 *
 * @module
 */

export * from "../base/buffers.ts";
export type { Log, LogLevel } from "../base/log.ts";
export type { LogFacts } from "../base/log_line.ts";
export * from "../message/exchange.ts";
export * from "../message/request_limits.ts";
export * from "./codec/limits.ts";
export * from "./codec/parser.ts";
export * from "./codec/writer.ts";
export { HttpEndpoint } from "./endpoint.ts";
