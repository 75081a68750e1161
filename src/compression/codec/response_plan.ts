/**
 * What the field lines of a response say of its compression, and what becomes of them.
 *
 * @module
 */

import { withoutBlanks } from "../../message/fields.ts";
import type { Coding, CompressionSettings } from "./settings.ts";
import { isAmong } from "./settings.ts";

/** A response's field lines, as they are sent. */
export interface ResponsePlan {
  /** Whether the response is one that is compressed, if its client and its status allow it. */
  readonly isEligible: boolean;
  /** What `Content-Length` says, or -1. */
  readonly declaredLength: number;
  /** The entity tag, if it is a strong one; else `null`. */
  readonly strongTag: string | null;
  /** The lines of a response that is not compressed: with `Vary`, if it could have been. */
  readonly plain: string;
  /** The same with a weak entity tag: of 304, if that of the response was weak. */
  readonly weak: string;
  /** The lines of a response in `coding`. */
  coded(coding: Coding): string;
}

/** Content that is told by these must stay as it is: they are about its bytes (RFC 9530, 1864). */
const DIGESTS = ["content-digest", "repr-digest", "digest", "content-md5"];
const VARY_LINE = "vary: Accept-Encoding\r\n";
const DECIMAL = /^\d{1,15}$/;
/** How many lengths of field lines are told apart, a power of two. */
const KNOWN_COUNT = 16;
/** Field lines of more than this are not kept. */
const MAX_KNOWN_LENGTH = 1_024;

/** Plans of what an app sends: most of its responses have the same fields. */
export class ResponsePlans {
  readonly #settings: CompressionSettings;
  readonly #known: ({ readonly lines: string; readonly plan: ResponsePlan } | undefined)[] = [];

  /** Makes plans after `settings`. */
  constructor(settings: CompressionSettings) {
    this.#settings = settings;
  }

  /** The plan for `lines`, which need not be well-formed. */
  planOf(lines: string): ResponsePlan {
    const slot = lines.length & (KNOWN_COUNT - 1);
    const known = this.#known[slot];
    if (known !== undefined && known.lines === lines) return known.plan;
    const plan = planFor(lines, this.#settings);
    if (lines.length <= MAX_KNOWN_LENGTH) this.#known[slot] = { lines, plan };
    return plan;
  }
}

/** What is said of all lines. */
interface Facts {
  type: string;
  isEncoded: boolean;
  isPart: boolean;
  isKept: boolean;
  varies: boolean;
  declaredLength: number;
  strongTag: string | null;
}

function planFor(text: string, settings: CompressionSettings): ResponsePlan {
  const facts: Facts = {
    type: "",
    isEncoded: false,
    isPart: false,
    isKept: false,
    varies: false,
    declaredLength: -1,
    strongTag: null,
  };
  let plain = "";
  let rest = "";
  for (let at = 0; at < text.length;) {
    let end = text.indexOf("\r\n", at);
    end = end < 0 ? text.length : end + 2;
    const line = text.slice(at, end);
    at = end;
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = withoutBlanks(line.slice(colon + 1).replace(/\r\n$/, ""));
    take(facts, name, value);
    // Not to be sent (RFC 9110 8.4.1): who says it does not want anything else.
    if (name === "content-encoding" && value.toLowerCase() === "identity") continue;
    plain += line;
    // Ranges and lengths are of what is not encoded.
    const isOfBytes = name === "content-length" || name === "accept-ranges";
    if (!isOfBytes && name !== "etag") rest += line;
  }
  const { strongTag, declaredLength } = facts;
  const isOne = !facts.isEncoded && !facts.isKept && isAmong(settings.types, facts.type);
  // A part is sent as it is, but what it is a part of varies (RFC 9110 15.3.7).
  const isEligible = isOne && !facts.isPart;
  if (isOne && !facts.varies) {
    plain += VARY_LINE;
    rest += VARY_LINE;
  }
  const tag = /^etag:.*\r\n/im.exec(text)?.[0] ?? "";
  rest += strongTag === null ? tag : `etag: W/${strongTag}\r\n`;
  const coded: Partial<Record<Coding, string>> = {};
  return {
    isEligible,
    declaredLength,
    strongTag,
    plain,
    weak: strongTag === null ? plain : withWeakTag(plain, strongTag, facts.varies || isEligible),
    coded: (coding) => coded[coding] ??= `content-encoding: ${coding}\r\n${rest}`,
  };
}

function withWeakTag(lines: string, strongTag: string, varies: boolean): string {
  const weak = lines.replace(/^etag:.*\r\n/im, () => `etag: W/${strongTag}\r\n`);
  return varies ? weak : weak + VARY_LINE;
}

function take(facts: Facts, name: string, value: string): void {
  switch (name) {
    case "content-type":
      facts.type = withoutBlanks(value.split(";", 1)[0]).toLowerCase();
      break;
    case "content-encoding":
      facts.isEncoded = true;
      break;
    case "content-range":
      facts.isPart = true;
      break;
    case "content-length":
      if (DECIMAL.test(value)) facts.declaredLength = Number(value);
      break;
    case "cache-control":
      if (members(value).includes("no-transform")) facts.isKept = true;
      break;
    case "vary":
      if (members(value).some((each) => each === "*" || each === "accept-encoding")) {
        facts.varies = true;
      }
      break;
    case "etag":
      facts.strongTag = value.startsWith('"') ? value : null;
      break;
    default:
      if (DIGESTS.includes(name)) facts.isKept = true;
  }
}

function members(value: string): string[] {
  return value.split(",").map((each) => withoutBlanks(each).toLowerCase());
}
