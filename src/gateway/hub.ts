/**
 * The hub of signals and topics, as the settings have it.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import { Hub } from "../signals/hub.ts";
import type { RedisAddress } from "../signals/redis_address.ts";
import { MemoryTopicStore } from "../signals/topic_store.ts";

/** A hub, and what ends with it. */
export interface OpenHub extends Disposable {
  readonly hub: Hub;
}

/** Makes a hub for this machine alone, or one that reaches others through the server at `address`. */
export async function openHub(
  address: RedisAddress | null,
  log: Log,
): Promise<OpenHub> {
  if (address === null) return { hub: new Hub(new MemoryTopicStore()), [Symbol.dispose]() {} };
  // Few need it.
  const { RedisSignals } = await import("../signals/redis.ts");
  const redis = await RedisSignals.open(address, log);
  const hub = new Hub(redis);
  redis.serve(hub);
  return { hub, [Symbol.dispose]: () => redis[Symbol.dispose]() };
}
