/**
 * Who is subscribed to which topic.
 *
 * @module
 */

/** Subscribers by topic. */
export class Topics<Subscriber> {
  readonly #subscribers = new Map<string, Set<Subscriber>>();

  /** Adds a subscriber to `topic`, if it is none. */
  add(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) this.#subscribers.set(topic, new Set([subscriber]));
    else subscribers.add(subscriber);
  }

  /** Removes a subscriber from `topic`, if it is one. */
  delete(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) return;
    subscribers.delete(subscriber);
    if (subscribers.size === 0) this.#subscribers.delete(topic);
  }

  /** The subscribers of `topic`. */
  of(topic: string): Iterable<Subscriber> {
    return this.#subscribers.get(topic) ?? [];
  }
}
