/**
 * How much of its responses a server may be sent now, so that it neither idles nor disconnects the
 * client: Mongrel2 does that when too much waits for one. It does no I/O, and has no clock.
 *
 * @module
 */

/** Bytes that Mongrel2 1.12 lets wait for a client under `download.flow_control`. */
const DEFAULT_WINDOW_BYTES = 102_400;
/** Bytes of one message at the most. */
const MAX_MESSAGE_BYTES = 393_216;
/** The same where there is word of each, so that several are on their way, and word can get lost. */
const MAX_TOLD_MESSAGE_BYTES = 32_768;
/** Part of the window that is kept for probes. */
const PROBE_RESERVE_BYTES = 2_048;
/** Messages above this size differ in size, so that a notice tells which one it is about. */
const MIN_UNIQUE_BYTES = 4_096;
/** Size of a message that always fits a client's empty socket buffer. */
const SMALL_BYTES = 4_096;
/** Messages that Mongrel2 lets wait for a client: it disconnects those for whom there is one more. */
const MAX_MESSAGES = 16;
/** How many are taken to wait at the most: the rest is for the times in which it delivers none. */
const MAX_ASSUMED_MESSAGES = 8;
/** The same for a client that asks ahead. */
const MAX_AHEAD_MESSAGES = 4;
/** The same where it counts bytes instead. */
const MAX_TOLD_MESSAGES = 64;

/** Time without word of a small message after which there may be no flow control, in milliseconds. */
const SILENCE_MS = 250;
/** How often that is before it is taken for certain. */
const MAX_SILENCES = 3;
/** Time without a notice after which one may have been lost, in milliseconds. */
const PROBE_AFTER_MS = 250;

/** Bytes a millisecond that are taken for delivered to one client, and to all that are sent to together. */
const CLIENT_BYTES_PER_MS = 10_486;
const SERVER_BYTES_PER_MS = 104_858;
/**
 * Time for a message at least, for a small one, and for one to a client that asks ahead, in
 * milliseconds. Mongrel2 delivers none while it is not scheduled, nor while it reads all that a client
 * asks ahead, and then finds at once what has come in the meantime.
 */
const MIN_DELIVERY_MS = 25;
const SMALL_DELIVERY_MS = 40;
const AHEAD_DELIVERY_MS = 50;
/** Bytes a millisecond where word goes to another handler, unless more is known of the client. */
const UNHEARD_BYTES_PER_MS = 1_024;
const MIN_UNHEARD_BYTES_PER_MS = 128;

/** What is known of a server's flow control. All its clients share it. */
export class ServerFlow {
  /** Whether Mongrel2 gives word of what it has delivered. It says so only once for each connection. */
  state: "unknown" | "on" | "off" = "unknown";
  /** Whether notices come to this handler, and not to a successor. */
  isHeard = true;
  /** Bytes that may wait for a client where there is flow control. */
  windowBytes = DEFAULT_WINDOW_BYTES;

  #silences = 0;
  #sentAt = -1;
  /** When Mongrel2 will have taken all that it was sent. */
  #takenAt = 0;

  /** Takes what a first request says of the window. Anything but a number keeps the default. */
  announce(credits: string): void {
    this.state = "on";
    const bytes = /^\d{1,9}$/.test(credits) ? Number(credits) : 0;
    if (bytes > 0) this.windowBytes = bytes;
  }

  /** Takes note that word of a delivery has come. */
  onWord(): void {
    this.state = "on";
  }

  /** Forgets everything: another server has taken the place. */
  reset(): void {
    this.state = "unknown";
    this.windowBytes = DEFAULT_WINDOW_BYTES;
    this.#silences = 0;
    this.#sentAt = -1;
  }

