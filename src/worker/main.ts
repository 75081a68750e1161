/**
 * What runs in an app worker: loads the apps, then serves what comes over the rings.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { isInstance, uncurried } from "../base/captured.ts";
import { LoadError } from "../base/errors.ts";
import { loadApps } from "./load_apps.ts";
import type { Log } from "../base/log.ts";
import { ignoreBrokenPipes } from "../base/log.ts";
import { CpuProfiler, INSPECTOR_PERMISSION } from "../profile/cpu_profiler.ts";
import { Bell } from "../ring/bell.ts";
import { setIdPrefix } from "../message/request_id.ts";
import { FRAMES_VERSION } from "../ring/frames.ts";
import { RingReader, RingWriter } from "../ring/ring.ts";
import { nodeProcess } from "../base/runtime_modules.ts";
import { tameUncaught } from "../base/uncaught.ts";
import type { SendFile } from "../message/file_order.ts";
import { AppRunner } from "./apps.ts";
import { mendForms } from "./forms.ts";
import { tagConsole } from "./console_tags.ts";
import { ImportClient } from "./import_client.ts";
import { noticeDenials } from "../sandbox/denials.ts";
import { guardThread } from "../sandbox/guard.ts";
import { actAsMainThread } from "../sandbox/threads.ts";
import { lockImports } from "../sandbox/lockdown.ts";
import { installAppThreads } from "./app_thread.ts";
import { presentAsMain } from "./main_module.ts";
import { installModules } from "./modules.ts";
import { nodeThreads } from "./node_threads.ts";
import { installNodeTimers } from "./node_timers.ts";
import type { WorkerExchange } from "./port.ts";
import { WorkerPort } from "./port.ts";
import { RequireLine } from "./require_line.ts";
import type {
  ImportedMessage,
  ImportRequest,
  ListeningMessage,
  StartMessage,
  WorkerReport,
} from "./protocol.ts";
import {
  DOORBELL,
  END_PROFILE,
  FENCE,
  GATEWAY_BELL,
  mainModulesOf,
  MAX_UNCAUGHT_ERRORS,
  WORKER_BELL,
} from "./protocol.ts";
import { installLightResponse } from "./response.ts";
import { takeServers } from "./serving/install.ts";
import { textOfThrown } from "./thrown.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  readonly name: string;
  postMessage(message: WorkerReport | typeof DOORBELL | typeof FENCE): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  close(): void;
}

const { Error } = globalThis;
const { hasOwn } = Object;
const { NotSupported } = Deno.errors;
const process = nodeProcess();
const { memoryUsage } = Deno;
const { permissions } = Deno;
const revokeSync = permissions.revokeSync.bind(permissions);
const stopImmediatePropagation = uncurried(Event.prototype.stopImmediatePropagation);

const scope = globalThis as unknown as WorkerScope;
const workerName = scope.name;
const post = scope.postMessage.bind(globalThis);
const imports = new ImportClient((id, request) => post({ kind: "import", id, request }));
const askForModule = (request: ImportRequest) => imports.ask(request);
let hasStarted = false;
let port: WorkerPort | null = null;
let runner: AppRunner | null = null;
let profiler: CpuProfiler | null = null;
let uncaughtErrors = 0;
/** Whether a fault of this program's own has left the rings as nobody knows. */
let isBroken = false;

// Registered before the apps are loaded, so that it hears the gateway first and they do not. They can
// dispatch events of their own, and so the first message alone, which is there before them, is trusted:
// what others could say is of no use to them.
scope.addEventListener("message", (event) => {
  const { data } = event;
  if (data === DOORBELL) onDoorbell();
  else if (data === FENCE) post(FENCE);
  else if (data === END_PROFILE) endProfile();
  else if (!hasStarted) start(data);
  else if (isAnswer(data)) imports.onAnswer(data.imported, data.answer);
  else if (isListening(data)) runner?.announce(data.listening);
  else return;
  stopImmediatePropagation(event);
});

// The gateway lets this thread finish what it can, and has another one take its place.
tameUncaught(() => process, (thrown) => {
  if (runner === null || isBroken) return false;
  if (++uncaughtErrors <= MAX_UNCAUGHT_ERRORS) {
    post({ kind: "uncaught", text: textOfThrown(thrown) });
  }
  return true;
});

function onDoorbell(): void {
  try {
    port?.onDoorbell();
  } catch (error) {
    isBroken = true;
    throw error;
  }
}

/** Sends the profile of this thread, if one is under way. */
async function endProfile(): Promise<void> {
  const text = await profiler?.end();
  if (typeof text === "string") post({ kind: "profile", text });
}

