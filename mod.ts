/**
 * gatehouse: a gateway for web applications.
 *
 * {@linkcode serve} runs apps behind an HTTP/1.1 endpoint, in Web Workers or on the calling thread.
 * The pieces are exported too: the codec ({@linkcode RequestParser}, {@linkcode ResponseWriter}) and
 * the endpoint ({@linkcode HttpEndpoint}) with the vocabulary that it speaks ({@linkcode Exchange}).
 *
 * @module
 */

export * from "./src/errors.ts";
export * from "./src/exchange.ts";
export * from "./src/buffers.ts";
export * from "./src/fastcgi/limits.ts";
export * from "./src/fastcgi/records.ts";
export * from "./src/fastcgi/server.ts";
export * from "./src/fastcgi/client.ts";
export type { FastCgiEndpointOptions } from "./src/fastcgi/endpoint.ts";
export { FastCgiEndpoint } from "./src/fastcgi/endpoint.ts";
export * from "./src/mongrel2/connection.ts";
export * from "./src/mongrel2/message.ts";
export * from "./src/mongrel2/spec.ts";
export * from "./src/mongrel2/tnetstring.ts";
export type { Mongrel2EndpointOptions } from "./src/mongrel2/endpoint.ts";
export { Mongrel2Endpoint } from "./src/mongrel2/endpoint.ts";
export * from "./src/pairs.ts";
export * from "./src/zmq/socket.ts";
export { zmqVersion } from "./src/zmq/library.ts";
export * from "./src/request_limits.ts";
export * from "./src/worker_limits.ts";
export * from "./src/http1/limits.ts";
export * from "./src/http1/parser.ts";
export * from "./src/http1/writer.ts";
export { HttpEndpoint } from "./src/http1/endpoint.ts";
export type { Log, LogLevel } from "./src/log.ts";
export { logToStderr } from "./src/log.ts";
export * from "./src/serve.ts";
export type { AppFunction, AppReference, ServeOptions } from "./src/serve_options.ts";
export type { ReloadOutcome } from "./src/generations.ts";
export type { App, MountedApp, ServedModule } from "./src/worker/apps.ts";
export { AppRunner } from "./src/worker/apps.ts";
export type { Context } from "./src/worker/context.ts";
export type {
  AppPermissions,
  PermissionGrant,
  PermissionKind,
} from "./src/config/app_permissions.ts";
export type { BodyPiece } from "./src/worker/request_body.ts";
export type { Middleware, Next } from "./src/loader/load.ts";
