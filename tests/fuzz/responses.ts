/** Answers of apps: whatever they are, what is sent is one response, over HTTP and FastCGI. */

import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";
import { InvalidResponseError, ProtocolError } from "../../src/base/errors.ts";
import type { ResponseHead } from "../../src/message/exchange.ts";
import { RequestHead, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import type { CgiHead } from "../../src/fastcgi/codec/cgi_head.ts";
import { CgiHeadReader } from "../../src/fastcgi/codec/cgi_head.ts";
import { CgiResponseWriter } from "../../src/fastcgi/codec/cgi_response.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { OwnLines, ResponseWriter } from "../../src/http1/codec/writer.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { concat, parseRecords, STDOUT } from "../support/fastcgi.ts";
import { bytesOf } from "../support/parsing.ts";
import type { Random } from "../support/random.ts";
import { FIELD_LINES } from "./http_transcript.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated, randomPieces } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

const BEFORE = "HTTP/1.1 100 Continue\r\n\r\n";
const NAMES = ["x-a", "Date", "Content-Type", "Set-Cookie", "Status", "Location", "X_B"];
const OWN = [
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Keep-Alive",
  "Upgrade",
  "Trailer",
];
const VALUES = ["", "a", "5", "05", "-1", "9007199254740993", "chunked", "close", "200 OK", "\xe4"];
const MORE_VALUES = ["a, close", "keep-alive", "404 Not Found", "/x", "5, 5", "0x5", "a\tb", "1e3"];
const SNIPPETS = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  ":",
  " ",
  "\t",
  "\r\n\r\n",
  "\x7f",
  "\u010d\u010a",
  "\xff",
];

function make(random: Random): string {
  let text = "";
  for (let left = random.below(6); left > 0; left--) {
    const name = random.pick(random.below(3) === 0 ? OWN : NAMES);
    text += `${name}:${random.pick(["", " ", "  "])}${
      random.pick([...VALUES, ...MORE_VALUES])
    }\r\n`;
  }
  return random.below(2) === 0 ? text : perhapsMutated(random, text, SNIPPETS, 2);
}

/** An answer, as an app may have made it. */
interface Answer {
  readonly request: RequestHead;
  readonly head: ResponseHead;
  readonly first: Uint8Array | string | null;
  readonly more: readonly Uint8Array[];
}

function answerWith(fieldLines: string, random: Random): Answer {
  const request = new RequestHead();
  request.method = random.pick(["GET", "GET", "POST", "HEAD"]);
  request.minorVersion = random.pick([1, 1, 0]);
  const piece = () => bytesOf(random.text(random.below(12), "ab\r\n0"));
  const bodyLength = random.pick([
    ...[WHOLE_BODY, WHOLE_BODY, UNKNOWN_LENGTH, UNKNOWN_LENGTH, 0, 5, 12],
    ...[-5, NaN, 1.5, 2 ** 60],
  ]);
  return {
    request,
    head: {
      status: random.pick([200, 200, 200, 201, 204, 205, 304, 404, 500, 599, 100, 0, 600, 200.5]),
      fieldLines: isBytes(fieldLines) && random.below(2) === 0 ? bytesOf(fieldLines) : fieldLines,
      bodyLength,
    },
    first: random.pick([null, piece(), "text \u20ac \ud800"]),
    more: bodyLength === WHOLE_BODY ? [] : Array.from({ length: random.below(4) }, piece),
  };
}

const isBytes = (text: string) => !/[^\0-\xff]/.test(text);

const utf8 = (body: Uint8Array | string | null) =>
  typeof body === "string" ? new TextEncoder().encode(body) : body ?? new Uint8Array(0);

/** Calls `work`; whether it told that the answer is none. */
function isRefused(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (!(error instanceof InvalidResponseError)) throw error;
    return true;
  }
}

function check(input: string, random: Random): void {
  const answer = answerWith(input, random);
  checkHttp(answer);
  checkCgi(answer);
}

function checkHttp({ request, head, first, more }: Answer): void {
  const out = new OutputBuffer(new BufferPool());
  const writer = new ResponseWriter(out, new OwnLines());
  writer.writeContinue();
  const written = () => latin1Text(out.bytes, 0, out.length);
  if (isRefused(() => writer.begin(request, head, first))) {
    assertEquals(written(), BEFORE, "nothing is written of what is refused");
    assert(writer.idle);
    return;
  }
  const { fieldLines } = head;
  assert(typeof fieldLines !== "string" || isBytes(fieldLines), "what is no byte is refused");
  for (const chunk of more) if (!writer.idle) writer.write(chunk);
  const isCut = isRefused(() => writer.end());
  const text = written();
  assert(text.startsWith(BEFORE));
  const response = text.slice(BEFORE.length);
  const [whole, status, fields] = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/
    .exec(response) ?? [];
  assert(whole !== undefined && fields !== undefined, "there is a head");
  assertEquals(Number(status), head.status);
  assertMatch(fields, FIELD_LINES);
  const values = (name: string) =>
    [...fields.matchAll(new RegExp(`^${name}:[ \t]*(.*?)[ \t]*$`, "gim"))].map(([, value]) =>
      value
    );
  const [length, ...otherLengths] = values("content-length");
  const codings = values("transfer-encoding");
  assertEquals(otherLengths, []);
  assert(codings.length === 0 || length === undefined && codings.join() === "chunked");
  assert(codings.length === 0 || request.minorVersion === 1, "HTTP/1.0 knows no codings");
  for (const name of ["keep-alive", "upgrade", "trailer", "proxy-connection"]) {
    assertEquals(values(name), [], name);
  }
  const [option, ...otherOptions] = values("connection");
  assertEquals(otherOptions, []);
  assertEquals(option === "close", writer.closes);
  const content = response.slice(whole.length);
  const isBare = request.method === "HEAD" || [204, 205, 304].includes(head.status);
  const sent = latin1Text(concat(utf8(first), ...more), 0, concat(utf8(first), ...more).length);
  if (isBare) {
    assertEquals(content, "");
  } else if (codings.length > 0) {
    assertEquals(dechunked(content), isCut ? null : sent);
  } else if (length !== undefined) {
    assertEquals(content, sent.slice(0, Number(length)));
    assertEquals(isCut, content.length < Number(length));
  } else {
    assert(writer.closes, "the end of the connection is the end of the body");
    assertEquals(content, sent);
  }
}

