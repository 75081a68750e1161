/**
 * Writes access log lines in JSON. What many lines have in common is made once, as pieces that are appended a word
 * at a time.
 *
 * @module
 */

import type { EndpointKind } from "../message/exchange.ts";
import { idPrefix } from "../message/request_id.ts";
import type { Outcome, RequestRecord } from "../observe/request_record.ts";
import { JSON_ESCAPING, QUOTE } from "./escaping.ts";
import { FieldFinder } from "./field_finder.ts";
import type { LineBuffer } from "./line_buffer.ts";
import { Constant } from "./line_buffer.ts";
import { escapedText, put } from "./values.ts";

/** Fields that a line has, and their places. */
const FIELDS = ["referer", "user-agent"];
const REFERER = 0;
const USER_AGENT = 1;
/** Clients whose pieces are kept at the most, and the longest ones of them: front servers tell any. */
const MAX_CLIENTS = 1_024;
const MAX_CLIENT_CHARS = 64;
/** Places whose pieces are kept at the most, and those of them that are found without a search: a power of two. */
const MAX_PLACES = 1_024;
const LATEST_PLACES = 128;
/** The highest status that pieces are kept for. */
const MAX_STATUS = 999;
/** More than the pieces and numbers between two values of clients take, places apart, in bytes. */
const MAX_KEY_BYTES = 1_024;

/** Where the milliseconds of a line's time are, and what comes after them. */
const MS_AT = '{"time":"2026-12-01T01:50:14.'.length;
const LETTER_Z = 0x5a;

/** What lines have between values, with the quotes of those. */
const KEYS = {
  method: new Constant('","method":"'),
  target: new Constant('","target":"'),
  bytesOut: new Constant(',"bytesOut":'),
  durationMs: new Constant(',"durationMs":'),
  firstByteMs: new Constant(',"firstByteMs":'),
  queuedMs: new Constant(',"queuedMs":'),
  requestId: new Constant(',"requestId":"'),
  referer: new Constant(',"referer":"'),
  userAgent: new Constant(',"userAgent":"'),
};
/** The method that most requests have. */
const MOST = "GET";
/** The methods that most other requests have, with what comes after them. */
const METHODS: ReadonlyMap<string, Constant> = new Map(
  ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"].map((method) => [
    method,
    new Constant(`${method}","target":"`),
  ]),
);

/** A client, and what comes after it. */
interface Client {
  /** Up to its method. */
  readonly text: Constant;
  /** Up to the target, with the method that most requests have, {@linkcode MOST}. */
  readonly withMost: Constant;
}

/** What a line says of the answer. */
interface Answer {
  /** Up to the number of bytes that have come. */
  readonly text: Constant;
  /** Up to the number of bytes of the response, if none have come. */
  readonly withoutBody: Constant;
}

/** How a line ends. */
interface End {
  /** After a field. */
  readonly text: Constant;
  /** After the id. */
  readonly afterId: Constant;
}

/** Where requests belong, and what a line says of that. */
interface Place {
  readonly endpoint: EndpointKind;
  readonly scheme: "http" | "https";
  readonly mount: string;
  readonly worker: number;
  readonly generation: number;
  /** What is said: all of it, up to what is said of the id. */
  readonly text: Constant;
  /** The same, and the beginning of ids that are made here. */
  readonly withId: Constant;
}

/** Writes lines. */
export class JsonLines {
  readonly #fields = new FieldFinder(FIELDS);
  /** The ends of lines, by outcomes. */
  readonly #ends: ReadonlyMap<Outcome, End>;
  /** That of the outcome which most requests have. */
  readonly #answered: End;
  readonly #clients = new Map<string, Client>();
  /** What comes after the target, by statuses, for both protocols. */
  readonly #answers: Answer[][] = [[], []];
  /** The places that were there last, by a few bits of them; and all of them, by their texts. */
  readonly #latest: (Place | null)[] = new Array(LATEST_PLACES).fill(null);
  readonly #places = new Map<string, Place>();
  /** The second that the next one is of, since 1970. */
  #second = -1;
  /** What begins lines. */
  #start = new Constant("");

