/**
 * On what terms messages are compressed: `permessage-deflate` as client and server agree on it (RFC 7692 7).
 *
 * @module
 */

import type { Extension } from "./extensions.ts";

/** What both sides do when they compress. */
export interface DeflateTerms {
  /** Whether the server compresses each message by itself, and forgets those before. */
  readonly serverNoContextTakeover: boolean;
  /** Whether the client does. */
  readonly clientNoContextTakeover: boolean;
  /** How far the server refers back: 2 to this power, in bytes. 9 to 15. */
  readonly serverMaxWindowBits: number;
  /** How far the client does, 8 to 15. */
  readonly clientMaxWindowBits: number;
}

/** How much a server wants to spend: it accepts no terms beyond these. */
export const DEFAULT_DEFLATE_TERMS: DeflateTerms = Object.freeze({
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
});

/** Terms on which connections need no memory of their own: each message is compressed by itself. */
export const SPARING_DEFLATE_TERMS: DeflateTerms = Object.freeze({
  ...DEFAULT_DEFLATE_TERMS,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
});

/**
 * What a server does with messages: nothing, or it compresses, for clients that can, each message by itself
 * or all of a socket as one stream, which takes memory for each open socket.
 */
export type MessageCompression = "none" | "each" | "stream";

/** The terms for each, `null` for none. */
export const COMPRESSION_TERMS: Readonly<Record<MessageCompression, DeflateTerms | null>> = {
  none: null,
  each: SPARING_DEFLATE_TERMS,
  stream: DEFAULT_DEFLATE_TERMS,
};

const NAME = "permessage-deflate";
const MAX_WINDOW_BITS = 15;
const MIN_WINDOW_BITS = 8;
/** zlib cannot compress within a window of 8 bits. */
const MIN_OWN_WINDOW_BITS = 9;

/** What an offer says. Absent bits mean that the client does not know the parameter. */
interface Offer {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | null;
  /** `null` for a parameter without a value: the client understands it, and hints at nothing. */
  clientMaxWindowBits: number | null | undefined;
}

/**
 * The first offer of a client that a server can accept, made to terms within `settings`; `null` if there is
 * none. Offers that have unknown, repeated or malformed parameters are declined (RFC 7692 7.1).
 */
export function acceptDeflate(
  extensions: readonly Extension[],
  settings: DeflateTerms,
): DeflateTerms | null {
  for (const extension of extensions) {
    if (extension.name !== NAME) continue;
    const offer = readParameters(extension);
    const terms = offer === null ? null : acceptOffer(offer, settings);
    if (terms !== null) return terms;
  }
  return null;
}

/** The terms as the server's answer names them. */
export function deflateResponse(terms: DeflateTerms): string {
  let text = NAME;
  if (terms.serverNoContextTakeover) text += "; server_no_context_takeover";
  if (terms.clientNoContextTakeover) text += "; client_no_context_takeover";
  if (terms.serverMaxWindowBits < MAX_WINDOW_BITS) {
    text += `; server_max_window_bits=${terms.serverMaxWindowBits}`;
  }
  if (terms.clientMaxWindowBits < MAX_WINDOW_BITS) {
    text += `; client_max_window_bits=${terms.clientMaxWindowBits}`;
  }
  return text;
}

function acceptOffer(offer: Offer, settings: DeflateTerms): DeflateTerms | null {
  const offeredBits = offer.serverMaxWindowBits ?? MAX_WINDOW_BITS;
  if (offeredBits < MIN_OWN_WINDOW_BITS) return null;
  let clientMaxWindowBits = MAX_WINDOW_BITS;
  if (offer.clientMaxWindowBits !== undefined) {
    const hint = offer.clientMaxWindowBits ?? MAX_WINDOW_BITS;
    clientMaxWindowBits = Math.min(hint, settings.clientMaxWindowBits);
  }
  return {
    serverNoContextTakeover: offer.serverNoContextTakeover || settings.serverNoContextTakeover,
    clientNoContextTakeover: offer.clientNoContextTakeover || settings.clientNoContextTakeover,
    serverMaxWindowBits: Math.min(offeredBits, settings.serverMaxWindowBits),
    clientMaxWindowBits,
  };
}

/** What the parameters say; `null` if one of them is unknown, malformed or there twice. */
function readParameters({ parameters }: Extension): Offer | null {
  const offer: Offer = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: null,
    clientMaxWindowBits: undefined,
  };
  for (const { name, value } of parameters) {
    switch (name) {
      case "server_no_context_takeover":
        if (value !== null || offer.serverNoContextTakeover) return null;
        offer.serverNoContextTakeover = true;
        break;
      case "client_no_context_takeover":
        if (value !== null || offer.clientNoContextTakeover) return null;
        offer.clientNoContextTakeover = true;
        break;
      case "server_max_window_bits":
        if (value === null || offer.serverMaxWindowBits !== null) return null;
        if ((offer.serverMaxWindowBits = windowBits(value)) === null) return null;
        break;
      case "client_max_window_bits":
        if (offer.clientMaxWindowBits !== undefined) return null;
        offer.clientMaxWindowBits = value === null ? null : windowBits(value);
        if (value !== null && offer.clientMaxWindowBits === null) return null;
        break;
      default:
        return null;
    }
  }
  return offer;
}

/** A number of bits without leading zeros; `null` if it is none, or out of range. */
function windowBits(value: string): number | null {
  if (!/^[1-9]\d?$/.test(value)) return null;
  const bits = Number(value);
  return bits >= MIN_WINDOW_BITS && bits <= MAX_WINDOW_BITS ? bits : null;
}
