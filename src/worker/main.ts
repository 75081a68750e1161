/**
 * What runs in an app worker: loads the apps, then serves what comes over the rings.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { loadApps } from "../loader/load.ts";
import { ignoreBrokenPipes } from "../log.ts";
import { FRAMES_VERSION } from "../ring/frames.ts";
import { RingReader, RingWriter } from "../ring/ring.ts";
import { AppRunner } from "./apps.ts";
import { lockImports } from "./lockdown.ts";
import { installAppThreads } from "./app_thread.ts";
import { AppModules } from "./modules.ts";
import { WorkerPort } from "./port.ts";
import type { Imported, ImportedMessage, ImportRequest } from "./protocol.ts";
import type { StartMessage, WorkerReport } from "./protocol.ts";
import { DOORBELL } from "./protocol.ts";
import { guardProcess } from "./process_guard.ts";
import { installLightResponse } from "./response.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: WorkerReport | typeof DOORBELL): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;
const post = scope.postMessage.bind(globalThis);
const { memoryUsage } = Deno;
let port: WorkerPort | null = null;
/** Imports that the gateway has not answered, by number. */
const imports = new Map<number, (answer: Imported) => void>();
let nextImport = 1;

// Registered before the apps are loaded, so that it hears the gateway first and they do not.
scope.addEventListener("message", (event) => {
  event.stopImmediatePropagation();
  if (event.data === DOORBELL) port?.onDoorbell();
  else if ("imported" in event.data) onImported(event.data as ImportedMessage);
  else start(event.data as StartMessage);
});

function askForModule(request: ImportRequest): Promise<Imported> {
  const id = nextImport++;
  post({ kind: "import", id, request });
  return new Promise((resolve) => imports.set(id, resolve));
}

function onImported({ imported, answer }: ImportedMessage): void {
  imports.get(imported)?.(answer);
  imports.delete(imported);
}

async function start(message: StartMessage): Promise<void> {
  if (message.framesVersion !== FRAMES_VERSION) {
    throw new Error(`the gateway speaks version ${message.framesVersion} of the frames`);
  }
  ignoreBrokenPipes();
  reportClosing();
  installLightResponse();
  const ring = (): void => post(DOORBELL);
  const opened = new WorkerPort(
    new RingReader(message.toWorker, ring),
    new RingWriter(message.toGateway, ring),
    ownMemoryBytes,
  );
  try {
    const { graph, lockdown } = message.apps;
    if (graph !== undefined) {
      AppModules.install(graph, askForModule, lockdown === undefined ? "native" : "guarded");
    }
    if (lockdown !== undefined) lockImports(lockdown);
    else if (graph !== undefined) installAppThreads(graph, askForModule);
    guardProcess();
    const mounts = await loadApps(message.apps, (url) => post({ kind: "loaded", url }));
    const runner = new AppRunner(
      mounts,
      message.apps.faultReports,
      (level, text) => opened.log(level, text),
    );
    port = opened;
    opened.start(runner, () => runner.drained().then(() => opened.reportDrained()));
    post({ kind: "ready" });
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    post({ kind: "failed", url: error.url, message: error.message });
  }
}

/** What this thread alone takes: its heap, what is garbage by now included, and its buffers. */
function ownMemoryBytes(): number {
  const { heapUsed, external } = memoryUsage();
  return heapUsed + external;
}

/** Tells the gateway before the app ends its worker, which would otherwise end unnoticed. */
function reportClosing(): void {
  const close = scope.close.bind(globalThis);
  scope.close = () => {
    post({ kind: "closed", by: "self.close()" });
    close();
  };
  const exit = Deno.exit;
  Deno.exit = (code): never => {
    post({ kind: "closed", by: `Deno.exit(${code ?? ""})` });
    return exit(code);
  };
}
