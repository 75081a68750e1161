/**
 * A request, from its client to its end.
 *
 * @module
 */

import type { RequestTraits } from "./request_source.ts";
import type { RequestQueue } from "./waiting.ts";

/** What becomes of a request. */
export const ENDS = ["answered", "queueFull", "queueTimeout", "failed", "broken"] as const;

/**
 * - `answered`: by a node.
 * - `queueFull`, `queueTimeout`: 503, as no node had room.
 * - `failed`: 502, as its node died, and it could not be sent to another one.
 * - `broken`: its answer had begun when its node died.
 */
export type End = typeof ENDS[number];

/** A request. */
export interface Request extends RequestTraits {
  /** When it came to the dispatcher. */
  readonly arrivedMs: number;
  /** Nodes that it was given to. */
  tries: number;
  /** Which node it was given to last; -1 if to none. */
  node: number;
  /** Where it waits; `null` if it does not. */
  waitsIn: RequestQueue | null;
  /** Until when it waits, if it does, and not for ever. */
  deadlineMs: number;
}

/** Who is told what becomes of requests. */
export interface Outcomes {
  /** A request has got its end. */
  ended(request: Request, end: End): void;
  /** A request is given to a node. */
  given(request: Request): void;
  /** A request is to be given to another node. */
  retried(request: Request): void;
  /** A node that was taken for dead has answered. */
  answeredLate(): void;
}
