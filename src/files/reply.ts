/**
 * From a request and a file to the response: status, fields, and the parts of its body. Without I/O.
 *
 * @module
 */

import type { FileOrder } from "../message/file_order.ts";
import { formatHttpDate } from "../message/http_date.ts";
import type { ConditionFields, Validators } from "./conditions.ts";
import { meansThisState, verdictOf } from "./conditions.ts";
import type { ByteRange } from "./ranges.ts";
import { contentRange, rangesIn } from "./ranges.ts";

/** The fields of a request that decide on what is sent of a file; `""` for those that are absent. */
export interface FileRequest extends ConditionFields {
  /** Request method. */
  readonly method: string;
  /** `Range`. */
  readonly range: string;
  /** `Accept-Encoding`. */
  readonly acceptEncoding: string;
  /** `Accept`. */
  readonly accept: string;
}

/** What is known of the file that is sent. */
export interface Representation extends Validators {
  /** Size in bytes. */
  readonly size: number;
  /** Media type. */
  readonly type: string;
  /** How it is encoded: `br`, `zstd`, `gzip`, or `""`. */
  readonly coding: string;
  /** Whether others would get it encoded in another way. */
  readonly varies: boolean;
}

/** A response; its body is made of text, one code unit a byte, and ranges of the file. */
export interface FileReply {
  /** Status code. */
  readonly status: number;
  /** Field lines, each with its CRLF. */
  readonly fieldLines: string;
  /** Parts of the body, in their order. */
  readonly parts: readonly (string | ByteRange)[];
  /** Bytes of all parts. */
  readonly bodyLength: number;
}

const NAMES: Readonly<Record<string, Exclude<keyof FileRequest, "method">>> = {
  "if-match": "ifMatch",
  "if-none-match": "ifNoneMatch",
  "if-modified-since": "ifModifiedSince",
  "if-unmodified-since": "ifUnmodifiedSince",
  "if-range": "ifRange",
  "range": "range",
  "accept-encoding": "acceptEncoding",
  "accept": "accept",
};
/** Those that are lists, so that several lines are one (RFC 9110 5.3). Of others, several are none. */
const LISTS = /^(?:if-match|if-none-match|accept-encoding|accept)$/;
/** What a client that has the file already, or gets none of it, is not told of it again. */
const OF_CONTENT = /^(?:content-(?!location)|transfer-encoding|accept-ranges)/;
const BOUNDARY_BYTES = 15;
const encoder = new TextEncoder();

/** What the lines of {@linkcode fileFieldLines} say. */
export function fileRequestOf(method: string, lines: string): FileRequest {
  const request = {
    method,
    ifMatch: "",
    ifNoneMatch: "",
    ifModifiedSince: "",
    ifUnmodifiedSince: "",
    ifRange: "",
    range: "",
    acceptEncoding: "",
    accept: "",
  };
  const repeated = new Set<string>();
  for (const line of lines.split("\n")) {
    const colon = line.indexOf(": ");
    const name = line.slice(0, Math.max(colon, 0));
    if (!Object.hasOwn(NAMES, name)) continue;
    const key = NAMES[name];
    const value = line.slice(colon + 2);
    if (request[key] === "") request[key] = value;
    else if (LISTS.test(name)) request[key] += `, ${value}`;
    else repeated.add(key);
  }
  for (const key of repeated) request[key as "range"] = "";
  return request;
}

/** The field lines of an order, by their names in lower case. */
export class GivenFields {
  readonly #lines: readonly (readonly [name: string, line: string])[];

  /** Takes lines apart that each end with a CRLF. */
  constructor(fieldLines: string) {
    this.#lines = fieldLines.split("\r\n").filter((line) => line !== "").map((line) => {
      const colon = line.indexOf(":");
      return [(colon < 0 ? line : line.slice(0, colon)).trim().toLowerCase(), line];
    });
  }

  /** The value of `name`, of the last line that has it; `""` if there is none. */
  get(name: string): string {
    const line = this.#lines.findLast(([each]) => each === name)?.[1];
    return line === undefined ? "" : line.slice(line.indexOf(":") + 1).trim();
  }

  /** The lines, each with its CRLF, without those whose names `omitted` matches. */
  without(omitted: RegExp): string {
    return this.#lines.map(([name, line]) => omitted.test(name) ? "" : `${line}\r\n`).join("");
  }
}

