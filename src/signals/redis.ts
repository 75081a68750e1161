/**
 * Signals and topics between machines, through Redis or Valkey. Topics are streams, which are the history; their
 * events are published to the hubs that follow them. Signals are published to all hubs, which answer.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Redis } from "ioredis";
import { EMPTY } from "../base/empty.ts";
import { SignalDeliveryError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import { BEFORE_ALL, compareEventIds, isEventId } from "./event_ids.ts";
import type { Hub, RemoteSignals } from "./hub.ts";
import { SIGNAL_LIMITS } from "./limits.ts";
import type { SignalRecord, TopicEntry } from "./records.ts";
import {
  readSignalRecord,
  RESYNC,
  SEND,
  SENT,
  signalRecord,
  WAKE_NONE,
  WAKE_ONE,
} from "./records.ts";
import type { RedisAddress } from "./redis_address.ts";
import { PUBLISH_SCRIPT, READ_SCRIPT } from "./redis_scripts.ts";
import type { TopicPage, TopicStore } from "./topic_store.ts";

/** How long topics are kept after their last event. */
const KEPT_MS = 7 * 86_400_000;
/** Events that are read at a time: all might be as large as they can be. */
const MAX_READ = 64;
/** How long other hubs have to answer. */
const ANSWER_TIMEOUT_MS = 10_000;
/** Pauses before the connection is tried again: they grow from the first to the last. */
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;
const MAX_ID = 0xffff_ffff;
/** Bytes of a message at the most: those of gateways are smaller. */
const MAX_MESSAGE_BYTES = 131_072;
/** Channels in one command. */
const MAX_CHANNELS = 1_000;
/** Each half of a stream's id at the most. */
const MAX_HALF = 0xffff_ffff_ffff_ffffn;
/** A time before which there are no events, for topics that have none. */
const NO_EVENT = "0-0";

const RESYNC_RECORD = signalRecord(RESYNC);
const SPACE = 0x20;
const decoder = new TextDecoder();

/** Answers that are waited for. */
interface Question {
  onAnswer(answer: SignalRecord): void;
  fail(error: Error): void;
}

/** What the script for reading returns: ids of the last event dropped, and of the last one; events with their fields. */
type ReadResult = [Uint8Array, Uint8Array, [Uint8Array, [Uint8Array, Uint8Array]][]];

/** What Redis is to a hub. */
export class RedisSignals implements TopicStore, RemoteSignals, Disposable {
  readonly #place: string;
  /** What the names of keys and channels begin with, and the channel of all hubs. */
  readonly #topics: string;
  readonly #dropped: string;
  readonly #bytes: string;
  readonly #allHubs: string;
  readonly #oneHub: string;
  readonly #log: Log;
  readonly #commands: Redis;
  readonly #listener: Redis;
  /** Names this hub among those of all machines. */
  readonly #key = crypto.randomUUID();
  readonly #questions = new Map<number, Question>();
  /** Topics that are followed; each with what settles when Redis knows. */
  readonly #followed = new Map<string, Promise<unknown>>();
  #hub: Hub | null = null;
  #lastId = 0;
  #isReady = false;
  /** Whether it is about to be. */
  #isPreparing = false;
  #hasClosed = false;
  /** What was told last of what is wrong. */
  #lastError = "";

