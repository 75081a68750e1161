/** Messages of Mongrel2: their netstrings, their headers in both forms, and the heads made of them. */

import { ProtocolError } from "../../src/base/errors.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import type { Mongrel2Message } from "../../src/mongrel2/codec/message.ts";
import { parseMessage } from "../../src/mongrel2/codec/message.ts";
import type { TnetValue } from "../../src/mongrel2/codec/tnetstring.ts";
import { formatTnetstring, parseTnetstring } from "../../src/mongrel2/codec/tnetstring.ts";
import { translateMessage } from "../../src/mongrel2/codec/translate.ts";
import { uploadNotice } from "../../src/mongrel2/upload.ts";
import { urlOf } from "../../src/message/request_url.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";
import { peersOf } from "../support/protocol_heads.ts";
import type { Random } from "../support/random.ts";
import { FIELD_LINES } from "./http_transcript.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

const LIMITS = {
  ...DEFAULT_HTTP_LIMITS,
  maxHeaderBytes: 300,
  maxHeaderCount: 5,
  maxTargetBytes: 60,
};
const STATUSES = [400, 414, 431];

const NAMES = ["host", "connection", "x-a", "cookie", "content-length", "transfer-encoding", "a b"];
const UPLOADS = ["x-mongrel2-upload-start", "x-mongrel2-upload-done", "x-mongrel2-upload-x"];
const OWN = ["METHOD", "URI", "VERSION", "URL_SCHEME", "PATH", "QUERY", "X", "__proto__", "1"];
const VALUES = [
  "",
  "GET",
  "/",
  "/a/../b?c",
  "http://h/x",
  "HTTP/1.0",
  "https",
  "a.example:80",
  "close, x",
  "a\r\nb: c",
  "\t",
  "\xe4\xff",
  '"\\',
  "/tmp/x",
  "WEBSOCKET_HANDSHAKE",
];
const SNIPPETS = [
  " ",
  ":",
  ",",
  '"',
  "\\u0000",
  "\\u20ac",
  "\\ud800",
  "{}",
  "[]",
  "null",
  "0:,",
  "0:~",
  "0:}",
  "0:]",
  "4:true!",
  "1:1#",
  "3:1e5^",
  "999999999:",
  "00:,",
  "0:0:0:0:",
  "\0",
  "\xff",
  "[".repeat(60),
];

/** A header's value: several, if it is repeated. */
type HeaderValue = string | readonly string[];

function anyHeaders(random: Random): [string, HeaderValue][] {
  const headers: [string, HeaderValue][] = [
    ["METHOD", random.pick(["GET", "POST", "JSON"])],
    ["URI", random.pick(["/", "/a?b", "http://h/", "*"])],
    ["VERSION", "HTTP/1.1"],
  ];
  for (let left = random.below(6); left > 0; left--) {
    const name = random.pick(random.pick([NAMES, NAMES, OWN, UPLOADS]));
    const value = random.below(6) === 0
      ? [random.pick(VALUES), random.pick(VALUES)]
      : random.pick(VALUES);
    headers.push([name, value]);
  }
  return headers;
}

const netstring = (text: string) => `${text.length}:${text},`;
const tagged = (text: string, tag: string) => `${text.length}:${text}${tag}`;

function asTnetstring(headers: readonly [string, HeaderValue][]): string {
  const valueOf = (value: HeaderValue) =>
    typeof value === "string" ? netstring(value) : tagged(value.map(netstring).join(""), "]");
  return tagged(headers.map(([name, value]) => netstring(name) + valueOf(value)).join(""), "}");
}

/** Mongrel2 writes bytes as they are into its JSON, but for quotes and backslashes. */
function asJson(headers: readonly [string, HeaderValue][]): string {
  const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
  const valueOf = (value: HeaderValue) =>
    typeof value === "string" ? quoted(value) : `[${value.map(quoted).join(",")}]`;
  return netstring(
    `{${headers.map(([name, value]) => `${quoted(name)}:${valueOf(value)}`).join(",")}}`,
  );
}

/** A message, perhaps with something wrong in its headers; the lengths around it are right then. */
function make(random: Random): string {
  const headers = anyHeaders(random);
  const isJson = random.below(2) === 0;
  let block = isJson ? asJson(headers) : asTnetstring(headers);
  if (random.below(3) === 0) {
    const inside = block.slice(block.indexOf(":") + 1, -1);
    block = tagged(perhapsMutated(random, inside, SNIPPETS, 2), isJson ? "," : "}");
  }
  const body = random.text(random.below(20), 'ab\0\xff:,{}"');
  const start = random.pick(["id 1 /path ", "x 22 @* ", "id 1  ", " 1 / "]);
  const text = start + block + netstring(body);
  return random.below(2) === 0 ? text : perhapsMutated(random, text, SNIPPETS, 2);
}

