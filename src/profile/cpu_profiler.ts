/**
 * V8's CPU profiler for the thread that this runs in. Beside apps it is begun before them, and takes from
 * them what it needs for that.
 *
 * @module
 */

const { Promise: Promises } = globalThis;
const { stringify } = JSON;
const { defineProperty } = Object;

/** The permission that looking into one's own thread takes; the runtime's types do not know it. */
export const INSPECTOR_PERMISSION = "inspector" as string as NonNullable<
  Deno.SysPermissionDescriptor["kind"]
>;

/** Asks V8 something, in the protocol of DevTools. */
type Ask = (method: string, params?: Record<string, unknown>) => Promise<{ profile?: unknown }>;

/** Time between two samples, in microseconds. */
const INTERVAL_US = 1_000;

/** A profile that is being made. */
export class CpuProfiler {
  readonly #ask: Ask;
  #hasEnded = false;

  private constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Begins a profile of this thread. It takes the permission `sys` for `inspector`. */
  static async begin(): Promise<CpuProfiler> {
    const { default: inspector } = await import("node:inspector");
    const session = new inspector.Session();
    // What V8 tells without being asked, apps can bring about, and they can replace what is on the prototypes:
    // none of it gets the session, with which they could look into all of the thread.
    defineProperty(session, "emit", { value: () => false });
    session.connect();
    // Bound now: apps can replace what is on the prototype.
    const post = session.post.bind(session) as (
      method: string,
      params: Record<string, unknown>,
      callback: (error: Error | null, result: { profile?: unknown }) => void,
    ) => void;
    const ask: Ask = (method, params = {}) =>
      new Promises((resolve, reject) =>
        post(method, params, (error, result) => error === null ? resolve(result) : reject(error))
      );
    await ask("Profiler.enable");
    await ask("Profiler.setSamplingInterval", { interval: INTERVAL_US });
    await ask("Profiler.start");
    return new CpuProfiler(ask);
  }

  /** Ends the profile; its text in JSON, as `.cpuprofile` files have it, or `null` if it was ended before. */
  async end(): Promise<string | null> {
    if (this.#hasEnded) return null;
    this.#hasEnded = true;
    const { profile } = await this.#ask("Profiler.stop");
    return stringify(profile);
  }
}
