/**
 * What an app, or the gateway itself, orders to be sent of a file.
 *
 * @module
 */

import type { Exchange, ExchangeReceiver } from "./exchange.ts";

/** A response whose body is a file. */
export interface FileOrder {
  /** Path of the file; a relative one begins at the gateway's working directory. */
  readonly path: string;
  /** Status code. Conditions and ranges are for 200 alone. */
  readonly status: number;
  /** Reason phrase, if it is not that of the status; one code unit a byte. */
  readonly reason?: string;
  /**
   * Field lines, each `name: value` and CRLF, one code unit a byte. Those among them that describe the file
   * count instead of what the gateway finds out.
   */
  readonly fieldLines: string;
  /** The fields of the request that matter to files ({@linkcode fileFieldLines}). */
  readonly requestLines: string;
  /** Whether neighbours of the file that end in `.br`, `.zst` or `.gz` are sent to clients that accept these. */
  readonly precompressed: "use" | "ignore";
}

/** Bytes of a path at the most. */
export const MAX_FILE_PATH_BYTES = 4_096;

/**
 * Answers `exchange` with a file, if whoever ordered it may read it. `listener` is told what else comes for the
 * exchange.
 */
export type SendFile = (
  exchange: Exchange,
  order: FileOrder,
  listener: ExchangeReceiver,
) => void;