  private constructor(commands: Redis, { host, port, database }: RedisAddress, log: Log) {
    // Channels are those of all databases.
    const prefix = database === 0 ? "gatehouse:" : `gatehouse:${database}:`;
    this.#topics = `${prefix}topic:`;
    this.#dropped = `${prefix}dropped:`;
    this.#bytes = `${prefix}bytes:`;
    this.#allHubs = `${prefix}signals`;
    this.#oneHub = `${prefix}hub:`;
    this.#place = `Redis at ${host}:${port}`;
    this.#log = log;
    this.#commands = commands;
    this.#listener = commands.duplicate();
    for (const redis of [this.#commands, this.#listener]) {
      // Its end tells more.
      redis.on("error", (error: Error) => this.#onError(error));
      redis.on("close", () => this.#onAway());
      redis.on("ready", () => this.#onReady());
    }
    this.#listener.on("messageBuffer", (channel: Uint8Array, message: Uint8Array) => {
      this.#onMessage(decoder.decode(channel), message);
    });
  }

  /** Connects to a server, in its time: it is tried until it is there. */
  static async open(address: RedisAddress, log: Log): Promise<RedisSignals> {
    // The default is what all ways to load CommonJS give.
    const { default: exported } = await import("ioredis");
    const Redis = exported as unknown as typeof import("ioredis").Redis;
    const { host, port, username, password, database: db, transport } = address;
    const commands = new Redis({
      host,
      port,
      username,
      password,
      db,
      tls: transport === "tls" ? {} : undefined,
      lazyConnect: true,
      retryStrategy: (attempt) => Math.min(attempt * FIRST_RETRY_MS, LAST_RETRY_MS),
      // What was not sent, or has no answer, has failed: it must not be done twice.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      // One that hangs is as good as away.
      commandTimeout: ANSWER_TIMEOUT_MS,
      keepAlive: ANSWER_TIMEOUT_MS,
    });
    return new RedisSignals(commands, address, log);
  }

  /** Begins to serve `hub`. */
  serve(hub: Hub): void {
    this.#hub = hub;
    hub.remote = this;
    for (const redis of [this.#commands, this.#listener]) redis.connect().catch(() => {});
  }

  /** Ends the connection. */
  [Symbol.dispose](): void {
    this.#hasClosed = true;
    this.#onAway();
    this.#commands.disconnect();
    this.#listener.disconnect();
  }

  async publish(name: string, value: Uint8Array): Promise<string> {
    const { historyMessages, historyBytes } = SIGNAL_LIMITS;
    const keys = [this.#topics + name, this.#dropped + name, this.#bytes + name];
    const args = [bufferOf(value), historyMessages, KEPT_MS, historyBytes];
    return String(await this.#ask(() => this.#commands.eval(PUBLISH_SCRIPT, 3, ...keys, ...args)));
  }

  async read(name: string, after: string): Promise<TopicPage> {
    const followed = this.#followed.get(name);
    if (after === "") {
      // What is asked for next comes after this, whenever this hub begins to hear of the topic.
      const now = await this.#evalRead(name, "");
      return await this.read(name, decoder.decode(now[1]) || NO_EVENT);
    }
    // What is published from now on is heard.
    await followed;
    const isKnown = isStreamId(after);
    const start = isKnown ? after : BEFORE_ALL;
    const [droppedBytes, lastBytes, found] = await this.#evalRead(name, start);
    const last = decoder.decode(lastBytes) || NO_EVENT;
    const dropped = decoder.decode(droppedBytes) || NO_EVENT;
    const entries: TopicEntry[] = [];
    let bytes = 0;
    for (const [id, [, sent]] of found) {
      // No gateway has written what is larger.
      const value = sent.length > SIGNAL_LIMITS.maxValueBytes ? EMPTY : sent;
      if (entries.length > 0 && bytes + value.length > SIGNAL_LIMITS.pageBytes) break;
      entries.push({ event: decoder.decode(id), value });
      bytes += value.length;
    }
    const end = entries.at(-1)?.event ?? last;
    const isBefore = after === BEFORE_ALL || after === NO_EVENT;
    // An id that is later than the last one is of another server, or of one that has lost its data.
    const isLost = !isKnown || (!isBefore && compareEventIds(start, last) > 0);
    const hasGap = isLost || (after !== BEFORE_ALL && compareEventIds(start, dropped) < 0);
    if (isLost && isKnown) return await this.#readAll(name);
    return { entries, end, hasGap, hasMore: compareEventIds(end, last) < 0 };
  }

  #evalRead(name: string, start: string): Promise<ReadResult> {
    const keys = [this.#topics + name, this.#dropped + name];
    return this.#ask(() =>
      this.#commands.callBuffer("EVAL", READ_SCRIPT, 2, ...keys, start, MAX_READ)
    ) as Promise<ReadResult>;
  }

  /** The first page of all that is kept, after a gap. */
  async #readAll(name: string): Promise<TopicPage> {
    return { ...await this.read(name, BEFORE_ALL), hasGap: true };
  }

  follow(name: string, isFollowed: "followed" | "left"): void {
    const channel = this.#topics + name;
    if (isFollowed === "left") {
      this.#followed.delete(name);
      this.#listener.unsubscribe(channel).catch(() => {});
      return;
    }
    const subscribed = this.#listener.subscribe(channel);
    // Who reads hears of it, and all are read again when the connection is back.
    subscribed.catch(() => {});
    this.#followed.set(name, subscribed);
  }

  async send(name: string, value: Uint8Array, wake: number): Promise<number> {
    if (wake !== WAKE_ONE) {
      const answers = await this.#askAll(name, value, wake);
      return answers.reduce((sum, { number }) => sum + number, 0);
    }
    for (const { event: key, number } of await this.#askAll(name, EMPTY, WAKE_NONE)) {
      if (number === 0) continue;
      const answers = await this.#question(this.#oneHub + key, 0, {
        flags: WAKE_ONE,
        name,
        payload: value,
      });
      if (answers.some((answer) => answer.number > 0)) return 1;
    }
    return 0;
  }

  /** What all other hubs answer to a signal. */
  #askAll(name: string, payload: Uint8Array, flags: number): Promise<SignalRecord[]> {
    // This hub hears itself.
    return this.#question(this.#allHubs, 1, { flags, name, payload });
  }

  /** Publishes a signal; resolves to what is answered by all that have heard it, but for `own` of them. */
  async #question(
    channel: string,
    own: number,
    parts: Pick<SignalRecord, "flags" | "name" | "payload">,
  ): Promise<SignalRecord[]> {
    if (!this.#isReady) throw new SignalDeliveryError(`${this.#place} is away`);
    const id = this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    const record = signalRecord(SEND, { ...parts, id, event: this.#key });
    const answers: SignalRecord[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let due = Infinity;
    const check = () => answers.length >= due && resolve();
    this.#questions.set(id, {
      onAnswer: (answer) => {
        answers.push(answer);
        check();
      },
      fail: reject,
    });
    const timer = setTimeout(() => {
      reject(new SignalDeliveryError("another machine has not answered: nobody knows who has it"));
    }, timerMs(ANSWER_TIMEOUT_MS));
    promise.catch(() => {});
    try {
      due = await this.#ask(() => this.#commands.publish(channel, bufferOf(record))) - own;
      check();
      await promise;
      return answers;
    } finally {
      clearTimeout(timer);
      this.#questions.delete(id);
    }
  }

  #onMessage(channel: string, message: Uint8Array): void {
    // Whoever speaks to this server can say anything.
    if (message.length > MAX_MESSAGE_BYTES) return;
    if (channel.startsWith(this.#topics)) {
      const end = message.indexOf(SPACE);
      const id = decoder.decode(message.subarray(0, Math.max(end, 0)));
      if (!isStreamId(id)) return;
      this.#hub?.onEvent(channel.slice(this.#topics.length), id, message.subarray(end + 1));
      return;
    }
    const record = readSignalRecord(message);
    if (record === null || record.event === this.#key) return;
    if (record.kind === SENT) this.#questions.get(record.id)?.onAnswer(record);
    else if (record.kind === SEND) this.#answer(record);
  }

  /** Does what another hub asks for. */
  async #answer({ id, name, payload, flags, event: key }: SignalRecord): Promise<void> {
    try {
      const number = await this.#hub!.deliver(name, payload, flags);
      const answer = signalRecord(SENT, { id, number, event: this.#key });
      await this.#ask(() => this.#commands.publish(this.#oneHub + key, bufferOf(answer)));
    } catch (error) {
      // The other one hears of the end of the connection, too, or waits in vain.
      if (!(error instanceof SignalDeliveryError)) throw error;
    }
  }

  async #ask<Result>(command: () => Promise<Result>): Promise<Result> {
    try {
      return await command();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // What the client says then is about its own queue.
      if (!this.#isReady) throw new SignalDeliveryError(`${this.#place} is away`);
      throw new SignalDeliveryError(`${this.#place} has not done it: ${error.message}`);
    }
  }

  /** Both connections are there: all is said again, and read again. */
  async #onReady(): Promise<void> {
    if (this.#commands.status !== "ready" || this.#listener.status !== "ready") return;
    // Both tell of it, and may do so when both are there already.
    if (this.#isReady || this.#isPreparing) return;
    this.#isPreparing = true;
    const followed = [...this.#hub!.followedTopics];
    const channels = [
      this.#allHubs,
      this.#oneHub + this.#key,
      ...followed.map((name) => this.#topics + name),
    ];
    try {
      // All are asked for now: what is left from here on comes after them.
      const parts: Promise<unknown>[] = [];
      for (let at = 0; at < channels.length; at += MAX_CHANNELS) {
        parts.push(this.#listener.subscribe(...channels.slice(at, at + MAX_CHANNELS)));
      }
      const subscribed = Promise.all(parts);
      for (const name of followed) this.#followed.set(name, subscribed);
      await subscribed;
    } catch (error) {
      // It has gone again, and comes back here.
      if (!(error instanceof Error)) throw error;
      return;
    } finally {
      this.#isPreparing = false;
    }
    this.#isReady = true;
    this.#lastError = "";
    this.#log("info", `signals go through ${this.#place}`);
    this.#hub!.resync(RESYNC_RECORD);
  }

  #onAway(): void {
    const error = new SignalDeliveryError(`the connection to ${this.#place} has ended`);
    for (const { fail } of this.#questions.values()) fail(error);
    if (!this.#isReady) return;
    this.#isReady = false;
    if (!this.#hasClosed) {
      this.#log("warning", `${this.#place} is away: signals to other machines, and topics, fail`);
    }
  }

  #onError({ message }: Error): void {
    // The same again and again, as long as it is away.
    if (message === this.#lastError || this.#hasClosed) return;
    this.#lastError = message;
    this.#log("warning", `${this.#place}: ${message}`);
  }
}

/** Whether an id is one that a stream can have. */
function isStreamId(id: string): boolean {
  return isEventId(id) && id.split("-").every((half) => BigInt(half) <= MAX_HALF);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}
