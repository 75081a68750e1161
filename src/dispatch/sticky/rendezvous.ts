/**
 * Which handler a key belongs to, by weighted rendezvous hashing: each handler gets a score for the key
 * from a hash of both, and the highest one wins. Dispatchers that know the same handlers agree without
 * a word. If a handler joins, or its capacity grows, it takes keys from all others in proportion; if it
 * goes, its keys spread over the others; all other keys stay where they are.
 *
 * The hash is no secret: with enough tries anybody finds keys that belong to one handler. They would need
 * no tries, as they can send the same key again and again; what bounds them is the handler's capacity.
 *
 * @module
 */

/** A text's hash: two words of 32 bits. */
export interface TextHash {
  /** The upper one. */
  readonly high: number;
  /** The lower one. */
  readonly low: number;
}

/** A handler, as keys see it. */
export interface RendezvousHandler {
  /** {@linkcode hashOf} its name. */
  readonly nameHash: TextHash;
  /** Its share of the keys, in proportion to the others': a number above 0. */
  readonly capacity: number;
}

const HIGH_BASIS = 0x9e3779b1;
const LOW_BASIS = 0x85ebca6b;
/** Odd numbers whose bits look random, so that each byte reaches many bits of a word. */
const HIGH_FACTOR = 0x2c1b3c6d;
const LOW_FACTOR = 0x297a2d39;
const MIX_FACTORS: readonly [number, number] = [0x7feb352d, 0x846ca68b];
/** Bits of a score's fraction: with these, a half more is a number of its own. */
const FRACTION_VALUES = 2 ** 52;
const LOW_BITS_LEFT_OUT = 12;
const LOW_VALUES = 2 ** 20;

/** The hash of a text, of its code units. It is the same on all machines, and stays so. */
export function hashOf(text: string): TextHash {
  let high = HIGH_BASIS;
  let low = LOW_BASIS ^ text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, HIGH_FACTOR);
    high ^= high >>> 15;
    low = Math.imul(low ^ unit, LOW_FACTOR);
    low ^= low >>> 13;
  }
  return { high: high >>> 0, low: low >>> 0 };
}

/**
 * The one of `handlers` that the key with this hash belongs to; `null` if there are none. Their order
 * does not matter, unless two have the same name.
 */
export function rendezvous<Handler extends RendezvousHandler>(
  key: TextHash,
  handlers: Iterable<Handler>,
): Handler | null {
  let best: Handler | null = null;
  let bestScore = 0;
  for (const handler of handlers) {
    const score = scoreOf(key, handler);
    if (score <= bestScore) continue;
    best = handler;
    bestScore = score;
  }
  return best;
}

/** Whether the key with this hash belongs to `one` rather than to `other`. */
export function outranks(
  key: TextHash,
  one: RendezvousHandler,
  other: RendezvousHandler,
): boolean {
  return scoreOf(key, one) > scoreOf(key, other);
}

/**
 * `capacity / -ln(h)`, where h is evenly spread between 0 and 1: then the chance to have the highest
 * score is in proportion to the capacity.
 */
function scoreOf(key: TextHash, { nameHash, capacity }: RendezvousHandler): number {
  const high = mixed(key.high ^ mixed(nameHash.high ^ key.low));
  const low = mixed(key.low ^ mixed(nameHash.low ^ high));
  const value = high * LOW_VALUES + (low >>> LOW_BITS_LEFT_OUT);
  return capacity / -Math.log((value + 0.5) / FRACTION_VALUES);
}

/** Another word, each bit of which depends on all of `word`'s. */
function mixed(word: number): number {
  let bits = Math.imul(word ^ (word >>> 16), MIX_FACTORS[0]);
  bits = Math.imul(bits ^ (bits >>> 15), MIX_FACTORS[1]);
  return (bits ^ (bits >>> 16)) >>> 0;
}
