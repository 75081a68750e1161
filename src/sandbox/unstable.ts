/**
 * The runtime's unstable features: the process has those that apps can ask for, and each app gets those
 * that it asks for.
 *
 * @module
 */

import { isOnDuty } from "./cron_duty.ts";
import type { Members, Method } from "./locks.ts";
import { replace } from "./locks.ts";
import type { UnstableFeature } from "../base/unstable_features.ts";
import { hasUnstable, UNSTABLE_FEATURES } from "../base/unstable_features.ts";
import type { SandboxRules } from "./rules.ts";

const { apply, deleteProperty } = Reflect;
const { Int32Array, Promise } = globalThis;
const runtime = Deno as unknown as Members;
const scope = globalThis as unknown as Members;

/** Members of `Deno`, and of the global scope, by the feature that they belong to. */
const MEMBERS: Readonly<Record<UnstableFeature, readonly string[]>> = {
  kv: ["openKv", "AtomicOperation", "Kv", "KvListIterator", "KvU64"],
  cron: ["cron"],
  net: [
    "connectQuic",
    "listenDatagram",
    "upgradeWebTransport",
    "QuicBidirectionalStream",
    "QuicConn",
    "QuicEndpoint",
    "QuicIncoming",
    "QuicListener",
    "QuicReceiveStream",
    "QuicSendStream",
    "WebSocketError",
    "WebSocketStream",
    "WebTransport",
    "WebTransportBidirectionalStream",
    "WebTransportDatagramDuplexStream",
    "WebTransportError",
    "WebTransportReceiveStream",
    "WebTransportSendGroup",
    "WebTransportSendStream",
  ],
};

/** Takes note of work that goes on without a request. */
export type NoteWork = (work: Promise<unknown>) => void;

/**
 * Gives the current thread the features that `rules` name, and no others. `note` is called for jobs
 * that run; without it, as in threads that apps make, there are none.
 */
export function limitUnstable(
  { unstable, cronDuty }: Pick<SandboxRules, "unstable" | "cronDuty">,
  note?: NoteWork,
): void {
  const has = (feature: UnstableFeature) =>
    hasUnstable(feature) && (unstable === null || unstable.features.includes(feature)) &&
    (feature !== "cron" || note !== undefined);
  for (const feature of UNSTABLE_FEATURES) if (!has(feature)) removeMembers(MEMBERS[feature]);
  if (unstable !== null && has("kv")) nameStore(unstable.kvPath);
  if (has("cron")) divideJobs(new Int32Array(cronDuty), note!);
}

function removeMembers(names: readonly string[]): void {
  for (const name of names) {
    deleteProperty(runtime, name);
    deleteProperty(scope, name);
  }
}

/** `Deno.openKv()` without a path opens the store of the app's project. */
function nameStore(path: string): void {
  const native = runtime.openKv as Method;
  replace(runtime, "openKv", (given?: unknown) => apply(native, runtime, [given ?? path]));
}

/** Jobs run in one worker at a time: in the others, their times pass. */
function divideJobs(duty: Int32Array, note: NoteWork): void {
  const native = runtime.cron as Method;
  const guarded = (handler: Method) => () => {
    if (!isOnDuty(duty)) return undefined;
    // What it throws is the runtime's to tell.
    const work = new Promise((resolve) => resolve(apply(handler, undefined, [])));
    note(work);
    return work;
  };
  replace(runtime, "cron", (name: unknown, schedule: unknown, third: unknown, fourth: unknown) => {
    const args = [name, schedule, third, fourth];
    if (typeof third === "function") args[2] = guarded(third as Method);
    else if (typeof fourth === "function") args[3] = guarded(fourth as Method);
    return apply(native, runtime, args);
  });
}
