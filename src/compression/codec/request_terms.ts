/**
 * What a request says of how its response may be encoded.
 *
 * @module
 */

import { COLON, LF, spells } from "../../message/chars.ts";
import type { RequestHead } from "../../message/exchange.ts";
import { latin1Text } from "../../message/fields.ts";
import type { Acceptance } from "../../message/accepted_coding.ts";
import { acceptanceOf, IDENTITY } from "../../message/accepted_coding.ts";
import type { Coding } from "./settings.ts";

/** What counts of a request. */
export interface RequestTerms {
  /** What is accepted. */
  readonly acceptance: Acceptance;
  /** `If-None-Match`, if that has a weak entity tag; else `null`. */
  readonly weakTags: string | null;
}

const ACCEPT_ENCODING = "accept-encoding";
const IF_NONE_MATCH = "if-none-match";
/** Clients say few different things: what came of them is kept, up to this many. */
const MAX_KNOWN = 64;
const MAX_KNOWN_LENGTH = 128;

/** Reads the terms of requests, for one list of codings. */
export class TermsReader {
  readonly #offered: readonly Coding[];
  readonly #known = new Map<string, RequestTerms>();
  readonly #silent: RequestTerms = { acceptance: IDENTITY, weakTags: null };

  /** Offers codings, the favourite first. */
  constructor(offered: readonly Coding[]) {
    this.#offered = offered;
  }

  /** The terms of a request, whose bytes may be borrowed. */
  read({ block, fieldsStart, fieldsEnd }: RequestHead): RequestTerms {
    let accepted: string | null = null;
    let tags: string | null = null;
    for (let at = fieldsStart; at < fieldsEnd;) {
      const lineFeed = block.indexOf(LF, at);
      const end = lineFeed < 0 || lineFeed > fieldsEnd ? fieldsEnd : lineFeed;
      // 0x20 is all that tells capitals from small letters.
      const first = block[at] | 0x20;
      if (first === 0x61 && isNamed(block, at, end, ACCEPT_ENCODING)) {
        accepted = joined(accepted, latin1Text(block, at + ACCEPT_ENCODING.length + 1, end - 1));
      } else if (first === 0x69 && isNamed(block, at, end, IF_NONE_MATCH)) {
        tags = joined(tags, latin1Text(block, at + IF_NONE_MATCH.length + 1, end - 1));
      }
      at = end + 1;
    }
    if (accepted === null) return this.#silent;
    const terms = this.#termsOf(accepted);
    return tags !== null && tags.includes("W/") ? { ...terms, weakTags: tags } : terms;
  }

  #termsOf(text: string): RequestTerms {
    let terms = this.#known.get(text);
    if (terms !== undefined) return terms;
    terms = { acceptance: acceptanceOf(text, this.#offered), weakTags: null };
    if (text.length <= MAX_KNOWN_LENGTH) {
      if (this.#known.size === MAX_KNOWN) this.#known.clear();
      this.#known.set(text, terms);
    }
    return terms;
  }
}

function isNamed(block: Uint8Array, at: number, end: number, name: string): boolean {
  const nameEnd = at + name.length;
  return nameEnd < end && block[nameEnd] === COLON && spells(block, at, nameEnd, name);
}

/** The lines of one list are one list (RFC 9110 5.3). */
function joined(before: string | null, value: string): string {
  return before === null ? value : `${before},${value}`;
}