  /** Notes that a small message was sent, for which a notice would come at once. */
  onSmallSent(now: number): void {
    if (this.state === "unknown" && this.#sentAt < 0) this.#sentAt = now;
  }

  /** Takes note of the time. */
  look(now: number): void {
    if (this.state !== "unknown" || this.#sentAt < 0 || now - this.#sentAt < SILENCE_MS) return;
    this.#sentAt = -1;
    if (++this.#silences === MAX_SILENCES) this.state = "off";
  }

  /** When Mongrel2 will have taken so many bytes more, all that was sent before included. */
  take(bytes: number, now: number): number {
    return this.#takenAt = Math.max(this.#takenAt, now) + bytes / SERVER_BYTES_PER_MS;
  }
}

/** Messages to one client that Mongrel2 may still hold. */
export class DeliveryLine {
  readonly #flow: ServerFlow;
  /** Sizes of the messages, the oldest first, and when each is taken for delivered if no word comes. */
  #sizes: number[] = [];
  #dueAt: number[] = [];
  #bytes = 0;
  /** Bytes of which there was word, and since when, to know how fast the client reads. */
  #toldBytes = 0;
  #since = 0;
  #progressAt = 0;
  #sentAt = 0;
  /** When all was taken that was sent, if the client's requests prove nothing. */
  #takenAt = 0;
  #asksAhead = false;

  /** Makes the line to a client of that server. */
  constructor(flow: ServerFlow) {
    this.#flow = flow;
  }

  /** Whether there is nothing that has to be remembered. */
  get isEmpty(): boolean {
    return this.#sizes.length === 0;
  }

  /** Whether the client reads less than is there for it, and only word of the server says how much. */
  get isFull(): boolean {
    return this.#waitsForWord && this.#bytes >= this.#flow.windowBytes >> 1;
  }

  /** When something was last delivered, or sent while nothing waited. */
  get progressAt(): number {
    return this.#progressAt;
  }

  /** Bytes of `waiting` that the next message may carry; 0 if none. */
  room(waiting: number, now: number): number {
    this.#settle(now);
    const flow = this.#flow;
    const count = this.#sizes.length;
    if (flow.state === "off") {
      return count < this.#maxAssumed ? Math.min(waiting, MAX_MESSAGE_BYTES) : 0;
    }
    const reserve = Math.min(PROBE_RESERVE_BYTES, flow.windowBytes >> 1);
    const window = flow.windowBytes - reserve;
    const room = Math.min(waiting, window - this.#bytes);
    if (room <= 0 || count >= MAX_TOLD_MESSAGES) return 0;
    if (flow.state === "on") return this.#unique(Math.min(room, MAX_TOLD_MESSAGE_BYTES));
    if (count >= this.#maxAssumed && now < this.#pacedAt) return 0;
    // Word of a small message comes at once, if any comes.
    return count === 0 ? Math.min(room, SMALL_BYTES) : room;
  }

  /** Takes note that a message was sent. */
  sent(bytes: number, now: number): void {
    const flow = this.#flow;
    if (this.#sizes.length === 0) {
      this.#progressAt = now;
      if (this.#toldBytes === 0) this.#since = now;
    }
    this.#sizes.push(bytes);
    this.#dueAt.push(this.#due(bytes, now));
    this.#bytes += bytes;
    if (this.#bytes <= SMALL_BYTES) flow.onSmallSent(now);
    this.#sentAt = now;
    const latest = now + MAX_MESSAGES * AHEAD_DELIVERY_MS;
    this.#takenAt = Math.min(Math.max(this.#takenAt, now) + AHEAD_DELIVERY_MS, latest);
  }

  /** Takes word that a message of so many bytes was delivered, and with it all before. */
  delivered(bytes: number, now: number): void {
    const index = this.#sizes.indexOf(bytes);
    // It was of another handler's, or of one whose word was given up.
    if (index < 0) return;
    this.#progressAt = now;
    this.#drop(index + 1);
  }

  /** The client has asked again, which it does when it has what it asked for before, or asks ahead. */
  asksAgain(): void {
    this.#toldBytes = 0;
    // Where there is word, it is waited for.
    if (this.#flow.state !== "on" && !this.#asksAhead) this.#drop(this.#sizes.length);
  }

  /** The client has asked before it was answered: that it asks again has proved nothing, and never will. */
  asksAhead(now: number): void {
    if (this.#asksAhead) return;
    this.#asksAhead = true;
    if (this.#flow.state === "on") return;
    const count = Math.ceil((this.#takenAt - now) / AHEAD_DELIVERY_MS);
    while (this.#sizes.length < count) {
      this.#sizes.unshift(0);
      this.#dueAt.unshift(0);
    }
    this.#dueAt = this.#dueAt.map((due, i) => Math.max(due, now + (i + 1) * AHEAD_DELIVERY_MS));
  }

  /** Bytes that are worth sending only to learn whether word of what was sent before got lost; 0 if none. */
  probe(waiting: number, now: number): number {
    const { state, isHeard, windowBytes } = this.#flow;
    if (state !== "on" || !isHeard || waiting === 0 || this.isEmpty) return 0;
    if (now - Math.max(this.#progressAt, this.#sentAt) < PROBE_AFTER_MS) return 0;
    let bytes = 1;
    while (this.#sizes.includes(bytes)) bytes++;
    return bytes <= waiting && this.#bytes + bytes <= windowBytes ? bytes : 0;
  }

  /** Time until more may be sent though no word comes, in milliseconds; `Infinity` if only word helps. */
  waitMs(now: number): number {
    const due = this.#dueAt[0];
    if (due === undefined || this.#waitsForWord) return Infinity;
    const isPaced = this.#flow.state === "unknown" && now < this.#pacedAt;
    return Math.max((isPaced ? Math.min(due, this.#pacedAt) : due) - now, 0);
  }

  /** When there may be one message more than are taken to wait, as long as there may still be word. */
  get #pacedAt(): number {
    return this.#asksAhead ? Infinity : this.#sentAt + SMALL_DELIVERY_MS;
  }

  get #maxAssumed(): number {
    return this.#asksAhead ? MAX_AHEAD_MESSAGES : MAX_ASSUMED_MESSAGES;
  }

  get #waitsForWord(): boolean {
    return this.#flow.state === "on" && this.#flow.isHeard;
  }

  #due(bytes: number, now: number): number {
    const flow = this.#flow;
    if (flow.state === "unknown") return now + SILENCE_MS;
    const last = Math.max(this.#dueAt.at(-1) ?? 0, now);
    if (flow.state === "on") return last + bytes / this.#unheardBytesPerMs(now);
    const isSmall = bytes <= SMALL_BYTES;
    const since = isSmall ? last : Math.max(flow.take(bytes, now), last);
    const leastMs = isSmall ? SMALL_DELIVERY_MS : MIN_DELIVERY_MS;
    const ms = this.#asksAhead ? AHEAD_DELIVERY_MS : leastMs;
    return since + Math.max(bytes / CLIENT_BYTES_PER_MS, ms);
  }

  /** Half as fast as the client was seen to read. */
  #unheardBytesPerMs(now: number): number {
    const lasted = now - this.#since;
    if (this.#toldBytes === 0 || lasted <= 0) return UNHEARD_BYTES_PER_MS;
    return Math.max(this.#toldBytes / lasted / 2, MIN_UNHEARD_BYTES_PER_MS);
  }

  #settle(now: number): void {
    this.#flow.look(now);
    if (this.#waitsForWord) return;
    let count = 0;
    while (count < this.#dueAt.length && this.#dueAt[count] <= now) count++;
    if (count === 0) return;
    this.#progressAt = now;
    this.#drop(count);
  }

  #drop(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#bytes -= this.#sizes[i];
      this.#toldBytes += this.#sizes[i];
    }
    this.#sizes.splice(0, count);
    this.#dueAt.splice(0, count);
  }

  #unique(bytes: number): number {
    let unique = bytes;
    while (unique > MIN_UNIQUE_BYTES && this.#sizes.includes(unique)) unique--;
    return unique;
  }
}
