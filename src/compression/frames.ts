/**
 * What the gateway and the thread that compresses say to each other, over a ring each way. Both are the
 * gateway's own code.
 *
 * @module
 */

import type { CodingLevel } from "./codec/settings.ts";

// Kinds of frames. Each comment says who sends the frame, and what its value and payload are.

/** Gateway: a whole body, answered by DONE or FAULT. Value: index of the coding. */
export const WHOLE = 1;
/** Gateway: a body begins. Value: index of the coding. Flags: FLUSHES. */
export const OPEN = 2;
/** Gateway: a part of it. */
export const PART = 3;
/** Gateway: it is complete. Answered by DONE or FAULT. */
export const FINISH = 4;
/** Gateway: so much of what was encoded has gone on. Value: bytes. */
export const CREDIT = 5;
/** Gateway: nobody wants it any more. */
export const CLOSE = 6;
/** Thread: a piece in its coding. */
export const PIECE = 7;
/** Thread: parts are encoded. Value: their bytes. */
export const TAKEN = 8;
/** Thread: all is encoded. Payload: the body, if it was given whole. */
export const DONE = 9;
/** Thread: it cannot be encoded. */
export const FAULT = 10;

/** Flag of OPEN: what has come is to be readable for the client at once. */
export const FLUSHES = 1;

/** Bytes of one frame's payload that the gateway sends at the most. */
export const MAX_PART_BYTES = 65_536;
/** What may have been encoded and not gone on, before no more is, in bytes. */
export const OUTPUT_WINDOW_BYTES = 65_536;
/** Size of each ring. */
export const RING_BYTES = 1_048_576;

/** Numbers of the bells. */
export const THREAD_BELL = 0;
export const GATEWAY_BELL = 1;
/** The message that stands for a ring where there are no bells. */
export const DOORBELL = 0;

/** The first message to the thread. */
export interface StartMessage {
  /** The codings; frames name them by their places. */
  readonly codings: readonly CodingLevel[];
  /** Memory of the rings. */
  readonly toThread: SharedArrayBuffer;
  readonly toGateway: SharedArrayBuffer;
  /** Memory of the bells. */
  readonly bells: SharedArrayBuffer;
}