  /** Writes lines for the process with the number `process`. */
  constructor(process: number) {
    const endOf = (outcome: Outcome): End => {
      const text = `,"outcome":"${outcome}","process":${process}}`;
      return { text: new Constant(text), afterId: new Constant(`"${text}`) };
    };
    this.#answered = endOf("answered");
    this.#ends = new Map<Outcome, End>([
      ["answered", this.#answered],
      ["cut off", endOf("cut off")],
      ["client left", endOf("client left")],
    ]);
  }

  /** Appends the line of `record` to `line`, without the end of the line. */
  write(line: LineBuffer, record: RequestRecord): void {
    const { head, startedAtMs, durationMs, firstByteMs } = record;
    const { block, idStart, idEnd, method } = head;
    this.#fields.find(head);
    line.reserve(MAX_KEY_BYTES);
    this.#setSecond(startedAtMs);
    const at = line.length;
    line.constant(this.#start);
    line.overwrite(at + MS_AT, Math.floor(startedAtMs - this.#second * 1_000), LETTER_Z);
    const { client } = record;
    if (client.length <= MAX_CLIENT_CHARS) {
      const { text, withMost } = this.#clientOf(client);
      if (method === MOST) {
        line.constant(withMost);
      } else {
        line.constant(text);
        writeMethod(line, method);
      }
    } else {
      line.ascii(client);
      line.reserve(MAX_KEY_BYTES);
      line.constant(KEYS.method);
      writeMethod(line, method);
    }
    put(line, block, head.targetStart, head.targetEnd, JSON_ESCAPING);
    line.reserve(MAX_KEY_BYTES);
    const answer = this.#answerOf(head.minorVersion, record.status);
    if (record.bytesIn === 0) {
      line.constant(answer.withoutBody);
    } else {
      line.constant(answer.text);
      line.whole(record.bytesIn);
      line.constant(KEYS.bytesOut);
    }
    line.whole(record.bytesOut);
    line.constant(KEYS.durationMs);
    line.thousandths(durationMs);
    if (firstByteMs >= 0) {
      line.constant(KEYS.firstByteMs);
      line.thousandths(firstByteMs);
    }
    if (record.queuedMs > 0) {
      line.constant(KEYS.queuedMs);
      line.thousandths(record.queuedMs);
    }
    const { text, withId } = this.#placeOf(record);
    line.reserve(withId.length + MAX_KEY_BYTES);
    if (idEnd > idStart) {
      line.constant(text);
      line.constant(KEYS.requestId);
      line.escaped(block, idStart, idEnd, JSON_ESCAPING);
    } else {
      line.constant(withId);
      line.base36(head.number);
    }
    const { outcome } = record;
    const end = outcome === "answered" ? this.#answered : this.#ends.get(outcome)!;
    line.reserve(MAX_KEY_BYTES);
    const { starts } = this.#fields;
    if (starts[REFERER] < 0 && starts[USER_AGENT] < 0) {
      line.constant(end.afterId);
      return;
    }
    line.byte(QUOTE);
    this.#writeField(line, block, REFERER, KEYS.referer);
    this.#writeField(line, block, USER_AGENT, KEYS.userAgent);
    line.reserve(MAX_KEY_BYTES);
    line.constant(end.text);
  }

  #writeField(line: LineBuffer, block: Uint8Array, place: number, key: Constant): void {
    const { starts, ends } = this.#fields;
    const start = starts[place];
    if (start < 0) return;
    line.reserve(MAX_KEY_BYTES);
    line.constant(key);
    put(line, block, start, ends[place], JSON_ESCAPING);
    line.byte(QUOTE);
  }

  /** What a line says of a client. */
  #clientOf(client: string): Client {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    if (this.#clients.size >= MAX_CLIENTS) this.#clients.clear();
    const text = `${client}","method":"`;
    const made = {
      text: new Constant(text),
      withMost: new Constant(`${text}${MOST}","target":"`),
    };
    this.#clients.set(client, made);
    return made;
  }

  /** What a line says of an answer. */
  #answerOf(minorVersion: number, status: number): Answer {
    const protocol = minorVersion === 0 ? 0 : 1;
    const answers = this.#answers[protocol];
    const known = answers[status];
    if (known !== undefined) return known;
    const text = `","protocol":"HTTP/1.${protocol}","status":${status},"bytesIn":`;
    const made = {
      text: new Constant(text),
      withoutBody: new Constant(`${text}0,"bytesOut":`),
    };
    if (status <= MAX_STATUS) answers[status] = made;
    return made;
  }

  #placeOf(record: RequestRecord): Place {
    const { mount, worker, generation, head: { peer: { endpoint, scheme } } } = record;
    const slot = (worker * 5 + mount.length) & (LATEST_PLACES - 1);
    const latest = this.#latest[slot];
    if (
      latest !== null && latest.mount === mount && latest.worker === worker &&
      latest.generation === generation && latest.endpoint === endpoint && latest.scheme === scheme
    ) return latest;
    const key = [endpoint, scheme, worker, generation, mount].join(" ");
    let place = this.#places.get(key);
    if (place === undefined) {
      const text = `,"endpoint":"${endpoint}","scheme":"${scheme}","mount":"${
        escapedText(mount, JSON_ESCAPING)
      }","worker":${worker},"generation":${generation}`;
      place = {
        ...{ endpoint, scheme, mount, worker, generation },
        text: new Constant(text),
        withId: new Constant(`${text},"requestId":"${idPrefix()}-`),
      };
      if (this.#places.size >= MAX_PLACES) this.#places.clear();
      this.#places.set(key, place);
    }
    this.#latest[slot] = place;
    return place;
  }

  /** Makes what begins the lines of the second in which `ms` since 1970 lies. */
  #setSecond(ms: number): void {
    const second = Math.floor(ms / 1_000);
    if (second === this.#second) return;
    this.#second = second;
    const iso = new Date(second * 1_000).toISOString();
    this.#start = new Constant(`{"time":"${iso.slice(0, 20)}000Z","client":"`);
  }
}

/** Writes a method other than {@linkcode MOST}, and what is between it and the target. */
function writeMethod(line: LineBuffer, method: string): void {
  const piece = METHODS.get(method);
  if (piece !== undefined) {
    line.constant(piece);
    return;
  }
  line.ascii(method);
  line.reserve(MAX_KEY_BYTES);
  line.constant(KEYS.target);
}
