/**
 * Runs apps on the gateway's own thread: loaded by gateways without workers, before their apps.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { ExchangeHandler, WorkerPlace } from "../message/exchange.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import { AppRunner } from "../worker/apps.ts";
import type { SendGrantedFile } from "./file_desk.ts";
import type { Backend } from "./backend.ts";
import type { AppLoad, GatewayOptions } from "./gateway_options.ts";
import { routed } from "./router.ts";
import { GatewaySockets } from "./socket_keeper.ts";

/** Where requests are that apps of this thread have. */
const NO_WORKER: WorkerPlace = { worker: 0, generation: 0 };

/** What the apps of the thread are connected to. */
export interface ThreadTerms {
  /** Loads the apps. */
  readonly load: AppLoad;
  /** Addresses that are listened at. */
  readonly addresses: readonly Deno.Addr[];
  /** Connects to the hub of signals and topics. */
  readonly switchboard: Switchboard;
  /** Answers with files. */
  readonly sendFile: SendGrantedFile;
  /** Rejects if what `handler` leads to is not fit to serve; all are if undefined. */
  readonly checkHealth: ((handler: ExchangeHandler) => Promise<void>) | undefined;
}

/**
 * Loads the apps on this thread.
 *
 * @throws {ConfigError} when the options need workers
 * @throws {LoadError} when an app cannot be loaded
 */
export async function startThreadBackend(
  { bus, fastcgi, fileFields, generationHeader, log, prefixes }: GatewayOptions,
  { load, addresses, switchboard, sendFile, checkHealth }: ThreadTerms,
): Promise<Backend> {
  if (generationHeader !== "") {
    throw new ConfigError(
      "a generation header requires workers: without workers there are no generations",
    );
  }
  const sockets = new GatewaySockets(bus);
  const runner = new AppRunner(
    await load(addresses),
    fastcgi?.faultReports ?? "none",
    log,
    sockets.keeperFor(prefixes),
    (take) => {
      const line = switchboard.attach({ isClogged: false, write: take });
      return (record) => void line.take(record);
    },
    sendFile.bind(null, "any"),
    fileFields,
  );
  const apps: ExchangeHandler = {
    handle(exchange) {
      // Apps look at their requests later, too.
      exchange.head.detach();
      exchange.onGiven?.(NO_WORKER);
      runner.handle(exchange);
    },
  };
  const handler = routed(prefixes.map((prefix, mount) => ({ prefix, mount, handler: apps })));
  await checkHealth?.(handler);
  return {
    workerCount: 0,
    allWorkers: [],
    isAlive: true,
    report: () => [],
    retire: () => false,
    complete: Promise.resolve(),
    announce: (addresses) => runner.announce(addresses),
    handle: (exchange) => handler.handle(exchange),
    drain: () => runner.drained(),
    terminate() {},
    reload(reason) {
      const error = new ConfigError("reloading needs --workers 1 or more");
      log("error", `not reloading (${reason}): ${error.message}`);
      return Promise.resolve({ kind: "failed", error });
    },
  };
}
