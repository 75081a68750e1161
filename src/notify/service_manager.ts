/**
 * Tells the service manager how the gateway does, as sd_notify(3) says: systemd with `Type=notify`.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";
import type { Environment } from "../base/surroundings.ts";
import { timerMs } from "../base/timers.ts";
import { DatagramSender } from "./datagram.ts";

/**
 * Variables of the service manager: its socket, and how often, and by which process, it expects a
 * sign of life.
 */
export const NOTIFY_VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;

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
   * The service manager that the environment names, if there is one: by {@linkcode NOTIFY_VARIABLES},
   * which are for this process, and none of its children.
   */
  static fromEnvironment(env: Environment, log: Log): ServiceManager | null {
    const [socket, usec, pid] = NOTIFY_VARIABLES.map((name) => env.get(name));
    if (!socket) return null;
    const isWatched = /^\d+$/.test(usec ?? "") && (pid === undefined || Number(pid) === Deno.pid);
    try {
      if (!/^[/@]/.test(socket)) throw new Error("it is neither a path nor an abstract name");
      return new ServiceManager(new DatagramSender(socket), isWatched ? Number(usec) : 0, log);
    } catch (error) {
      const reason = messageOf(error);
      log("warning", `the service manager at ${socket} cannot be notified: ${reason}`);
      return null;
    }
  }

  /** The gateway serves. From now on the watchdog gets signs of life. */
  ready(status: string): void {
    this.#status = status;
    this.#send(`READY=1\nMAINPID=${Deno.pid}\nSTATUS=${status}`);
    if (this.#watchdogUsec === 0) return;
    // Twice in the time, as sd_watchdog_enabled(3) recommends.
    const beat = () => this.#send("WATCHDOG=1");
    this.#timer ??= setInterval(beat, timerMs(Math.max(1, this.#watchdogUsec / 2_000)));
    Deno.unrefTimer(this.#timer);
  }

  /** The gateway reloads its apps. */
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
    if (!isTaken && !this.#isLost) this.#log("warning", "the service manager cannot be notified");
    this.#isLost = !isTaken;
  }
}
