/**
 * The apps of one thread: takes exchanges, calls the app of their mount, and sends what it returns.
 *
 * @module
 */

import type { Deferred } from "../base/captured.ts";
import { deferred, settle } from "../base/captured.ts";
import type { Exchange, ExchangeHandler, FaultReports } from "../message/exchange.ts";
import type { KeptExchange, SocketHandover, SocketKeeper } from "../message/kept_sockets.ts";
import type { FileField } from "../message/file_fields.ts";
import type { SendFile } from "../message/file_order.ts";
import type { Log } from "../base/log.ts";
import type { Context } from "./context.ts";
import { reportingConsole } from "./console_reports.ts";
import { isTagging, tagged } from "./console_tags.ts";
import { requestIdOf } from "../message/request_id.ts";
import { routeOf } from "../message/request_url.ts";
import { AppContext } from "./context.ts";
import { makeRequest } from "./request.ts";
import { takeNamedFile } from "./named_files.ts";
import { fieldLinesOf } from "./header_lines.ts";
import { plainResponse, pushedResponse } from "./response.ts";
import { SignalClient } from "./signals/client.ts";
import type { TaskOwner } from "./task.ts";
import { AppTask, discard } from "./task.ts";
import { describe, textOfThrown } from "./thrown.ts";
import { AppSockets } from "./websocket/app_sockets.ts";
import { publishTo } from "./websocket/handled_socket.ts";
import type { WebSocketHandlers } from "./websocket/handlers.ts";
import { installUpgrades } from "./websocket/upgrade.ts";

const { Response: PlatformResponse, TypeError } = globalThis;

/** Status with which a socket is closed, with 1001, since its app has no use for it any more. */
const GOING_AWAY = 503;

/** An app, after the convention of `deno serve`. */
export interface App {
  /** Answers `request`. The third argument is the second one, for code that looks for it there. */
  fetch(request: Request, context: Context, again?: Context): Response | Promise<Response>;
  /** Called with each address, once all are listened on, in the first of the app's workers. */
  onListen?(address: Deno.Addr): void | Promise<void>;
  /** What is called with what comes over sockets that `context.upgrade()` opens: they outlive a reload. */
  readonly websocket?: WebSocketHandlers;
}

/** What an app returned instead of a response. */
function notAResponse(value: unknown): string {
  const isApp = typeof value === "function" ||
    typeof (value as { fetch?: unknown } | null | undefined)?.fetch === "function";
  const hint = isApp ? ": its export makes apps, as a factory does, so it needs --factory" : "";
  return `${describe(value)} instead of a Response${hint}`;
}