/** The content of chunks that nothing follows; `null` if these are none. */
function dechunked(text: string): string | null {
  let content = "";
  for (let at = 0;;) {
    const [line, digits] = /^([\da-f]+)\r\n/.exec(text.slice(at)) ?? [];
    if (line === undefined) return null;
    const size = parseInt(digits!, 16);
    at += line.length + size + 2;
    if (text.slice(at - 2, at) !== "\r\n") return null;
    if (size === 0) return at === text.length ? content : null;
    content += text.slice(at - 2 - size, at - 2);
  }
}

/** Over FastCGI, the head is read as the one that was written. */
function checkCgi({ request, head, first }: Answer): void {
  const out = new OutputBuffer(new BufferPool());
  const writer = new CgiResponseWriter(out, 1);
  if (isRefused(() => void writer.begin(request, head, first))) {
    assertEquals(out.length, 0, "nothing is written of what is refused");
    return;
  }
  const { records, rest } = parseRecords(out.bytes.slice(0, out.length));
  assertEquals(rest.length, 0);
  assert(records.every(({ type, id }) => type === STDOUT && id === 1));
  const read = new CgiHeadReader().push(concat(...records.map(({ content }) => content)));
  assert(read !== null, "there is a head");
  assertEquals(read.head.status, head.status);
  for (const [name, value] of read.head.fields) assertMatch(`${name}: ${value}\r\n`, FIELD_LINES);
}

/** A response as CGI scripts write them. */
function makeCgi(random: Random): string {
  const end = random.pick(["\n", "\r\n"]);
  let text = "";
  for (let left = random.below(5); left > 0; left--) {
    text += `${random.pick(NAMES)}:${random.pick([...VALUES, ...MORE_VALUES])}${end}`;
  }
  text += `${end}body${end}${end}`;
  return perhapsMutated(random, text, [...SNIPPETS.filter(isBytes), "\n\n"], 2);
}

function checkCgiHead(input: string, random: Random): void {
  const bytes = bytesOf(input);
  const whole = cgiHeadIn([bytes]);
  assertEquals(cgiHeadIn(randomPieces(random, bytes)), whole);
  if (whole === "refused" || whole === null) return;
  let at = 0;
  for (;;) {
    const [head] = /^[^]*?(?:^|\n)\r?\n/.exec(input.slice(at))!;
    at += head.length;
    const lines = head.split(/\r?\n/).filter((line) => line !== "");
    const fields = lines.map((line) => /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line)!.slice(1));
    const others = fields.filter(([name]) => name.toLowerCase() !== "status");
    const statuses = fields.filter(([name]) => name.toLowerCase() === "status");
    const final = statuses.findLast(([, status]) => !/^1(?!01)\d\d(?: |$)/.test(status))?.[1];
    // Heads of interim responses come before the one that counts.
    if (statuses.length > 0 && final === undefined) continue;
    assertEquals(whole.bodyStart, at);
    assertEquals(whole.head.fields, others as [string, string][]);
    const hasLocation = others.some(([name]) => name.toLowerCase() === "location");
    assertEquals(whole.head.status, Number(final?.slice(0, 3) ?? (hasLocation ? 302 : 200)));
    return;
  }
}

function cgiHeadIn(
  pieces: readonly Uint8Array[],
): { readonly head: CgiHead; readonly bodyStart: number } | "refused" | null {
  const reader = new CgiHeadReader();
  let before = 0;
  try {
    for (const piece of pieces) {
      const borrowed = piece.slice();
      const read = reader.push(borrowed);
      if (read !== null) return { head: read.head, bodyStart: before + read.bodyStart };
      borrowed.fill(0x58);
      before += piece.length;
    }
    return null;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assertEquals(error.status, 502);
    return "refused";
  }
}

/** Answers of apps. */
export const RESPONSES: FuzzTarget = inputTarget({ name: "responses", make, check });

/** Answers of FastCGI applications to the client. */
export const CGI_HEADS: FuzzTarget = inputTarget({
  name: "cgi-heads",
  make: makeCgi,
  check: checkCgiHead,
});