function orFault<Result>(work: () => Result): Result | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assert(STATUSES.includes(error.status), `the status ${error.status}`);
    return null;
  }
}

function check(input: string): void {
  const bytes = bytesOf(input);
  const message = orFault(() => parseMessage(bytes));
  if (message === null) return;
  checkParts(input, message);
  checkForms(message);
  orFault(() => uploadNotice(message));
  const translated = orFault(() => translateMessage(message, peersOf("mongrel2"), LIMITS));
  if (translated === null) return;
  const { head } = translated;
  const fields = latin1Text(head.block, head.fieldsStart, head.fieldsEnd);
  assertMatch(fields, FIELD_LINES);
  assertMatch(head.method, /^[!#$%&'*+\-.^_`|~\w]{1,32}$/);
  assert(URL.canParse(urlOf(head)), "there is a URL");
  assert([...fields.matchAll(/^host:/gim)].length <= 1, "there is one Host at the most");
  assert(!/^x-mongrel2-upload-/im.test(fields), "what clients say of uploads is left out");
}

/** The parts are where one finds them who goes from the end of one to the start of the next. */
function checkParts(input: string, { senderId, connId, path, body }: Mongrel2Message): void {
  const start = `${senderId} ${connId} ${path} `;
  assert(input.startsWith(start), "the message begins with its sender, connection and path");
  assertEquals(start.split(" ").length, 4);
  const [, block, tag, rest] = splitNetstring(input.slice(start.length));
  assert(tag === "," || tag === "}", "the headers are JSON, or a dictionary");
  assert(tag === "}" || block.length > 0, "only a dictionary can be empty");
  const [, text, comma, nothing] = splitNetstring(rest);
  assertEquals([text, comma, nothing], [latin1Text(body, 0, body.length), ",", ""]);
}

function splitNetstring(
  text: string,
): [length: string, content: string, tag: string, rest: string] {
  const [start, length] = /^(0|[1-9]\d*):/.exec(text) ?? ["", "0"];
  const end = start.length + Number(length);
  assert(start !== "" && end < text.length, "there is a netstring");
  return [length, text.slice(start.length, end), text[end], text.slice(end + 1)];
}

/** Written as a tnetstring, the headers are what they were. */
function checkForms(message: Mongrel2Message): void {
  const values = new Map<string, string[]>();
  for (const [name, value] of message.headers) {
    // JSON can spell characters that are no bytes.
    if (/[^\0-\xff]/.test(name + value)) return;
    values.set(name, [...values.get(name) ?? [], value]);
  }
  const written = parseMessage(bytesOf(`s 1 / ${asTnetstring([...values])}0:,`));
  assertEquals(
    written.headers,
    [...values].flatMap(([name, each]) => each.map((value) => [name, value] as const)),
  );
}

function anyValue(random: Random, depth: number): TnetValue | string {
  switch (random.below(depth > 3 ? 5 : 8)) {
    case 0:
      return bytesOf(random.text(random.below(12), 'a,:}]\0"'));
    case 1:
      return random.pick([0, 1, -1, 2 ** 53 - 1, 0.5, -1e21, 1e-7]);
    case 2:
      return random.below(2) === 0;
    case 3:
      return null;
    case 4:
      return "\xe4";
    case 5:
    case 6:
      return Array.from(
        { length: random.below(4) },
        () => anyValue(random, depth + 1) as TnetValue,
      );
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [
          random.text(1 + random.below(5), "abc:,"),
          anyValue(random, depth + 1) as TnetValue,
        ]),
      );
  }
}

function makeTnetstring(random: Random): string {
  const bytes = formatTnetstring(anyValue(random, 0));
  const text = latin1Text(bytes, 0, bytes.length);
  return random.below(3) === 0 ? text : perhapsMutated(random, text, SNIPPETS, 2);
}

/** What is read can be written, and is read the same again; nothing is read beyond the end. */
function checkTnetstring(input: string, random: Random): void {
  const start = random.below(3);
  const limit = Math.max(start, input.length + start - random.below(3));
  const bytes = bytesOf("9".repeat(start) + input + "0:,");
  const read = orFault(() => parseTnetstring(bytes, start, limit));
  if (read === null) return;
  assert(read.next > start && read.next <= limit, "it ends where it has to");
  const again = parseTnetstring(formatTnetstring(read.value));
  assertEquals(again.value, read.value);
}

/** Whole messages. */
export const MONGREL2: FuzzTarget = inputTarget({ name: "mongrel2", make, check });

/** Tagged netstrings by themselves. */
export const TNETSTRINGS: FuzzTarget = inputTarget({
  name: "tnetstrings",
  make: makeTnetstring,
  check: checkTnetstring,
});
