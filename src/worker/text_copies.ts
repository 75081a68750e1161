/**
 * The bytes of a large text that an app answers with again and again. A text cannot change, and to see that
 * it is the same takes no time: so it is encoded once, as long as it is in use, and not for each response.
 *
 * @module
 */

import { lengthOf, uncurried } from "../base/captured.ts";
import { utf8Length, writeUtf8 } from "../base/text.ts";

const { Uint8Array, WeakRef } = globalThis;

/** Texts of more bytes than this are never kept whole. */
const MAX_TEXT_BYTES = 4_194_304;
/** Bytes of texts that may be in use at a time: clients may be slow to take them, and texts change. */
const MAX_USED_BYTES = 8_388_608;

/** A large text that an app answered with, and its bytes from the second time on. */
export interface KnownText {
  /** The mount of the app: no app is to learn what another one says. */
  readonly mount: number;
  readonly text: string;
  bytes: Uint8Array;
  /** Responses that are being made of the bytes. */
  users: number;
}

const NO_BYTES = new Uint8Array(0);
const deref: (ref: WeakRef<KnownText>) => KnownText | undefined = uncurried(
  WeakRef.prototype.deref,
) as never;

/** The last large text. Its users keep it alive; nothing else does. */
let last: WeakRef<KnownText> | null = null;
let usedBytes = 0;

/**
 * What is known of `text`, which the app of `mount` answers with, for {@linkcode releaseText} to be called
 * when it was sent. `null` if it is not to be kept whole: it has not come twice in a row, or is too long, or
 * too much is in use.
 */
export function useText(mount: number, text: string): KnownText | null {
  const known = last === null ? undefined : deref(last);
  if (known === undefined || known.mount !== mount || known.text !== text) {
    last = new WeakRef({ mount, text, bytes: NO_BYTES, users: 0 });
    return null;
  }
  if (known.users === 0) {
    const length = lengthOf(known.bytes) || utf8Length(text);
    if (length > MAX_TEXT_BYTES || usedBytes + length > MAX_USED_BYTES) return null;
    usedBytes += length;
    if (known.bytes === NO_BYTES) {
      known.bytes = new Uint8Array(length);
      writeUtf8(text, length, known.bytes, 0);
    }
  }
  known.users++;
  return known;
}

/** Takes note that a response was made of a text. */
export function releaseText(known: KnownText): void {
  if (--known.users === 0) usedBytes -= lengthOf(known.bytes);
}
