/**
 * The time between the signal to end and the drain (`--drain-delay`): balancers notice that the gateway is not
 * ready, and clients go elsewhere. Loaded only if it is asked for.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { logToStderr } from "../base/log.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { hearOfEnd } from "../supervisor/ending.ts";
import type { Membership } from "../supervisor/membership.ts";

/** The end of a gateway that goes on serving for a while. */
export class DelayedEnd implements Disposable {
  readonly #gateway: Pick<Gateway, "announceEnd">;
  readonly #delayMs: number;
  readonly #membership: Membership | null;
  readonly #isHere = Promise.withResolvers<void>();
  readonly #hearing: Disposable | null;

  /** Listens to the supervisor, if there is one. */
  constructor(
    gateway: Pick<Gateway, "announceEnd">,
    delayMs: number,
    membership: Membership | null,
  ) {
    this.#gateway = gateway;
    this.#delayMs = delayMs;
    this.#membership = membership;
    this.#hearing = membership === null
      ? null
      : hearOfEnd(membership.bus, membership.assignment.key, (step) => {
        if (step === "near") gateway.announceEnd();
        else this.#isHere.resolve();
      });
  }

  /**
   * Asks clients to go elsewhere, and waits for the delay to pass; not if the supervisor has done so, or
   * another process has taken this one's place.
   */
  async pass(): Promise<void> {
    this.#gateway.announceEnd();
    if (this.#membership === null) tellOfDelay(this.#delayMs);
    await inTime(this.#isHere.promise, this.#delayMs);
  }

  /** Listens no more. */
  [Symbol.dispose](): void {
    this.#hearing?.[Symbol.dispose]();
  }
}

/** Says how long the gateway goes on. */
export function tellOfDelay(delayMs: number): void {
  logToStderr(
    "info",
    `serving for ${
      delayMs / 1_000
    } s more, until balancers have noticed; a second signal exits at once`,
  );
}
