/**
 * gatehouse: a gateway for web applications.
 *
 * {@linkcode serve} runs apps behind HTTP/1.1, FastCGI and Mongrel2, in Web Workers or on the calling
 * thread. {@linkcode FastCgiServer}, {@linkcode FastCgiClient} and {@linkcode Mongrel2Connection} speak
 * these protocols without apps. The parts of each protocol, codec and endpoint, are in
 * `@gatehouse/gatehouse/http1`, `/fastcgi` and `/mongrel2`.
 *
 * @module
 */

export type { Server } from "./src/gateway/serve.ts";
export { serve } from "./src/gateway/serve.ts";
export type {
  AppFunction,
  AppReference,
  FileServing,
  LoadingOptions,
  ServeOptions,
} from "./src/gateway/serve_options.ts";
export type { AccessLogOptions, WatchOptions } from "./src/gateway/watch_options.ts";
export type { ReloadOutcome } from "./src/gateway/generations.ts";
export type { App, MountedApp, ServedModule } from "./src/worker/apps.ts";
export { AppRunner } from "./src/worker/apps.ts";
export type { Context } from "./src/worker/context.ts";
export { contextOf } from "./src/worker/context.ts";
export type {
  AppSocket,
  SocketBinaryType,
  UpgradeOptions,
  WebSocketHandlers,
} from "./src/worker/websocket/handlers.ts";
export type { OutgoingMessage } from "./src/worker/websocket/messages.ts";
export type {
  KeptExchange,
  SocketHandover,
  SocketHolder,
  SocketKeeper,
} from "./src/message/kept_sockets.ts";
export type { SendOptions, Signals, Topics } from "./src/worker/signals/members.ts";
export type { SubscribeOptions, TopicEvent } from "./src/worker/signals/subscription.ts";
export type { WaitOptions } from "./src/worker/signals/waiters.ts";
export type {
  EventStreamItem,
  EventStreamOptions,
  ServerSentEvent,
  StreamedTopicEvent,
} from "./src/message/event_stream.ts";
export { eventStream, eventText } from "./src/message/event_stream.ts";
export type { SendFileOptions } from "./src/worker/file_response.ts";
export type { FileOrder, SendFile } from "./src/message/file_order.ts";
export type { FileField } from "./src/message/file_fields.ts";
export type { Middleware, Next } from "./src/worker/load_apps.ts";
export type { BodyPiece } from "./src/worker/request_body.ts";
export type {
  AppPermissions,
  PermissionGrant,
  PermissionKind,
} from "./src/config/app_permissions.ts";
export type {
  AbortReason,
  DirectOutput,
  EndpointKind,
  Exchange,
  ExchangeHandler,
  ExchangeReceiver,
  FaultReports,
  Peer,
  Refusal,
  RequestHead,
  RequestRole,
  ResponseHead,
} from "./src/message/exchange.ts";
export type { Outcome, RequestRecord, RequestTrace } from "./src/observe/request_record.ts";
export type { ForwardedField } from "./src/proxies/forwarded_fields.ts";
export type { RequestLimits } from "./src/message/request_limits.ts";
export type { HttpLimits } from "./src/http1/codec/limits.ts";
export { DEFAULT_HTTP_LIMITS } from "./src/http1/codec/limits.ts";
export type { FastCgiLimits } from "./src/fastcgi/codec/limits.ts";
export { DEFAULT_FASTCGI_LIMITS } from "./src/fastcgi/codec/limits.ts";
export type { Coding, CodingLevel, CompressionSettings } from "./src/compression/codec/settings.ts";
export { DEFAULT_COMPRESSION } from "./src/compression/codec/settings.ts";
export type { WorkerLimits } from "./src/limits/worker_limits.ts";
export { DEFAULT_WORKER_LIMITS } from "./src/limits/worker_limits.ts";
export type { LineFormat, Log, LogLevel } from "./src/base/log.ts";
export type { LogFacts } from "./src/base/log_line.ts";
export { logToStderr } from "./src/base/log.ts";
export * from "./src/base/errors.ts";
export * from "./src/fastcgi/client.ts";
export * from "./src/fastcgi/server.ts";
export type { ControlRequest } from "./src/mongrel2/codec/message.ts";
export * from "./src/mongrel2/connection.ts";
