/**
 * `gatehouse reap`: ends connections of a Mongrel2 that have lasted too long.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { ZmqError } from "../base/errors.ts";
import { logToStderr, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { timerMs } from "../base/timers.ts";
import type { ReapSettings } from "../config/reap_options.ts";
import { askControlPort, ControlError } from "../mongrel2/control.ts";
import { connectionsIn, isUnanswered, limitPassed } from "../mongrel2/reaping.ts";
import type { ServerConnection } from "../mongrel2/reaping.ts";
import { ReaperReplies } from "../mongrel2/reaper_replies.ts";
import { openLibzmq } from "../zmq/library.ts";
import { untilInterrupted } from "./interrupts.ts";

const TIMEOUT_MS = 3_000;
/** Interval at which connections are looked at, in milliseconds. */
const SWEEP_MS = 1_000;
/** How long Mongrel2 may take to send what it was given and close the connection by itself, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000;
const CLOSE_LOOK_MS = 50;

/**
 * Ends such connections until SIGINT or SIGTERM, or once.
 *
 * @throws {ZmqError} if Mongrel2 cannot be asked at the start
 */
export async function reapCommand(
  settings: ReapSettings,
  surroundings: Surroundings,
): Promise<number> {
  openLibzmq(surroundings);
  using interrupts = untilInterrupted();
  await using reaper = await Reaper.start(settings);
  if (settings.times === "once") {
    await reaper.sweep();
    return 0;
  }
  tell(`reaping connections of the Mongrel2 at ${settings.control}`);
  tell("ready");
  let isMissing = false;
  while (!await inTime(interrupts.interrupted, SWEEP_MS)) {
    try {
      await reaper.sweep();
      if (isMissing) logToStderr("info", "Mongrel2 answers again");
      isMissing = false;
    } catch (error) {
      if (!(error instanceof ZmqError)) throw error;
      if (!isMissing) logToStderr("warning", `${error.message}: it is asked again`);
      isMissing = true;
    }
  }
  return 0;
}

/** Asks for connections, and ends them. */
class Reaper implements AsyncDisposable {
  readonly #settings: ReapSettings;
  readonly #replies: ReaperReplies | null;

  private constructor(settings: ReapSettings, replies: ReaperReplies | null) {
    this.#settings = settings;
    this.#replies = replies;
  }

  /** @throws {ZmqError} if Mongrel2 does not answer, or does not listen */
  static async start(settings: ReapSettings): Promise<Reaper> {
    const { control, recv } = settings;
    const { rows: [[uuid = ""] = []] } = await askControlPort(control, "uuid", {}, TIMEOUT_MS);
    if (recv === undefined) return new Reaper(settings, null);
    await using replies = new AsyncDisposableStack();
    const socket = replies.use(new ReaperReplies(recv, uuid));
    await socket.heard(TIMEOUT_MS);
    replies.move();
    return new Reaper(settings, socket);
  }

  /** Ends all that are overdue now. */
  async sweep(): Promise<void> {
    const isOverdue = (each: ServerConnection) => limitPassed(each, this.#settings) !== null;
    const overdue = (await this.#connections()).filter(isOverdue);
    if (overdue.length === 0) return;
    const refused = overdue.filter(isUnanswered).map(({ id }) => id);
    const { told, left } = await this.#refuse(refused);
    const ended = [...told];
    for (const each of await this.#connections()) {
      // Those that have asked anew meanwhile may go on.
      if (!left.has(each.id) && !isOverdue(each)) continue;
      if (await this.#kill(each.id)) ended.push(each.id);
    }
    this.#replies?.reportGone(ended.map(String));
    const notice = told.length > 0 ? `; 408 was sent to ${told.length}` : "";
    const reasons = reasonsOf(overdue, this.#settings);
    logToStderr("info", `connections of Mongrel2 ended: ${ended.length} (${reasons})${notice}`);
  }

  async #connections(): Promise<ServerConnection[]> {
    const { control } = this.#settings;
    return connectionsIn(await askControlPort(control, "status", { what: "net" }, TIMEOUT_MS));
  }

  /** Sends 408, if it can be sent, and waits: which connections have ended by that, and which have not. */
  async #refuse(ids: readonly number[]): Promise<{ told: number[]; left: ReadonlySet<number> }> {
    if (this.#replies === null || ids.length === 0) return { told: [], left: new Set() };
    for (const id of ids) this.#replies.refuse(String(id));
    const deadline = performance.now() + CLOSE_TIMEOUT_MS;
    for (;;) {
      const open = new Set((await this.#connections()).map(({ id }) => id));
      const left = new Set(ids.filter((id) => open.has(id)));
      if (left.size === 0 || performance.now() > deadline) {
        return { told: ids.filter((id) => !left.has(id)), left };
      }
      await new Promise((resolve) => setTimeout(resolve, timerMs(CLOSE_LOOK_MS)));
    }
  }

  /** Ends a connection; `false` if it has ended by itself. */
  async #kill(id: number): Promise<boolean> {
    try {
      await askControlPort(this.#settings.control, "kill", { id }, TIMEOUT_MS);
      return true;
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replies?.[Symbol.asyncDispose]();
  }
}

function reasonsOf(connections: readonly ServerConnection[], settings: ReapSettings): string {
  const counts = new Map<string, number>();
  for (const connection of connections) {
    const limit = limitPassed(connection, settings)!;
    counts.set(limit, (counts.get(limit) ?? 0) + 1);
  }
  return [...counts].map(([limit, count]) => `${count} over the ${limit}`).join(", ");
}
