/**
 * The apps of one thread: takes exchanges, calls the app of their mount, and sends what it returns.
 *
 * @module
 */

import type { Exchange, ExchangeHandler, FaultReports } from "../exchange.ts";
import type { Log } from "../log.ts";
import type { Context } from "./context.ts";
import { reportingConsole } from "./console_reports.ts";
import { AppContext } from "./context.ts";
import { makeRequest } from "./request.ts";
import { withPermissionHints } from "./permission_hint.ts";
import { plainResponse } from "./response.ts";
import type { TaskOwner } from "./task.ts";
import { AppTask } from "./task.ts";

/** An app, after the convention of `deno serve`. */
export interface App {
  /** Answers `request`. */
  fetch(request: Request, context: Context): Response | Promise<Response>;
}

/** An app with the path prefix that it is mounted at. */
export interface MountedApp {
  /** Prefix without a trailing slash; `""` for the root. */
  readonly prefix: string;
  /** The app. */
  readonly app: App;
}

/** Runs apps on the current thread. */
export class AppRunner implements ExchangeHandler {
  readonly #mounts: readonly MountedApp[];
  readonly #faultReports: FaultReports;
  readonly #log: Log;
  readonly #owner: TaskOwner = {
    onTaskEnded: () => {
      this.#running--;
      this.#checkIdle();
    },
    onStreamError: (task, error) => this.#onAppError(task, error),
  };
  #running = 0;
  #background = 0;
  #idle: PromiseWithResolvers<void> | null = null;

  /** Makes a runner of `mounts`, which the exchanges choose by index. */
  constructor(mounts: readonly MountedApp[], faultReports: FaultReports, log: Log) {
    this.#mounts = mounts;
    this.#faultReports = faultReports;
    this.#log = log;
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
    const { app, prefix } = this.#mounts[head.mount];
    try {
      const request = makeRequest(task);
      const context = new AppContext(task, prefix, this.#waitUntil);
      const isReporting = this.#faultReports === "console" && head.peer.endpoint === "fastcgi";
      const result = isReporting
        ? reportingConsole(task, () => app.fetch(request, context))
        : app.fetch(request, context);
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

  /** Resolves when no request is under way and nothing is waited for. */
  async drained(): Promise<void> {
    while (this.#running > 0 || this.#background > 0) {
      this.#idle ??= Promise.withResolvers();
      await this.#idle.promise;
    }
  }

  #respond(task: AppTask, response: unknown): void {
    // What was made here is known at once; the question below is a slow one.
    const plain = typeof response === "object" && response !== null
      ? plainResponse(response)
      : null;
    if (plain !== null) {
      task.respondPlain(plain);
      return;
    }
    if (!(response instanceof Response)) {
      this.#onAppError(
        task,
        new TypeError(`the app returned ${describe(response)} instead of a Response`),
      );
      return;
    }
    try {
      task.respond(response);
    } catch (error) {
      this.#onAppError(task, error);
    }
  }

  #onAppError(task: AppTask, error: unknown): void {
    // What fails because its request was cut short is no fault of the app's.
    if (task.ended) return;
    const text = error instanceof Error
      ? withPermissionHints(error.stack ?? String(error))
      : `uncaught ${describe(error)}`;
    const { method } = task.head;
    this.#log("error", `${method} ${makeRequest(task).url} failed: ${text}`);
    task.reportFault(text);
    task.fail(500);
  }

  readonly #waitUntil = (promise: Promise<unknown>): void => {
    this.#background++;
    Promise.resolve(promise).catch((error) => {
      this.#log(
        "error",
        withPermissionHints(
          `waitUntil() promise failed: ${error instanceof Error ? error.stack : error}`,
        ),
      );
    }).finally(() => {
      this.#background--;
      this.#checkIdle();
    });
  };

  #checkIdle(): void {
    if (this.#running > 0 || this.#background > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "object") return `an object (${value.constructor?.name ?? "no prototype"})`;
  return `a ${typeof value} (${String(value).slice(0, 80)})`;
}
