/**
 * A message to a topic, put together of the frames that it comes in.
 *
 * @module
 */

import { concatenated } from "../base/bytes.ts";
import { EMPTY } from "../base/empty.ts";
import { MAX_PUBLISHED_BYTES } from "../message/kept_sockets.ts";
import {
  BINARY,
  LAST,
  RECORD_HEADER_BYTES,
  TEXT,
  writeRecordHeader,
} from "../message/socket_records.ts";
import { GOES_ON, MAX_BODY_FRAME_BYTES, MORE, OF_BYTES } from "../ring/frames.ts";
import { readPublish } from "../ring/socket_frames.ts";
import type { RingReader } from "../ring/ring.ts";
import { RingError } from "../ring/ring.ts";

/** Puts one message after another together. */
export class PublishedMessage {
  /** Name of the topic. */
  topic = "";
  /** What goes before the message, and the parts that are here. */
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #isWithin = false;
  #mount = 0;
  #id = 0;

  /**
   * Takes a PUBLISH frame; whether the message is complete.
   *
   * @throws {RingError} if it is not the frame that is due, or the message is too large
   */
  push(frame: RingReader): boolean {
    const { flags, value: mount, id } = frame;
    const goesOn = (flags & GOES_ON) !== 0;
    if (goesOn !== this.#isWithin || goesOn && (mount !== this.#mount || id !== this.#id)) {
      throw new RingError("a message to a topic that begins, or goes on, out of turn");
    }
    const { topic, part } = readPublish(frame);
    if (!goesOn) {
      this.topic = topic;
      this.#mount = mount;
      this.#id = id;
      this.#bytes = 0;
      this.#parts = [EMPTY];
    }
    // Each part costs memory of its own: there are to be few.
    if ((flags & MORE) !== 0 && part.length !== MAX_BODY_FRAME_BYTES) {
      throw new RingError("a part of a message to a topic that is neither full nor the last");
    }
    this.#bytes += part.length;
    if (this.#bytes > MAX_PUBLISHED_BYTES) throw new RingError("too large a message to a topic");
    this.#parts.push(part.slice());
    this.#isWithin = (flags & MORE) !== 0;
    if (this.#isWithin) return false;
    const header = this.#parts[0] = new Uint8Array(RECORD_HEADER_BYTES);
    writeRecordHeader(header, (flags & OF_BYTES ? BINARY : TEXT) | LAST, this.#bytes);
    return true;
  }

  /** The message, which is complete, as a socket record. */
  take(): Uint8Array {
    const record = concatenated(this.#parts);
    this.#parts = [];
    return record;
  }
}
