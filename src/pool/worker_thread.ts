/**
 * The thread of a worker: starts and ends it, and takes what it posts, which can be anything that can be
 * cloned.
 *
 * @module
 */

import { embeddedScriptBytes } from "../base/embedded_files.ts";
import { ConfigError, LoadError } from "../base/errors.ts";
import { INSPECTOR_PERMISSION } from "../profile/cpu_profiler.ts";
import { allocateBells, Bell } from "../ring/bell.ts";
import { idPrefix } from "../message/request_id.ts";
import { FRAMES_VERSION } from "../ring/frames.ts";
import { allocateCronDuty } from "../sandbox/cron_duty.ts";
import { MAX_DENIALS } from "../sandbox/denials.ts";
import type { ReservedAddresses } from "../sandbox/rules.ts";
import { NOTHING_RESERVED } from "../sandbox/rules.ts";
import type {
  AppSet,
  Imported,
  ImportRequest,
  ListeningMessage,
  StartMessage,
} from "../worker/protocol.ts";
import {
  DOORBELL,
  END_PROFILE,
  FENCE,
  GATEWAY_BELL,
  MAX_UNCAUGHT_ERRORS,
  WORKER_BELL,
} from "../worker/protocol.ts";
import { Doorbells } from "./doorbells.ts";
import { ImportDesk } from "./import_desk.ts";
import { LoadingReports } from "./loading_reports.ts";
import { RequireDesk } from "./require_desk.ts";
import type { ThreadProfile, ThreadProfiles } from "./thread_profiles.ts";
import { MAX_PROFILE_CHARS } from "./thread_profiles.ts";

/** What runs in the worker. */
const WORKER_MODULE = new URL("../worker/main.ts", import.meta.url);
/** The script in the executable that this module evaluates there, when it gets it: it may not read it. */
const WORKER_SCRIPT = "worker_main.js";

/** Where this program's modules are. */
const OWN_MODULES = new URL("../", import.meta.url);

/** Longest text in a message, in characters. */
const MAX_TEXT_LENGTH = 65_536;

/** What a thread is made of. */
export interface WorkerThreadOptions {
  /** Name for the log, such as `"worker 1"`. */
  readonly name: string;
  /** The apps to load. */
  readonly apps: AppSet;
  /** What they may do. */
  readonly permissions: Deno.PermissionOptions;
  /** Name of the workers that share channels and locks. Default: one of its own. */
  readonly group?: string;
  /** Addresses that they may not listen at. Default: none. */
  readonly reserved?: ReservedAddresses;
  /** Module to run. */
  readonly module?: URL;
  /** Who takes profiles of threads. Default: nobody. */
  readonly profiles?: ThreadProfiles;
}

/** Listener of a thread's owner. */
export interface WorkerThreadOwner {
  /** The thread rings: there is something on a ring, or room. */
  onDoorbell(): void;
  /** The apps are loaded. */
  onReady(): void;
  /** An app could not be loaded: the thread is of no use. */
  onFailed(error: LoadError): void;
  /** Its apps were denied something, as `denial` says. */
  onDenied(denial: string): void;
  /** Its apps threw an error that nobody caught, with the stack trace `text`: it is to be replaced. */
  onUncaught(text: string): void;
  /** The thread has ended, or is at fault and must be ended. */
  onFault(reason: string): void;
  /** The gateway could not do what it had to do for it. */
  onBroken(error: unknown): void;
  /** An app imports a module that is not in the thread. */
  supply(request: ImportRequest): Promise<Imported>;
}

/** The thread of a worker. */
export class WorkerThread {
  /** Says when it runs the jobs of its apps. */
  readonly cronDuty: SharedArrayBuffer = allocateCronDuty();

  readonly #owner: WorkerThreadOwner;
  readonly #worker: Worker;
  readonly #loading: LoadingReports;
  readonly #imports: ImportDesk;
  readonly #requires: RequireDesk;
  readonly #doorbells: Doorbells;
  /** What the worker listens at. */
  readonly #workerBell: Bell;
  /** What it rings. */
  readonly #gatewayBell: Bell;
  /** Counts what it opens. */
  readonly #opens = new Int32Array(new SharedArrayBuffer(4));
  /** Who awaits its profile; `null` for nobody. */
  #profile: ThreadProfile | null = null;
  #denials = 0;
  #uncaughtErrors = 0;
  #hasEnded = false;