/** The error without a trace: nothing of the app's was running when it was made. */
function withoutTrace(error: Error): Error {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

/** Where nobody reads files for apps. */
function sendsNoFiles(exchange: Exchange): void {
  exchange.fail(501);
}

/** An app with the path prefix that it is mounted at. */
export interface MountedApp {
  /** Prefix without a trailing slash; `""` for the root. */
  readonly prefix: string;
  /** How much of the prefix is taken off the URLs that the app gets; nothing if absent. */
  readonly stripped?: string;
  /** The app. */
  readonly app: App;
  /** Whose `onListen` is called, if not the app's: that of an app in middleware. */
  readonly listener?: App;
  /** Whose `websocket` is called, if not the app's: that of an app in middleware. */
  readonly sockets?: App;
  /** The modules that it comes from, if these may serve themselves. */
  readonly modules?: readonly ServedModule[];
}

/** A module that may serve itself, as seen by what runs its app. */
export interface ServedModule {
  /** Takes what waits for the requests under way. */
  start(drained: () => Promise<void>): void;
  /** Logs how it serves, once. */
  tell(log: Log): void;
}

/** Runs apps on the current thread. */
export class AppRunner implements ExchangeHandler {
  readonly #mounts: readonly MountedApp[];
  readonly #faultReports: FaultReports;
  readonly #log: Log;
  readonly #keeper: SocketKeeper | undefined;
  /** By mount; `null` for apps without a `websocket`. */
  readonly #sockets: (AppSockets | null)[] = [];
  readonly #sendFile: SendFile;
  readonly #fileFields: readonly FileField[];
  readonly #owner: TaskOwner = {
    onTaskEnded: () => {
      this.#running--;
      this.#checkIdle();
    },
    sendFile: (exchange, order, listener) => this.#sendFile(exchange, order, listener),
    onStreamError: (task, error) => this.#onAppError(task, error),
    onLateError: (task, error) => this.#logError(task, error),
    openSocket: (task, options) => this.#socketsOf(task).open(task, options),
    publish: (task, topic, message) => {
      this.#socketsOf(task);
      return publishTo(this.#keeper!, task.head.mount, topic, message, null);
    },
    keep: (task, exchange, state, window) => this.#keeper!.keep(exchange, task, state, window),
  };
  #running = 0;
  #background = 0;
  #idle: Deferred<void> | null = null;
  readonly #connect: (take: (record: Uint8Array) => void) => (record: Uint8Array) => void;
  #signals: SignalClient | null = null;
  #isFinishing = false;

  /**
   * Makes a runner of `mounts`, which the exchanges choose by index. `keeper` keeps the sockets that apps open with
   * `context.upgrade()`; without it, they cannot.
   * `connect` connects to the hub of signals and topics: it is given what takes records
   * (`signals/records.ts`), and returns what does so there; without it, apps cannot use them.
   * `sendFile` answers with files; without it, they are not to be had. Responses that name one in `fileFields` are
   * answered so, too.
   */
  constructor(
    mounts: readonly MountedApp[],
    faultReports: FaultReports,
    log: Log,
    keeper?: SocketKeeper,
    connect: (take: (record: Uint8Array) => void) => (record: Uint8Array) => void =
      connectToNothing,
    sendFile: SendFile = sendsNoFiles,
    fileFields: readonly FileField[] = [],
  ) {
    this.#connect = connect;
    this.#sendFile = sendFile;
    this.#fileFields = fileFields;
    installUpgrades();
    this.#mounts = mounts;
    this.#faultReports = faultReports;
    this.#log = log;
    this.#keeper = keeper;
    for (let i = 0; i < mounts.length; i++) {
      const { app, sockets = app } = mounts[i];
      const { websocket } = sockets;
      this.#sockets[i] = websocket === undefined || keeper === undefined
        ? null
        : new AppSockets(websocket, keeper);
    }
    for (const { modules = [] } of mounts) {
      for (const module of modules) module.start(() => this.drained());
    }
  }

  /** Calls the app of the exchange's mount. The head must own its bytes. */
  handle(exchange: Exchange): void {
    const { head } = exchange;
    const task = new AppTask(exchange, this.#owner);
    this.#running++;
    const { method } = head;
    if (method === "TRACE" || method === "TRACK" || method === "CONNECT") {
      // No Request can have these methods.
      task.fail(501);
      return;
    }
    const { app, prefix, stripped } = this.#mounts[head.mount];
    try {
      const route = routeOf(head);
      const request = makeRequest(task, head.stripsRoute ? longer(route, stripped) : stripped);
      const mount = longer(prefix, route);
      const context = new AppContext(task, mount, this.#waitUntil, this.#signalClient);
      const isReporting = this.#faultReports === "console" && head.peer.endpoint === "fastcgi";
      const result = isReporting
        ? reportingConsole(task, () => tagged(head, () => app.fetch(request, context, context)))
        : isTagging()
        ? tagged(head, () => app.fetch(request, context, context))
        : app.fetch(request, context, context);
      if (typeof (result as { then?: unknown } | undefined)?.then === "function") {
        (result as Promise<Response>).then(
          (response) => this.#respond(task, response),
          (error) => this.#onAppError(task, error),
        );
      } else {
        this.#respond(task, result as Response);
      }
    } catch (error) {
      this.#onAppError(task, error);
    }
  }

  /** Takes over a socket that was opened elsewhere, or closes it if its app has no use for sockets. */
  adopt(socket: KeptExchange, handover: SocketHandover): void {
    const { head } = socket;
    const sockets = this.#sockets[head.mount];
    if (sockets === null) {
      socket.fail(GOING_AWAY);
      return;
    }
    const task = new AppTask(socket, this.#owner);
    this.#running++;
    try {
      sockets.adopt(task, socket, handover);
    } catch (error) {
      this.#log("error", `a WebSocket cannot be taken over: ${textOfThrown(error)}`);
      task.fail(500);
    }
  }

  /** @throws {TypeError} if the app has no sockets to be kept */
  #socketsOf(task: AppTask): AppSockets {
    const sockets = this.#sockets[task.head.mount];
    if (sockets !== null) return sockets;
    throw new TypeError(
      "context.upgrade() and context.publish() need a websocket beside fetch in what the app exports",
    );
  }

  /** Announces the addresses that are listened on to the apps. */
  announce(addresses: readonly Deno.Addr[]): void {
    for (const { app, listener = app, modules = [] } of this.#mounts) {
      for (const module of modules) module.tell(this.#log);
      if (listener.onListen === undefined) continue;
      for (const address of addresses) this.#announce(listener, address);
    }
  }

  async #announce(app: App, address: Deno.Addr): Promise<void> {
    try {
      await app.onListen?.({ ...address });
    } catch (error) {
      this.#log("error", `onListen() failed: ${textOfThrown(error)}`);
    }
  }

  /** Ends the subscriptions to topics: their clients come back, and find another runner. */
  finishSubscriptions(): void {
    this.#isFinishing = true;
    this.#signals?.finishSubscriptions();
  }

  readonly #signalClient = (): SignalClient => {
    if (this.#signals === null) {
      let client: SignalClient | null = null;
      const write = this.#connect((record) => client!.take(record));
      client = this.#signals = new SignalClient(write);
      if (this.#isFinishing) client.finishSubscriptions();
    }
    return this.#signals;
  };

  /** Counts `work` as under way; its failure is reported elsewhere. */
  waitFor(work: Promise<unknown>): void {
    this.#background++;
    const onEnd = () => {
      this.#background--;
      this.#checkIdle();
    };
    settle(work, onEnd, onEnd);
  }

  /** Resolves when no request is under way and nothing is waited for. */
  async drained(): Promise<void> {
    while (this.#running > 0 || this.#background > 0) {
      this.#idle ??= deferred();
      await this.#idle.promise;
    }
  }

  #respond(task: AppTask, answer: unknown): void {
    // Whoever opens a socket may leave it at that.
    const response = answer === undefined || answer === null ? task.opening ?? answer : answer;
    // All that an app returns may throw as soon as it is looked at, and more than a ring holds.
    try {
      if (this.#fileFields.length > 0 && this.#respondWithNamed(task, response)) return;
      // What was made here is known at once; the question below is a slow one.
      const plain = typeof response === "object" && response !== null
        ? plainResponse(response)
        : null;
      const pushed = plain === null && typeof response === "object" && response !== null
        ? pushedResponse(response)
        : null;
      if (plain !== null) task.respondPlain(plain);
      else if (pushed !== null) pushed.source.pushTo(task, pushed);
      else if (response instanceof PlatformResponse) task.respond(response);
      else throw withoutTrace(new TypeError(`the app returned ${notAResponse(response)}`));
    } catch (error) {
      this.#onAppError(task, error);
    }
  }

  /** Answers with the file that `response` names, if it does. */
  #respondWithNamed(task: AppTask, response: unknown): boolean {
    if (!(response instanceof PlatformResponse) || response.bodyUsed) return false;
    const { headers, status } = response;
    const path = takeNamedFile(headers, this.#fileFields);
    if (path === null) return false;
    const { body } = response;
    task.respondFile({ status, fieldLines: fieldLinesOf(headers), body: null }, path, "use");
    discard(body);
    return true;
  }

  #onAppError(task: AppTask, error: unknown): void {
    // A failure because the request was cut short is not the app's fault.
    if (task.ended) return;
    // Nor is giving up because the client sends no more: clients could fill the log with that.
    if (!task.wasAbortedWith(error)) {
      task.reportFault(this.#logError(task, error));
    }
    task.fail(500);
  }

  #logError(task: AppTask, error: unknown): string {
    const text = textOfThrown(error);
    const { method } = task.head;
    const requestId = requestIdOf(task.head);
    this.#log("error", `${method} ${makeRequest(task).url} failed: ${text}`, { requestId });
    return text;
  }

  readonly #waitUntil = (promise: Promise<unknown>): void => {
    this.#background++;
    this.#wait(promise);
  };

  async #wait(promise: Promise<unknown>): Promise<void> {
    try {
      await promise;
    } catch (error) {
      this.#log("error", `waitUntil() promise failed: ${textOfThrown(error)}`);
    } finally {
      this.#background--;
      this.#checkIdle();
    }
  }

  #checkIdle(): void {
    if (this.#running > 0 || this.#background > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }
}

function connectToNothing(): never {
  throw new TypeError("signals and topics need a gateway: serve(), or the command");
}

/** The longer of two beginnings of a path. */
function longer(one: string, other = ""): string {
  return other.length > one.length ? other : one;
}