async function beginProfile(wanted: StartMessage["profile"]): Promise<void> {
  profiler = await CpuProfiler.begin();
  // No app is to look into anything by it.
  if (wanted === "begin and revoke") revokeSync({ name: "sys", kind: INSPECTOR_PERMISSION });
}

function isAnswer(data: unknown): data is ImportedMessage {
  return typeof data === "object" && data !== null && hasOwn(data, "imported");
}

function isListening(data: unknown): data is ListeningMessage {
  return typeof data === "object" && data !== null && hasOwn(data, "listening");
}

async function start(message: StartMessage): Promise<void> {
  hasStarted = true;
  const { framesVersion, toWorker, toGateway, bells, apps, sandbox, requires, profile } = message;
  setIdPrefix(message.idPrefix);
  if (framesVersion !== FRAMES_VERSION) {
    throw new Error(`the gateway speaks version ${framesVersion} of the frames`);
  }
  ignoreBrokenPipes();
  if (message.apps.console !== undefined) tagConsole(message.apps.console, workerName);
  takeScope();
  installLightResponse();
  const gatewayBell = new Bell(bells, GATEWAY_BELL);
  const ring = (): void => {
    if (!gatewayBell.ring()) post(DOORBELL);
  };
  // The gateway may answer with another request at once: what was read must be finished before
  // that.
  const ringLater = (): void => void setImmediate(ring);
  const opened = new WorkerPort(
    new RingReader(toWorker, ringLater),
    new RingWriter(toGateway, ring),
    ownMemoryBytes,
  );
  if (profile !== "none") await beginProfile(profile);
  try {
    const { graph, lockdown, faultReports, fileFields } = apps;
    const builtins = sandbox.trust === "full" ? "native" : "guarded";
    const line = new RequireLine(
      requires,
      (id, request) => post({ kind: "require", id, request }),
    );
    const modules = graph === undefined
      ? null
      : installModules(graph, askForModule, builtins, mainModulesOf(apps), (request) =>
        line.ask(request));
    installNodeTimers();
    // Without a graph, the runtime itself would import what threads begin with.
    const isClosed = lockdown === "locked" && graph === undefined;
    if (lockdown === "locked") {
      lockImports(modules?.requireModule, isClosed ? "closed" : "guarded", modules?.placeOf);
    }
    const terms = { graph, sandbox, lockdown };
    if (!isClosed && (graph !== undefined || sandbox.trust === "limited")) {
      installAppThreads(terms, askForModule);
    }
    actAsMainThread();
    const threads = graph === undefined ? null : nodeThreads(terms, askForModule);
    guardThread(sandbox, threads, (work) => runner?.waitFor(work));
    presentAsMain(mainModulesOf(apps)[0]);
    const servers = takeServers(sandbox.addresses);
    await mendForms();
    if (sandbox.trust === "limited") noticeDenials((text) => post({ kind: "denied", text }));
    const mounts = await loadApps(apps, (url) => post({ kind: "loaded", url }));
    servers.settle();
    const log: Log = (level, text, facts) => opened.log(level, text, facts?.requestId);
    const { connectSignals } = opened;
    // All exchanges of a worker are those of its port.
    const sendFile: SendFile = (exchange, order) => (exchange as WorkerExchange).sendFile(order);
    const running = new AppRunner(
      mounts,
      faultReports,
      log,
      opened,
      connectSignals,
      sendFile,
      fileFields,
    );
    runner = running;
    port = opened;
    new Bell(bells, WORKER_BELL).listen(onDoorbell);
    opened.start(running, async () => {
      running.finishSubscriptions();
      await running.drained();
      await endProfile();
      opened.reportDrained();
    });
    post({ kind: "ready" });
  } catch (error) {
    if (!isInstance(error, LoadError)) throw error;
    post({ kind: "failed", url: error.url, message: error.message });
  }
}

/** The memory of this thread alone: its heap, garbage included, and its buffers. */
function ownMemoryBytes(): number {
  const { heapUsed, external } = memoryUsage();
  return heapUsed + external;
}

/**
 * Takes from the apps what would speak to the gateway. It is reported before an app ends its
 * worker, which would otherwise go unnoticed.
 */
function takeScope(): void {
  const close = scope.close.bind(globalThis);
  scope.close = () => {
    post({ kind: "closed", by: "self.close()" });
    close();
  };
  const { exit } = Deno;
  Deno.exit = (code): never => {
    post({ kind: "closed", by: `Deno.exit(${code ?? ""})` });
    return exit(code);
  };
  scope.postMessage = () => {
    throw new NotSupported(
      "postMessage() is not available to apps in their own worker: there is nobody to listen " +
        "(workers that they make themselves, and MessageChannel, have it)",
    );
  };
}
