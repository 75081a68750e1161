/**
 * The hub of a gateway's signals and topics: knows which workers wait for what, in all its processes.
 * It lies in the process, or, with several, in their supervisor.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { SignalDeliveryError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import { SIGNAL_LIMITS } from "./limits.ts";
import type { RecordParts, SignalRecord } from "./records.ts";
import {
  DELIVER,
  DETACH,
  EVENT,
  FAILED,
  FOLLOW,
  HAS_GAP,
  HAS_MORE,
  PAGE,
  pagePayload,
  PUBLISH,
  PUBLISHED,
  READ,
  readSignalRecord,
  RESET,
  SEND,
  SENT,
  signalRecord,
  UNFOLLOW,
  UNWATCH,
  WAKE_ALL,
  WAKE_NONE,
  WAKE_ONE,
  WATCH,
  WOKEN,
} from "./records.ts";
import type { TopicPage, TopicStore } from "./topic_store.ts";

/** Names that a worker can watch or follow; an honest one has fewer. */
const MAX_NAMES = 2 * SIGNAL_LIMITS.maxWaiters;
const MAX_ID = 0xffff_ffff;
/** Bytes of values in a worker's calls without an answer. */
const MAX_PENDING_BYTES = 16_777_216;
/** How long a worker has to say whom it has woken: less than other machines wait. */
const ANSWER_TIMEOUT_MS = 5_000;

const encoder = new TextEncoder();

/** Leads to workers: those of one process. */
export interface HubLink {
  /**
   * Gives the workers with these numbers a record; `false` if it cannot be given to one of them, which
   * will be told to begin again.
   */
  send(workers: readonly number[], record: Uint8Array): boolean;
}

/** What other machines have a part in. */
export interface RemoteSignals {
  /** Wakes waiters elsewhere; resolves to how many. */
  send(name: string, value: Uint8Array, wake: number): Promise<number>;
  /** There are followers of the topic `name` here, or none any more. */
  follow(name: string, isFollowed: "followed" | "left"): void;
}

/** A worker. */
interface Member {
  readonly link: HubLink;
  readonly worker: number;
  readonly watched: Set<string>;
  readonly followed: Set<string>;
  /** Deliveries that it has not answered, by id. */
  readonly deliveries: Map<number, (count: number | null) => void>;
  /** Its calls that were not answered. */
  pendingCalls: number;
  /** Bytes of their values. */
  pendingBytes: number;
}

/** Who waits for what, and where it comes from. */
export class Hub {
  /** What other machines have a part in; `null` if none has. */
  remote: RemoteSignals | null = null;

  readonly #store: TopicStore;
  readonly #members = new Map<HubLink, Map<number, Member>>();
  readonly #watchers = new Map<string, Set<Member>>();
  readonly #followers = new Map<string, Set<Member>>();
  #lastDelivery = 0;
  /** Records of workers that have come. */
  #records = 0;

  readonly #answerTimeoutMs: number;

