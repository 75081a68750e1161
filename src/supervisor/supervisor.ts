/**
 * Watches over gateway processes: starts them, starts those again that die, replaces them one by one,
 * and brings them to their end. Serves no request itself.
 *
 * @module
 */

import { doubled, FIRST_RESTART_DELAY_MS, HEALTHY_AGE_MS } from "../base/backoff.ts";
import type { Bus } from "../bus/bus.ts";
import { Relay } from "../bus/relay.ts";
import type { Log } from "../base/log.ts";
import type { Hub } from "../signals/hub.ts";
import { HubServer } from "../signals/hub_server.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { timerMs } from "../base/timers.ts";
import { tellOfEnd } from "./ending.ts";
import type { OwnCommand } from "./command.ts";
import type { ProcessOwner, ReadyReport } from "./process.ts";
import { describeStatus, GatewayProcess, StartError } from "./process.ts";
import type { Assignment, Report } from "./protocol.ts";

/** A process that is to replace another is ready within this time. */
const READY_TIMEOUT_MS = 120_000;
/** Processes end their requests by themselves in time; those that do not have this much longer. */
const KILL_DELAY_MS = 5_000;

/** What a supervisor is made of. */
export interface SupervisorOptions {
  /** Number of processes, 1 or more. */
  readonly processes: number;
  /** How gatehouse is started. */
  readonly command: OwnCommand;
  /** What it was started in and with: its processes are, too. */
  readonly surroundings: Surroundings;
  /** Ports that were chosen. */
  readonly ports: Assignment["ports"];
  /** How long they may go on serving before that, if a signal tells them to end, in milliseconds. */
  readonly drainDelayMs: number;
  /** How long processes take to finish what is in flight at the most, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Takes messages. */
  readonly log: Log;
  /** What signals and topics of all processes go through. */
  readonly hub: Hub;
  /** Takes lines that processes have printed. */
  readonly print: (process: GatewayProcess, stream: "stdout" | "stderr", line: string) => void;
  /** Called when a process has ended, with its name to others ({@linkcode Supervisor.members}). */
  readonly onEnd?: (key: string) => void;
  /** Called when a process begins to reload its apps, and when none does any more. */
  readonly onReload: (state: "reloading" | "reloaded") => void;
}

/** A place that always has a process, or is about to. */
interface Slot {
  readonly number: number;
  /** The process, from its start to its end. */
  process: GatewayProcess | null;
  /** Its replacement, until that is ready. */
  successor: GatewayProcess | null;
  isReady: boolean;
  delayMs: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** For faults that are reported elsewhere. */
function ignore(): void {}

/** Runs gateway processes. */
export class Supervisor implements ProcessOwner {
  readonly #options: SupervisorOptions;
  readonly #log: Log;
  readonly #slots: Slot[] = [];
  /** All processes that have not ended. */
  readonly #alive = new Set<GatewayProcess>();
  readonly #reloading = new Set<GatewayProcess>();
  readonly #relay = new Relay();
  /** Serves the hub of signals and topics. */
  readonly #hub: HubServer;
  /** Requested rolling restarts: the current one, and one after it. */
  #rolls = 0;
  #state: "starting" | "running" | "stopping" = "starting";

  /** Makes a supervisor; {@linkcode start} starts its processes. */
  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#hub = new HubServer(this.#relay, options.hub);
  }

