/**
 * What runs the apps of a gateway: workers, or the thread of the gateway itself.
 *
 * @module
 */

import type { FastCgiLimits } from "../fastcgi/codec/limits.ts";
import { PARAMS_PER_HEADER_BYTES } from "../fastcgi/codec/limits.ts";
import type { ExchangeHandler } from "../message/exchange.ts";
import type { GenerationReport } from "../monitor/report.ts";
import { descriptors } from "../net/descriptors.ts";
import type { OpeningWorker } from "../pool/descriptor_watch.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import { reservedAddresses } from "./endpoints.ts";
import type { SendGrantedFile } from "./file_desk.ts";
import { FileDesk } from "./file_desk.ts";
import type { GatewayOptions } from "./gateway_options.ts";
import type { ReloadOutcome } from "./generations.ts";

/** Something that runs apps, and can be brought to an end. */
export interface Backend extends ExchangeHandler {
  /** Number of workers that serve. */
  readonly workerCount: number;
  /** All workers, those that are loading or retiring included. */
  readonly allWorkers: readonly OpeningWorker[];
  /** Whether each app has a worker that is ready for requests. */
  readonly isAlive: boolean;
  /** How each generation does, the one that serves first. */
  report(): readonly GenerationReport[];
  /** Replaces a worker; `false` if that cannot be done. */
  retire(mount: string, number: number): boolean;
  /** Resolves when all workers have loaded the apps; rejects when one cannot. */
  readonly complete: Promise<void>;
  /** Tells the apps what addresses are listened at. */
  announce(addresses: readonly Deno.Addr[]): void;
  /** Resolves when all that it was given is done. */
  drain(): Promise<void>;
  /** Ends it at once. */
  terminate(): void;
  /** Replaces all workers; `reason` goes to the log. */
  reload(reason: string): Promise<ReloadOutcome>;
}

/** File descriptors without which no worker is started: it takes more for a moment. */
const DESCRIPTORS_TO_START = 16;

/** A FastCGI request's parameters go along with the target and the header fields made of them. */
function maxHeadBytesOf({ maxHeaderBytes, maxTargetBytes }: FastCgiLimits): number {
  return maxHeaderBytes * (PARAMS_PER_HEADER_BYTES + 2) + maxTargetBytes;
}

/** Starts what runs the apps, with `addresses` as where they listen. */
export async function startBackend(
  options: GatewayOptions,
  switchboard: Switchboard,
  addresses: readonly Deno.Addr[],
): Promise<Backend> {
  const { host, limits, fastcgi, log } = options;
  const desk = new FileDesk({ cwd: options.surroundings.cwd, front: options.frontFileField, log });
  const sendFile: SendGrantedFile = (...order) => desk.send(...order);
  const checkHealth = healthCheckOf(options);
  if (host.kind === "workers") {
    const { prepare } = host;
    const maxHeadBytes = Math.max(
      limits.maxHeaderBytes,
      fastcgi === undefined ? 0 : maxHeadBytesOf(fastcgi.limits),
    );
    const { workerLimits, drainTimeoutMs, generationHeader: headerName } = options;
    const { Generations } = await import("./generations.ts");
    return await Generations.start({
      prepare,
      hasRoom: () => descriptors.makeAvailable(DESCRIPTORS_TO_START),
      reserved: reservedAddresses(options, addresses),
      maxHeadBytes,
      workerLimits,
      drainTimeoutMs,
      headerName,
      sendFile,
      jobs: options.jobs,
      bus: options.bus,
      switchboard,
      profiles: options.profiles,
      checkHealth,
      counts: options.counts,
      memoryReports: options.counts === undefined ? "for limits" : "always",
      log,
    });
  }
  const { startThreadBackend } = await import("./thread_backend.ts");
  return await startThreadBackend(options, {
    load: host.load,
    addresses,
    switchboard,
    sendFile,
    checkHealth,
  });
}

/** What asks apps whether they are fit to serve, if that is wanted. */
function healthCheckOf(
  { healthChecks: paths, healthCheckTimeoutMs: timeoutMs }: GatewayOptions,
): ((handler: ExchangeHandler) => Promise<void>) | undefined {
  if (paths.length === 0) return undefined;
  return async (handler) => {
    const { checkHealth } = await import("./health_check.ts");
    await checkHealth(handler, paths, timeoutMs);
  };
}
