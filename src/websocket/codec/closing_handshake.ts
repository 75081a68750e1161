/**
 * How a connection closes (RFC 6455 7): who has sent a close frame, and what the close event says.
 *
 * @module
 */

import { ABNORMAL_CLOSURE, NO_STATUS } from "./protocol.ts";

/**
 * Where the connection stands. The transitions:
 *
 *     open -> closing     we have sent a close frame, and the peer has not
 *     open -> closed      the peer has, and we answer; or it broke the protocol, or its connection was lost
 *     closing -> closed   the peer has, too; or one of the other two
 */
export type ClosingState = "open" | "closing" | "closed";

/** What is to be sent: a close frame with this code and reason. */
export interface CloseMessage {
  /** The code, 1005 for none. */
  readonly code: number;
  /** The reason, in the sender's words. */
  readonly reason: string;
}

/**
 * The closing handshake of one connection. What the methods return is to be sent, and nothing after it:
 * `null` if a close frame was sent already. When the state is `"closed"`, a server ends the connection
 * (RFC 6455 7.1.1), a client waits for that.
 */
export class ClosingHandshake {
  #state: ClosingState = "open";
  #code: number = ABNORMAL_CLOSURE;
  #reason = "";
  #wasClean = false;

  /** Where the connection stands. */
  get state(): ClosingState {
    return this.#state;
  }

  /** Whether messages, pings and pongs may still be sent, and what comes of them is for the app. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** The code of the close event: the peer's, 1005 if it gave none, 1006 if there was no closing handshake. */
  get code(): number {
    return this.#code;
  }

  /** The reason that the peer gave. */
  get reason(): string {
    return this.#reason;
  }

  /** Whether both have sent a close frame. */
  get wasClean(): boolean {
    return this.#wasClean;
  }

  /** We want to close. */
  begin(code: number = NO_STATUS, reason = ""): CloseMessage | null {
    if (this.#state !== "open") return null;
    this.#state = "closing";
    return { code, reason };
  }

  /** The peer's close frame has come: it is answered with its own code and reason, as others do. */
  receive(code: number, reason: string): CloseMessage | null {
    const wasOpen = this.#state === "open";
    if (this.#state === "closed") return null;
    this.#state = "closed";
    this.#code = code;
    this.#reason = reason;
    this.#wasClean = true;
    return wasOpen ? { code, reason } : null;
  }

  /** The peer broke the protocol, so that nothing more is read: it is told, if no close frame was sent. */
  fail(code: number, reason = ""): CloseMessage | null {
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    return wasOpen ? { code, reason } : null;
  }

  /** The connection has ended, or it took too long. */
  end(): void {
    this.#state = "closed";
  }
}