  /**
   * Starts a thread, which gets the two rings.
   *
   * @throws {ConfigError} if it cannot have these permissions
   */
  constructor(
    options: WorkerThreadOptions,
    { toWorker, toGateway }: Pick<StartMessage, "toWorker" | "toGateway">,
    owner: WorkerThreadOwner,
  ) {
    const {
      name,
      apps,
      permissions,
      group = crypto.randomUUID(),
      reserved = NOTHING_RESERVED,
      module = WORKER_MODULE,
      profiles,
    } = options;
    const trust = permissions === "inherit" ? "full" : "limited";
    const isProfiled = profiles?.isOpen === true;
    this.#owner = owner;
    this.#loading = new LoadingReports(apps);
    const granted = isProfiled ? withInspector(permissions) : permissions;
    const worker = this.#worker = startWorker(module, name, granted);
    if (module === WORKER_MODULE) giveScript(worker);
    if (isProfiled) this.#profile = profiles.add(name, () => worker.postMessage(END_PROFILE));
    this.#doorbells = new Doorbells(() => worker.postMessage(FENCE));
    this.#imports = new ImportDesk({
      supply: (request) => owner.supply(request),
      answer: (imported, answer) => worker.postMessage({ imported, answer }),
      onBroken: (error) => owner.onBroken(error),
    });
    const requires = this.#requires = new RequireDesk({
      supply: (request) => owner.supply(request),
      onBroken: (error) => owner.onBroken(error),
    });
    const bells = allocateBells(2);
    this.#workerBell = new Bell(bells, WORKER_BELL);
    this.#gatewayBell = new Bell(bells, GATEWAY_BELL);
    this.#gatewayBell.listen(() => this.#onRing());
    worker.onmessage = (event) => this.#onMessage(event);
    worker.onerror = (event) => {
      event.preventDefault();
      // The worker has told where it comes from.
      const [message] = sentText(event.message).split("\n    at ", 1);
      owner.onFault(`uncaught error: ${message.replace(/^Uncaught (?:\(in promise\) )?/, "")}`);
    };
    worker.onmessageerror = () => owner.onFault("it sent a message that cannot be read");
    worker.postMessage(
      {
        framesVersion: FRAMES_VERSION,
        idPrefix: idPrefix(),
        toWorker,
        toGateway,
        bells,
        apps,
        sandbox: {
          trust,
          group,
          opens: this.#opens.buffer as SharedArrayBuffer,
          ports: reserved.ports,
          socketPaths: reserved.socketPaths,
          addresses: reserved.addresses,
          unstable: apps.unstable ?? null,
          cronDuty: this.cronDuty,
        },
        requires: requires.start,
        profile: !isProfiled ? "none" : granted === permissions ? "begin" : "begin and revoke",
      } satisfies StartMessage,
      [requires.start.port],
    );
  }

  /** URLs of the modules that are still being loaded. */
  get loading(): Iterable<string> {
    return this.#loading.loading;
  }

  /** Files and sockets that it has opened so far, as far as it counts them, from 0 on again after 2^31. */
  get opens(): number {
    return Atomics.load(this.#opens, 0);
  }

  /** Rings: there is something on a ring, or room. */
  ring(): void {
    if (this.#workerBell.ring()) return;
    this.#worker.postMessage(DOORBELL);
    this.#doorbells.onSent();
    if (this.#doorbells.isFlood) this.#owner.onFault("it does not answer its doorbell");
  }

  /** Tells its apps what addresses are listened at. */
  announce(addresses: readonly Deno.Addr[]): void {
    this.#worker.postMessage({ listening: addresses } satisfies ListeningMessage);
  }

  /** Takes note that it had a reason to ring. */
  onFrame(): void {
    this.#doorbells.onFrame();
  }

  /**
   * Ends it immediately. If it is blocked it may outlive this: Deno stops it when it is no longer
   * blocked, and some versions of it not before.
   */
  terminate(): void {
    this.#hasEnded = true;
    this.#profile?.gone();
    this.#profile = null;
    this.#gatewayBell.close();
    this.#worker.terminate();
    this.#imports.close();
    this.#requires.close();
  }

  #onMessage({ data, ports }: MessageEvent): void {
    // Nobody else would close them.
    for (const port of ports) port.close();
    if (this.#hasEnded) return;
    if (data === DOORBELL) {
      this.#doorbells.onReceived();
      this.#answer();
    } else {
      const isDue = data === FENCE ? this.#doorbells.onFence() : this.#onReport(data);
      const isWelcome = isDue && ports.length === 0;
      if (!isWelcome) this.#owner.onFault("it sent a message of an unknown kind");
    }
  }

  #onRing(): void {
    this.#doorbells.onRung();
    this.#answer();
  }

  /** Goes to the door. */
  #answer(): void {
    this.#owner.onDoorbell();
    if (this.#doorbells.isFlood) this.#owner.onFault("it rings endlessly");
  }

  /** Takes its profile, which is awaited once. */
  #onProfile(text: unknown): boolean {
    const profile = this.#profile;
    this.#profile = null;
    if (profile === null) return false;
    if (typeof text === "string" && text.length <= MAX_PROFILE_CHARS) profile.take(text);
    else profile.gone();
    return true;
  }

  /** Handles what may be a report; returns whether it was expected. */
  #onReport(message: unknown): boolean {
    if (typeof message !== "object" || message === null) return false;
    const report = message as Record<string, unknown>;
    switch (report.kind) {
      case "loaded":
        return this.#loading.onLoaded(sentText(report.url));
      case "ready":
        if (!this.#loading.onOutcome()) return false;
        this.#owner.onReady();
        return true;
      case "failed":
        if (!this.#loading.onOutcome()) return false;
        this.#owner.onFailed(new LoadError(sentText(report.url), sentText(report.message)));
        return true;
      case "denied":
        if (++this.#denials > MAX_DENIALS) return false;
        this.#owner.onDenied(sentText(report.text));
        return true;
      case "uncaught":
        if (++this.#uncaughtErrors > MAX_UNCAUGHT_ERRORS) return false;
        this.#owner.onUncaught(sentText(report.text));
        return true;
      case "profile":
        return this.#onProfile(report.text);
      case "closed":
        this.#owner.onFault(`the app called ${sentText(report.by)}`);
        return true;
      case "import":
        if (!this.#imports.take(report.id, report.request)) {
          this.#owner.onFault("it sent a malformed request for an import");
        }
        return true;
      case "require":
        if (!this.#requires.take(report.id, report.request)) {
          this.#owner.onFault("it sent a malformed request for require()");
        }
        return true;
      default:
        return false;
    }
  }
}

/** Gives a worker the script that it begins with, in an executable. */
function giveScript(worker: Worker): void {
  try {
    const script = embeddedScriptBytes(WORKER_SCRIPT);
    if (script === null) return;
    const { source, code } = script;
    worker.postMessage(script, code === null ? [source.buffer] : [source.buffer, code.buffer]);
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** Text that a worker sent, if it is that. */
function sentText(value: unknown): string {
  return typeof value === "string" ? value.slice(0, MAX_TEXT_LENGTH) : "";
}

function startWorker(module: URL, name: string, permissions: Deno.PermissionOptions): Worker {
  if (permissions === "inherit") return new Worker(module, { type: "module", name });
  try {
    const deno = { permissions: withOwnModules(permissions) };
    return new Worker(module, { type: "module", name, deno });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new ConfigError(
      error instanceof Deno.errors.NotCapable
        ? "apps cannot be given permissions that gatehouse itself has not " +
          `(run it with deno run -A): ${error.message}`
        : `the permissions for apps are not understood: ${error.message}`,
    );
  }
}

/** With the permission to profile its thread, which it gives back before it loads an app. */
function withInspector(permissions: Deno.PermissionOptions): Deno.PermissionOptions {
  if (permissions === "inherit") return permissions;
  const { sys = false, ...others } = permissions === "none" ? {} : permissions;
  if (sys === true || sys === "inherit") return permissions;
  const granted = sys === false ? [] : sys;
  const known = granted as readonly string[];
  if (known.includes(INSPECTOR_PERMISSION)) return permissions;
  return { ...others, sys: [...granted, INSPECTOR_PERMISSION] } as Deno.PermissionOptions;
}

/** With the permission to read this program, where it is in files: workers of apps begin with one of them. */
function withOwnModules(permissions: Deno.PermissionOptions): Deno.PermissionOptions {
  if (Deno.build.standalone || OWN_MODULES.protocol !== "file:") return permissions;
  if (permissions === "inherit" || permissions === "none") return permissions;
  const { read = false } = permissions;
  if (read === true || read === "inherit") return permissions;
  const { state } = Deno.permissions.querySync({ name: "read", path: OWN_MODULES });
  if (state !== "granted") return permissions;
  return { ...permissions, read: [...read || [], OWN_MODULES] };
}
