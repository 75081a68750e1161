/**
 * CPU profiles of the gateway's thread and of its workers, as files for DevTools.
 *
 * @module
 */

import { join } from "node:path";
import { inTime } from "../base/deadline.ts";
import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import type { ThreadProfile, ThreadProfiles } from "../pool/thread_profiles.ts";
import { CpuProfiler } from "../profile/cpu_profiler.ts";
import { ProfileConverter } from "./profile_converter.ts";

/** How long workers are waited for at the end: one that is blocked cannot answer. */
const ANSWER_MS = 3_000;

/** A thread whose profile is under way, or is being written. */
interface Awaited {
  readonly ask: () => void;
  readonly done: Promise<void>;
}

/** Makes profiles until it is ended. */
export class CpuProfiles implements ThreadProfiles, AsyncDisposable {
  readonly #folder: string;
  readonly #log: Log;
  readonly #own: CpuProfiler;
  readonly #awaited = new Set<Awaited>();
  readonly #converter = new ProfileConverter();
  readonly #timer: ReturnType<typeof setTimeout>;
  #ending: Promise<void> | null = null;
  #count = 0;
  #written = 0;

  private constructor(folder: string, durationMs: number, log: Log, own: CpuProfiler) {
    this.#folder = folder;
    this.#log = log;
    this.#own = own;
    this.#timer = setTimeout(() => this.end(), timerMs(durationMs));
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  /**
   * Begins with the thread that this runs in. The profiles end after `durationMs`, or with
   * {@linkcode end}, and go into `folder`, which is made if it does not exist.
   *
   * @throws {ConfigError} if it cannot be written to
   */
  static async begin(folder: string, durationMs: number, log: Log): Promise<CpuProfiles> {
    try {
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
      // Better now than when there is something to lose.
      await Deno.remove(await Deno.makeTempFile({ dir: folder, prefix: ".profile-" }));
    } catch (error) {
      throw new ConfigError(`--profile ${folder} cannot be written to: ${messageOf(error)}`);
    }
    return new CpuProfiles(folder, durationMs, log, await CpuProfiler.begin());
  }

  get isOpen(): boolean {
    return this.#ending === null;
  }

  add(name: string, ask: () => void): ThreadProfile {
    const done = Promise.withResolvers<void>();
    const awaited: Awaited = { ask, done: done.promise };
    this.#awaited.add(awaited);
    done.promise.then(() => this.#awaited.delete(awaited));
    return {
      take: (text) => this.#write(name, text).then(done.resolve, done.reject),
      gone: () => done.resolve(),
    };
  }

  /** Ends all profiles, and resolves when they are written. */
  end(): Promise<void> {
    return this.#ending ??= this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #end(): Promise<void> {
    clearTimeout(this.#timer);
    const awaited = [...this.#awaited];
    for (const { ask } of awaited) ask();
    const own = await this.#own.end();
    if (own !== null) await this.#write("gateway", own);
    const all = Promise.all(awaited.map(({ done }) => done));
    if (!await inTime(all, ANSWER_MS)) {
      const { size } = this.#awaited;
      this.#log("warning", `${size} workers have not sent their profiles: are they blocked?`);
    }
    this.#converter[Symbol.dispose]();
    this.#log("info", `${this.#written} CPU profiles written to ${this.#folder}`);
  }

  /** Writes a profile. It never rejects: what goes wrong is logged, and the gateway goes on. */
  async #write(thread: string, text: string): Promise<void> {
    // Of our own letters and numbers alone, and never a name that exists.
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const number = String(++this.#count).padStart(3, "0");
    const name = thread.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60);
    const path = join(this.#folder, `${time}-${Deno.pid}-${number}-${name}.cpuprofile`);
    try {
      const profile = await this.#converter.convert(text);
      await Deno.writeTextFile(path, profile, { createNew: true, mode: 0o600 });
      this.#written++;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#log("warning", `the CPU profile of ${thread} is not written: ${messageOf(error)}`);
    }
  }
}
