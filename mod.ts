/**
 * gatehouse: a gateway for web applications.
 *
 * {@linkcode serve} runs apps behind an HTTP/1.1 endpoint, in Web Workers or on the calling thread.
 * The pieces are exported too: the codec ({@linkcode RequestParser}, {@linkcode ResponseWriter}) and
 * the endpoint ({@linkcode HttpEndpoint}) with the vocabulary that it speaks ({@linkcode Exchange}).
 *
 * @module
 */

export * from "./src/base/errors.ts";
export * from "./src/message/exchange.ts";
export * from "./src/base/buffers.ts";
export * from "./src/fastcgi/codec/limits.ts";
export * from "./src/fastcgi/codec/records.ts";
export * from "./src/fastcgi/server.ts";
export * from "./src/fastcgi/client.ts";
export type { FastCgiEndpointOptions } from "./src/fastcgi/endpoint.ts";
export { FastCgiEndpoint } from "./src/fastcgi/endpoint.ts";
export * from "./src/mongrel2/connection.ts";
export * from "./src/mongrel2/codec/message.ts";
export * from "./src/mongrel2/codec/spec.ts";
export * from "./src/mongrel2/codec/tnetstring.ts";
export type { Mongrel2EndpointOptions } from "./src/mongrel2/endpoint.ts";
export { Mongrel2Endpoint } from "./src/mongrel2/endpoint.ts";
export * from "./src/message/pairs.ts";
export * from "./src/zmq/socket.ts";
export { zmqVersion } from "./src/zmq/library.ts";
export * from "./src/message/request_limits.ts";
export * from "./src/limits/worker_limits.ts";
export * from "./src/http1/codec/limits.ts";
export * from "./src/http1/codec/parser.ts";
export * from "./src/http1/codec/writer.ts";
export { HttpEndpoint } from "./src/http1/endpoint.ts";
export type { Log, LogLevel } from "./src/base/log.ts";
export { logToStderr } from "./src/base/log.ts";
export * from "./src/gateway/serve.ts";
export type {
  AppFunction,
  AppReference,
  LoadingOptions,
  ServeOptions,
} from "./src/gateway/serve_options.ts";
export type { ReloadOutcome } from "./src/gateway/generations.ts";
export type { App, MountedApp, ServedModule } from "./src/worker/apps.ts";
export { AppRunner } from "./src/worker/apps.ts";
export type { Context } from "./src/worker/context.ts";
export type {
  AppPermissions,
  PermissionGrant,
  PermissionKind,
} from "./src/config/app_permissions.ts";
export type { BodyPiece } from "./src/worker/request_body.ts";
export type { Middleware, Next } from "./src/worker/load_apps.ts";