/** The response to `request` that sends the file. What `given` says of it comes first. */
export function replyTo(
  request: FileRequest,
  file: Representation,
  order: Pick<FileOrder, "status">,
  given: GivenFields,
  nowMs: number,
): FileReply {
  const validators: Validators = {
    etag: given.get("etag") || file.etag,
    modifiedMs: modifiedOf(given, file, nowMs),
  };
  const { method } = request;
  const isRead = method === "GET" || method === "HEAD";
  // A Last-Modified is never later than the Date (RFC 9110 8.8.2.1).
  const own = `${line("etag", validators.etag)}${
    line("last-modified", formatHttpDate(validators.modifiedMs))
  }${file.varies ? line("vary", "accept-encoding") : ""}`;
  const rest = (omitted: RegExp) => given.without(omitted) + own;
  if (order.status !== 200 || !isRead) {
    return whole(order.status, rest(OWN_NAMES), file, given, "");
  }
  const verdict = verdictOf(request, validators, nowMs);
  if (verdict !== "go on") {
    const status = verdict === "failed" ? 412 : 304;
    return { status, fieldLines: rest(OWN_OR_CONTENT), parts: [], bodyLength: 0 };
  }
  const asked = method === "GET" && request.range !== "" &&
      meansThisState(request, validators, nowMs)
    ? rangesIn(request.range, file.size)
    : "whole";
  if (asked === "whole") {
    return whole(200, rest(OWN_NAMES), file, given, line("accept-ranges", "bytes"));
  }
  if (asked === "unsatisfiable") {
    const fieldLines = given.without(OWN_OR_CONTENT) +
      line("content-range", `bytes */${file.size}`);
    return { status: 416, fieldLines, parts: [], bodyLength: 0 };
  }
  if (asked.length > 1) return multipart(asked, rest(OWN_NAMES_AND_TYPE), file, given);
  const [range] = asked;
  return {
    status: 206,
    fieldLines: rest(OWN_NAMES) + contentLines(file, given) + line("accept-ranges", "bytes") +
      line("content-range", contentRange(range, file.size)),
    parts: [range],
    bodyLength: range.end - range.start,
  };
}

const OWN_NAMES = /^(?:etag|last-modified|content-length|content-range|accept-ranges)$/;
const OWN_NAMES_AND_TYPE =
  /^(?:etag|last-modified|content-length|content-range|accept-ranges|content-type)$/;
const OWN_OR_CONTENT = new RegExp(`${OWN_NAMES.source}|${OF_CONTENT.source}`);

function whole(
  status: number,
  fieldLines: string,
  file: Representation,
  given: GivenFields,
  acceptRanges: string,
): FileReply {
  const { size } = file;
  return {
    status,
    fieldLines: fieldLines + contentLines(file, given) + acceptRanges,
    parts: size === 0 ? [] : [{ start: 0, end: size }],
    bodyLength: size,
  };
}

function multipart(
  ranges: readonly ByteRange[],
  fieldLines: string,
  file: Representation,
  given: GivenFields,
): FileReply {
  const { size, coding } = file;
  const type = given.get("content-type") || file.type;
  const boundary = randomBoundary();
  const parts = ranges.flatMap((range, index) => [
    `${index === 0 ? "" : "\r\n"}--${boundary}\r\n${line("content-type", type)}` +
    `${line("content-range", contentRange(range, size))}\r\n`,
    range,
  ]);
  parts.push(`\r\n--${boundary}--\r\n`);
  const bodyLength = parts.reduce<number>(
    (sum, part) => sum + (typeof part === "string" ? part.length : part.end - part.start),
    0,
  );
  return {
    status: 206,
    fieldLines: fieldLines + line("content-type", `multipart/byteranges; boundary=${boundary}`) +
      codingLine(coding, given) + line("accept-ranges", "bytes"),
    parts,
    bodyLength,
  };
}

/** What is not to be found in any file: nobody can know it before. */
function randomBoundary(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BOUNDARY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function contentLines(file: Representation, given: GivenFields): string {
  const type = given.get("content-type") === "" ? line("content-type", file.type) : "";
  return type + codingLine(file.coding, given);
}

function codingLine(coding: string, given: GivenFields): string {
  return coding === "" || given.get("content-encoding") !== ""
    ? ""
    : line("content-encoding", coding);
}

function modifiedOf(given: GivenFields, file: Representation, nowMs: number): number {
  const said = given.get("last-modified");
  const ms = said === "" ? file.modifiedMs : Date.parse(said);
  return Math.floor(Math.min(Number.isNaN(ms) ? file.modifiedMs : ms, nowMs) / 1_000) * 1_000;
}

function line(name: string, value: string): string {
  return `${name}: ${value}\r\n`;
}

/** Field value of a path: each byte of its UTF-8 that is not plain is escaped, so that no name is a field. */
export function escapedPath(path: string): string {
  let escaped = "";
  for (const byte of encoder.encode(path)) {
    const char = String.fromCharCode(byte);
    escaped += /[\w\-.~/!$&'()*+,;=:@]/.test(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}