  /**
   * Starts the processes, the first one before the others, so that a fault is reported once.
   * Resolves with what they report when all of them are ready.
   *
   * @throws {StartError} when one cannot start; then none is left
   */
  async start(onFirst: () => void): Promise<ReadyReport[]> {
    for (let number = 1; number <= this.#options.processes; number++) {
      this.#slots.push({
        number,
        process: null,
        successor: null,
        isReady: false,
        delayMs: FIRST_RESTART_DELAY_MS,
        timer: undefined,
      });
    }
    const [first, ...others] = this.#slots;
    try {
      const report = await this.#startIn(first);
      onFirst();
      if (this.#state === "stopping") throw new StartError("it was told to stop", 1);
      const reports = [report, ...await Promise.all(others.map((slot) => this.#startIn(slot)))];
      if (this.#state === "starting") this.#state = "running";
      // One may have died while the others started.
      for (const slot of this.#slots) if (slot.process === null) this.#restartLater(slot);
      return reports;
    } catch (error) {
      if (error instanceof StartError) await this.kill();
      throw error;
    }
  }

  /** What the processes say to each other goes over it. */
  get bus(): Bus {
    return this.#relay;
  }

  /** The processes that run, each with the name that no other has had, its number, and whether it serves. */
  get members(): { readonly key: string; readonly number: number; readonly isReady: boolean }[] {
    return [...this.#alive].map((process) => {
      const slot = this.#slots.find((slot) => slot.process === process);
      return { key: process.key, number: process.number, isReady: slot?.isReady ?? false };
    });
  }

  /** Whether the processes finish what is in flight. */
  get isStopping(): boolean {
    return this.#state === "stopping";
  }

  /** Sends all processes a signal: those that are still starting, which may not hear it, when they are ready. */
  signal(signal: Deno.Signal): void {
    for (const slot of this.#slots) {
      if (slot.isReady) slot.process?.kill(signal);
      for (const process of [slot.successor, slot.isReady ? null : slot.process]) {
        process?.ready.then(() => process.kill(signal), ignore);
      }
    }
  }

  /**
   * Replaces the processes one by one: the new one is ready before the old one is told to end. What is
   * asked for meanwhile is done once more after it.
   */
  async roll(): Promise<void> {
    if (!this.#isRunning()) return;
    if (this.#rolls > 0) {
      this.#rolls = 2;
      return;
    }
    for (this.#rolls = 1; this.#rolls > 0; this.#rolls--) await this.#rollOnce();
  }

  /** Has all processes ask their clients to go elsewhere; they go on serving. */
  announceEnd(): void {
    this.#stop();
    for (const { key } of this.#alive) tellOfEnd(this.#relay, key, "near");
  }

  /** Lets all processes finish what is in flight; `false` if one cut requests off, or had to be killed. */
  async drain(): Promise<boolean> {
    this.#stop();
    const outcomes = await Promise.all([...this.#alive].map((process) => this.#drain(process)));
    return outcomes.every((outcome) => outcome === "drained");
  }

  /** Ends all processes immediately. */
  async kill(): Promise<void> {
    this.#stop();
    const ends = [...this.#alive].map((process) => process.ended);
    this.killNow();
    await Promise.all(ends);
  }

  /** Ends all processes, and does not wait for that. */
  killNow(): void {
    for (const process of this.#alive) process.kill("SIGKILL");
  }

  onLine(process: GatewayProcess, stream: "stdout" | "stderr", line: string): void {
    this.#options.print(process, stream, line);
  }

  onReport(process: GatewayProcess, { kind }: Report): void {
    if (kind === "reloading") {
      if (this.#reloading.size === 0) this.#options.onReload("reloading");
      this.#reloading.add(process);
    } else {
      this.#endReload(process);
    }
  }

  onReportsEnd(process: GatewayProcess, reason: string | null): void {
    // Otherwise a caller would wait forever for the end of the reload.
    this.#endReload(process);
    if (reason === null) return;
    this.#log("error", `process ${process.number} (${process.pid}) was killed: ${reason}`);
    process.kill("SIGKILL");
  }

  onBusFault(process: GatewayProcess, fault: string): void {
    const { number, pid } = process;
    this.#log("error", `process ${number} (${pid}) was killed: it sent ${fault} over the bus`);
    process.kill("SIGKILL");
  }

  onEnd(process: GatewayProcess, status: Deno.CommandStatus): void {
    this.#alive.delete(process);
    this.#hub.forget(process.key);
    this.#options.onEnd?.(process.key);
    this.#endReload(process);
    const slot = this.#slots.find((each) => each.process === process);
    // One that was replaced, or was to replace another, is its replacer's business.
    if (slot === undefined) return;
    slot.process = null;
    // So is one that has not been ready.
    if (!slot.isReady) return;
    slot.isReady = false;
    if (this.#state === "stopping") return;
    const isHealthy = performance.now() - process.startedAt > HEALTHY_AGE_MS;
    if (isHealthy) slot.delayMs = FIRST_RESTART_DELAY_MS;
    this.#log("error", `process ${slot.number} (${process.pid}) ended: ${describeStatus(status)}`);
    if (this.#state === "running") this.#restartLater(slot);
  }

  #isRunning(): boolean {
    return this.#state === "running";
  }

  #stop(): void {
    this.#state = "stopping";
    for (const { timer } of this.#slots) clearTimeout(timer);
  }

  #endReload(process: GatewayProcess): void {
    if (this.#reloading.delete(process) && this.#reloading.size === 0) {
      this.#options.onReload("reloaded");
    }
  }

  /** @throws {StartError} if the system starts no process */
  #spawn({ number }: Slot, role: Assignment["role"]): GatewayProcess {
    const { command, surroundings, ports } = this.#options;
    try {
      const options = { number, command, surroundings, ports, role, relay: this.#relay };
      const process = new GatewayProcess(options, this);
      this.#alive.add(process);
      return process;
    } catch (error) {
      // The program is being replaced, there is no room for a socket, or the system allows no more
      // processes.
      if (!(error instanceof Error)) throw error;
      const reason = `the system refused: ${error.message}`;
      if (this.#state === "starting") this.#log("error", `process ${number}: ${reason}`);
      throw new StartError(reason, 1);
    }
  }

  /** Starts a process in a slot that has none. */
  async #startIn(slot: Slot): Promise<ReadyReport> {
    const process = slot.process = this.#spawn(slot, "first");
    const report = await process.ready;
    slot.isReady = slot.process === process;
    return report;
  }

  #restartLater(slot: Slot): void {
    const { delayMs } = slot;
    slot.delayMs = doubled(delayMs);
    this.#log("info", `process ${slot.number} restarts in ${delayMs / 1000} s`);
    slot.timer = setTimeout(() => this.#restart(slot), timerMs(delayMs));
  }

  async #restart(slot: Slot): Promise<void> {
    slot.timer = undefined;
    try {
      const starting = this.#startIn(slot);
      await this.#inTime(slot.process!, starting);
      this.#log("info", `process ${slot.number} (${slot.process?.pid}) is ready again`);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      if (!this.#isRunning()) return;
      this.#log("error", `process ${slot.number} cannot be started: ${error.message}`);
      this.#restartLater(slot);
    }
  }

  /** `ready`, and the process's end if that takes too long. */
  async #inTime(process: GatewayProcess, ready: Promise<ReadyReport>): Promise<ReadyReport> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      process.kill("SIGKILL");
    }, READY_TIMEOUT_MS);
    try {
      return await ready;
    } catch (error) {
      if (!isLate) throw error;
      throw new StartError(`it was not ready within ${READY_TIMEOUT_MS / 1000} s`, 1);
    } finally {
      clearTimeout(timer);
    }
  }

  async #rollOnce(): Promise<void> {
    this.#log("info", "replacing the processes one by one");
    for (const slot of this.#slots) {
      if (!this.#isRunning()) return;
      if (!await this.#replace(slot)) return;
    }
    this.#log("info", "all processes have been replaced");
  }

  /** Replaces the process of a slot; `false` if that cannot be done. */
  async #replace(slot: Slot): Promise<boolean> {
    const { number } = slot;
    if (slot.process === null || !slot.isReady) {
      // It is about to be started anyway: what is new, it will have.
      return true;
    }
    let successor: GatewayProcess;
    try {
      successor = slot.successor = this.#spawn(slot, "successor");
      await this.#inTime(successor, successor.ready);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      if (this.#isRunning()) {
        this.#log(
          "error",
          `process ${number} is not replaced, and goes on serving; the new one failed: ` +
            `${error.message}`,
        );
      }
      return false;
    } finally {
      slot.successor = null;
    }
    clearTimeout(slot.timer);
    const old: GatewayProcess | null = slot.process;
    slot.process = successor;
    slot.isReady = this.#alive.has(successor);
    slot.delayMs = FIRST_RESTART_DELAY_MS;
    this.#log("info", `process ${number} (${successor.pid}) takes over from ${old?.pid ?? "none"}`);
    if (old !== null) await this.#drain(old);
    if (!slot.isReady) {
      slot.process = null;
      if (this.#isRunning()) this.#restartLater(slot);
    }
    return true;
  }

  async #drain(process: GatewayProcess): Promise<"drained" | "cut off" | "killed"> {
    // A delay is over, or need not be, as another one serves.
    tellOfEnd(this.#relay, process.key, "here");
    process.kill("SIGTERM");
    const { drainDelayMs, drainTimeoutMs } = this.#options;
    let isKilled = false;
    const timer = setTimeout(() => {
      isKilled = true;
      this.#log("error", `process ${process.number} (${process.pid}) does not end; killing it`);
      process.kill("SIGKILL");
    }, timerMs(drainDelayMs + drainTimeoutMs + KILL_DELAY_MS));
    const { success } = await process.ended;
    clearTimeout(timer);
    if (isKilled) return "killed";
    // One that was still starting fails, and has no requests to cut off.
    return success || !process.hasServed ? "drained" : "cut off";
  }
}