  /** Makes a hub over `store`. Workers have `answerTimeoutMs` to say whom they have woken. */
  constructor(store: TopicStore, answerTimeoutMs: number = ANSWER_TIMEOUT_MS) {
    this.#store = store;
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  /** Takes a record of a worker's; `false` if it is none. */
  take(link: HubLink, worker: number, bytes: Uint8Array): boolean {
    const record = readSignalRecord(bytes);
    if (record === null || record.payload.length > SIGNAL_LIMITS.maxValueBytes) return false;
    this.#records++;
    const { kind } = record;
    if (kind === DETACH) {
      this.#detach(link, worker);
      return true;
    }
    const member = this.#member(link, worker);
    switch (kind) {
      case WATCH:
        add(this.#watchers, record.name, member, member.watched);
        return true;
      case UNWATCH:
        remove(this.#watchers, record.name, member, member.watched);
        return true;
      case FOLLOW:
        if (add(this.#followers, record.name, member, member.followed)) {
          this.remote?.follow(record.name, "followed");
        }
        return true;
      case UNFOLLOW:
        this.#unfollow(member, record.name);
        return true;
      case WOKEN:
        member.deliveries.get(record.id)?.(record.number);
        return true;
      case SEND:
        this.#answer(member, SENT, record, () => this.#send(record));
        return true;
      case PUBLISH:
        this.#answer(member, PUBLISHED, record, () => this.#publish(record));
        return true;
      case READ:
        this.#answer(member, PAGE, record, () => this.#read(record));
        return true;
      case RESET:
        this.#reset(member);
        return true;
      default:
        return false;
    }
  }

  /** Forgets the workers of a process. */
  detachAll(link: HubLink): void {
    for (const worker of [...this.#members.get(link)?.keys() ?? []]) this.#detach(link, worker);
  }

  /** Wakes waiters of this gateway; resolves to how many. */
  async deliver(name: string, value: Uint8Array, wake: number): Promise<number> {
    const watchers = this.#watchers.get(name);
    if (watchers === undefined) return 0;
    if (wake !== WAKE_ONE) {
      const counts = [...watchers].map((each) => this.#deliverTo(each, name, value, wake));
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    }
    for (const member of [...watchers]) {
      // Others are in its place next time.
      if (watchers.delete(member)) watchers.add(member);
      if (await this.#deliverTo(member, name, value, wake) > 0) return 1;
    }
    return 0;
  }

  /** Gives an event to the followers of its topic. */
  onEvent(name: string, event: string, value: Uint8Array): void {
    const followers = this.#followers.get(name);
    if (followers === undefined) return;
    const record = signalRecord(EVENT, { name, event, payload: value });
    const byLink = new Map<HubLink, number[]>();
    for (const { link, worker } of followers) {
      const workers = byLink.get(link);
      if (workers === undefined) byLink.set(link, [worker]);
      else workers.push(worker);
    }
    // Those who cannot take it are told to begin again.
    for (const [link, workers] of byLink) link.send(workers, record);
  }

  /** Signals that are waited for and topics that are followed, once for each worker; and records so far. */
  get counts(): { readonly waiters: number; readonly followers: number; readonly records: number } {
    return {
      waiters: sumOfSizes(this.#watchers),
      followers: sumOfSizes(this.#followers),
      records: this.#records,
    };
  }

  /** Topics that are followed. */
  get followedTopics(): Iterable<string> {
    return this.#followers.keys();
  }

  /** Has all workers begin again: events may have been lost on their way here. */
  resync(record: Uint8Array): void {
    for (const [link, members] of this.#members) link.send([...members.keys()], record);
  }

  async #send({ name, payload, flags }: SignalRecord): Promise<RecordParts> {
    const { remote } = this;
    if (flags !== WAKE_ONE) {
      const wake = flags === WAKE_NONE ? WAKE_NONE : WAKE_ALL;
      const own = this.deliver(name, payload, wake);
      if (remote === null) return { number: await own };
      const [here, elsewhere] = await Promise.all([own, remote.send(name, payload, wake)]);
      return { number: here + elsewhere };
    }
    // Waiters here are nearer than others.
    const here = await this.deliver(name, payload, WAKE_ONE);
    if (here > 0 || remote === null) return { number: here };
    return { number: await remote.send(name, payload, WAKE_ONE) };
  }

  async #publish({ name, payload }: SignalRecord): Promise<RecordParts> {
    const event = this.#store.publish(name, payload);
    if (typeof event !== "string") return { event: await event };
    // It was kept here; a store elsewhere tells all hubs itself.
    this.onEvent(name, event, payload);
    return { event };
  }

  #read({ name, event }: SignalRecord): RecordParts | Promise<RecordParts> {
    const page = this.#store.read(name, event);
    return page instanceof Promise ? page.then(partsOf) : partsOf(page);
  }

  /** Answers a call; a page at once, if it is at hand: events come after it. */
  async #answer(
    member: Member,
    kind: number,
    { id, payload: { length } }: SignalRecord,
    work: () => RecordParts | Promise<RecordParts>,
  ): Promise<void> {
    let parts: RecordParts;
    const isFull = member.pendingCalls >= SIGNAL_LIMITS.maxPendingCalls ||
      member.pendingBytes + length > MAX_PENDING_BYTES;
    if (isFull) {
      parts = failure("too many calls without an answer");
    } else {
      member.pendingCalls++;
      member.pendingBytes += length;
      try {
        const result = work();
        parts = result instanceof Promise ? await result : result;
      } catch (error) {
        // What the store or other machines could not do.
        if (!(error instanceof Error)) throw error;
        parts = failure(messageOf(error));
      }
      member.pendingCalls--;
      member.pendingBytes -= length;
    }
    if (!this.#isThere(member)) return;
    member.link.send([member.worker], signalRecord(kind, { ...parts, id }));
  }

  #deliverTo(
    member: Member,
    name: string,
    payload: Uint8Array,
    flags: number,
  ): number | Promise<number> {
    const id = this.#lastDelivery = this.#lastDelivery === MAX_ID ? 1 : this.#lastDelivery + 1;
    const record = signalRecord(DELIVER, { id, name, flags, payload });
    if (member.deliveries.size >= SIGNAL_LIMITS.maxPendingCalls) return 0;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    // It may answer before this returns.
    member.deliveries.set(id, (count) => {
      member.deliveries.delete(id);
      clearTimeout(timer);
      if (count === null) {
        reject(new SignalDeliveryError("a worker does not answer: nobody knows whom it has woken"));
      } else {
        resolve(flags === WAKE_ONE ? Math.min(count, 1) : count);
      }
    });
    if (member.link.send([member.worker], record)) {
      const onTimeout = () => member.deliveries.get(id)?.(null);
      if (member.deliveries.has(id)) timer = setTimeout(onTimeout, timerMs(this.#answerTimeoutMs));
      return promise;
    }
    member.deliveries.delete(id);
    return 0;
  }

  #member(link: HubLink, worker: number): Member {
    let members = this.#members.get(link);
    if (members === undefined) this.#members.set(link, members = new Map());
    let member = members.get(worker);
    if (member === undefined) {
      member = {
        link,
        worker,
        watched: new Set(),
        followed: new Set(),
        deliveries: new Map(),
        pendingCalls: 0,
        pendingBytes: 0,
      };
      members.set(worker, member);
    }
    return member;
  }

  #isThere({ link, worker }: Member): boolean {
    return this.#members.get(link)?.has(worker) ?? false;
  }

  #detach(link: HubLink, worker: number): void {
    const members = this.#members.get(link);
    const member = members?.get(worker);
    if (member === undefined) return;
    members!.delete(worker);
    if (members!.size === 0) this.#members.delete(link);
    this.#reset(member);
  }

  /** Forgets what a worker watches, follows and was to answer. */
  #reset(member: Member): void {
    for (const name of member.watched) remove(this.#watchers, name, member, member.watched);
    for (const name of member.followed) this.#unfollow(member, name);
    for (const resolve of [...member.deliveries.values()]) resolve(0);
  }

  #unfollow(member: Member, name: string): void {
    if (remove(this.#followers, name, member, member.followed)) this.remote?.follow(name, "left");
  }
}

function partsOf({ entries, end, hasGap, hasMore }: TopicPage): RecordParts {
  const flags = (hasGap ? HAS_GAP : 0) | (hasMore ? HAS_MORE : 0);
  return { event: end, flags, payload: pagePayload(entries) };
}

function failure(reason: string): RecordParts {
  return { flags: FAILED, payload: encoder.encode(reason) };
}

/** Adds a member to those of `name`; whether it is the first. */
function add(all: Map<string, Set<Member>>, name: string, member: Member, own: Set<string>) {
  if (own.size >= MAX_NAMES) return false;
  own.add(name);
  const members = all.get(name);
  if (members === undefined) all.set(name, new Set([member]));
  else members.add(member);
  return members === undefined;
}

/** Removes a member from those of `name`; whether it was the last. */
function remove(all: Map<string, Set<Member>>, name: string, member: Member, own: Set<string>) {
  if (!own.delete(name)) return false;
  const members = all.get(name)!;
  members.delete(member);
  if (members.size > 0) return false;
  all.delete(name);
  return true;
}

function sumOfSizes(sets: ReadonlyMap<string, ReadonlySet<Member>>): number {
  let sum = 0;
  for (const { size } of sets.values()) sum += size;
  return sum;
}
