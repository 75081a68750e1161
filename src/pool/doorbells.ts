/**
 * Keeps count of the doorbells between the gateway and a worker. Rings by message wait in queues
 * without bounds.
 *
 * After so many messages, either way, the worker is sent a fence, and has to send it back. That passes
 * through both queues, and so what was sent before it has been heard then.
 *
 * @module
 */

/** Doorbells after which there is a fence. */
const FENCED_RINGS = 10_000;
/** Doorbells that may be unheard. */
const MAX_UNHEARD_RINGS = 30_000;
/** Doorbells in a row that may be about nothing: some cross what was read already. */
const MAX_IDLE_RINGS = 10_000;

/** The doorbells of one worker. */
export class Doorbells {
  /** Since the last fence that came back. */
  #unheard = 0;
  #isFenced = false;
  #idle = 0;
  readonly #sendFence: () => void;

  /** Makes the count; `sendFence` sends the worker a fence. */
  constructor(sendFence: () => void) {
    this.#sendFence = sendFence;
  }

  /** Whether more of them are about nothing, or unheard, than an honest worker would cause. */
  get isFlood(): boolean {
    return this.#unheard > MAX_UNHEARD_RINGS || this.#idle > MAX_IDLE_RINGS;
  }

  /** Counts a message that is sent. */
  onSent(): void {
    this.#count();
  }

  /** Counts a message that has come. */
  onReceived(): void {
    this.#idle++;
    this.#count();
  }

  /** Counts a ring that was no message. */
  onRung(): void {
    this.#idle++;
  }

  /** Takes note that one was about something. */
  onFrame(): void {
    this.#idle = 0;
  }

  /** Takes the fence that has come back; whether one was sent. */
  onFence(): boolean {
    if (!this.#isFenced) return false;
    this.#isFenced = false;
    this.#unheard = 0;
    return true;
  }

  #count(): void {
    if (++this.#unheard < FENCED_RINGS || this.#isFenced) return;
    this.#isFenced = true;
    this.#sendFence();
  }
}
