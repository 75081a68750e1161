/**
 * Tells the service manager how the gateway does, as sd_notify(3) says: systemd with `Type=notify`.
 *
 * @module
 */

import type { Log } from "../log.ts";
import { DatagramSender } from "./datagram.ts";

/** The service manager that started this process. */
export class ServiceManager implements Disposable {
  readonly #sender: DatagramSender;
  readonly #log: Log;
  readonly #watchdogUsec: number;
  #status = "";
  #timer: ReturnType<typeof setInterval> | undefined;
  #isLost = false;

  private constructor(sender: DatagramSender, watchdogUsec: number, log: Log) {
    this.#sender = sender;
    this.#watchdogUsec = watchdogUsec;
    this.#log = log;
  }

  /**
   * The service manager that the environment names, if there is one. What names it is taken out of
   * the environment: it is for this process, and none of its children.
   */
  static fromEnvironment(log: Log): ServiceManager | null {
    const socket = taken("NOTIFY_SOCKET");
    const usec = taken("WATCHDOG_USEC");
    const pid = taken("WATCHDOG_PID");
    if (!socket) return null;
    const isWatched = /^\d+$/.test(usec ?? "") && (pid === undefined || Number(pid) === Deno.pid);
    try {
      if (!/^[/@]/.test(socket)) throw new Error("it is neither a path nor an abstract name");
      return new ServiceManager(new DatagramSender(socket), isWatched ? Number(usec) : 0, log);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log("warning", `the service manager at ${socket} is told nothing: ${reason}`);
      return null;
    }
  }

  /** The gateway serves. From now on the watchdog is told that it lives. */
  ready(status: string): void {
    this.#status = status;
    this.#send(`READY=1\nMAINPID=${Deno.pid}\nSTATUS=${status}`);
    if (this.#watchdogUsec === 0) return;
    // Twice in the time, as sd_watchdog_enabled(3) recommends.
    const beat = () => this.#send("WATCHDOG=1");
    this.#timer ??= setInterval(beat, Math.max(1, this.#watchdogUsec / 2_000));
    Deno.unrefTimer(this.#timer);
  }

  /** The gateway loads its apps anew. */
  reloading(): void {
    const now = this.#sender.monotonicMicroseconds();
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${now}\nSTATUS=reloading`);
  }

  /** It has loaded them, or goes on with those that it had. */
  reloaded(): void {
    this.#send(`READY=1\nSTATUS=${this.#status}`);
  }

  /** The gateway finishes what is in flight. */
  stopping(): void {
    this.#send("STOPPING=1\nSTATUS=finishing what is in flight");
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#sender[Symbol.dispose]();
  }

  #send(text: string): void {
    const isTaken = this.#sender.send(text);
    if (!isTaken && !this.#isLost) this.#log("warning", "the service manager cannot be told");
    this.#isLost = !isTaken;
  }
}

function taken(name: string): string | undefined {
  const value = Deno.env.get(name);
  if (value !== undefined) Deno.env.delete(name);
  return value;
}
