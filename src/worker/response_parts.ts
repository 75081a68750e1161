/**
 * What a response is made of, and what sends it: bodies that are there whole, and those that their
 * makers push.
 *
 * @module
 */

import type { AbortReason, UpgradeHead } from "../message/exchange.ts";
import type { FileOrder } from "../message/file_order.ts";
import type { KeptExchange } from "../message/kept_sockets.ts";

/** A response as it can be sent without a stream. */
export interface PlainResponse {
  /** Status code. */
  readonly status: number;
  /** Reason phrase, if it is not that of the status; one code unit a byte. */
  readonly reason?: string;
  /** Field lines, each with its CRLF, one code unit a byte. */
  readonly fieldLines: string;
  /** The whole body, or `null` for none. */
  readonly body: string | Uint8Array | null;
}

/** A response whose body is pushed by its maker. */
export interface PushedResponse extends PlainResponse {
  /** Where the body comes from. */
  readonly source: BodySource;
  /** Whether it says which trailers come at its end. */
  readonly announcesTrailers: boolean;
}

/** Where a body is pushed to. */
export interface BodyTarget {
  /** Sends a response that is complete. */
  respondPlain(parts: PlainResponse): void;
  /** Has the gateway send the file at `path` as the response's body. */
  respondFile(
    parts: PlainResponse,
    path: string,
    precompressed: FileOrder["precompressed"],
  ): void;
  /** Begins the response to a request; whether there is still somebody to send it to. */
  respondPushed(parts: PushedResponse): boolean;
  /** Sends more of the body, as soon as there is room. Whether all of it has gone. */
  push(chunk: Uint8Array): boolean;
  /** Ends the body, once all of it has gone. Whether it has. */
  endPushed(trailerLines: string): boolean;
  /**
   * Has the connection go on in another protocol; `source` pushes what is said, and `taker` is given what the
   * client says. Whether there is still somebody to speak with.
   */
  upgrade(head: UpgradeHead, source: BodySource, taker: UpgradeTaker): boolean;
  /** Permits `bytes` more of what the client says, at once or together with others. */
  grant(bytes: number): void;
  /** Gives the request up, since `error` was thrown. */
  failWith(error: unknown): void;
  /** Breaks the connection off. */
  cut(): void;
  /** What is spoken to after an upgrade to a socket that other workers may be given; else `null`. */
  readonly kept: KeptExchange | null;
  /** Hands that socket back, with what another worker is to know. */
  handBack(state: Uint8Array): void;
}

/** What takes over what comes for a request that was upgraded. */
export interface UpgradeTaker {
  /** Takes bytes, borrowed. */
  onBytes(chunk: Uint8Array): void;
  /** The client says no more. */
  onBytesEnd(): void;
  /** The connection is closed; whether that was to be expected. */
  onClosed(reason: AbortReason): boolean;
  /** The gateway wants the connection back, to give it to another worker. */
  onRelease?(): void;
}

/** What pushes a body. */
export interface BodySource {
  /** Pushes to `target` what has been, and will be, written. Called once, or else {@linkcode stream}. */
  pushTo(target: BodyTarget, parts: PushedResponse): void;
  /** All that was pushed has gone, and there is room again. */
  onRoom(): void;
  /** The body has ended, and gone. */
  onDone(): void;
  /** The body as a stream, for code that inspects the response. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
}
