/** FastCGI: records in any split, and the requests that are made of them. */

import { BufferPool } from "../../src/base/buffers.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import type { FastCgiHost } from "../../src/fastcgi/connection_host.ts";
import { FaultLog } from "../../src/net/fault_log.ts";
import { FastCgiConnection } from "../../src/fastcgi/connection.ts";
import type { FastCgiLimits } from "../../src/fastcgi/codec/limits.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../../src/fastcgi/codec/limits.ts";
import type { InputType } from "../../src/fastcgi/input_stream.ts";
import { RecordReader } from "../../src/fastcgi/codec/records.ts";
import type { ServerRequest } from "../../src/fastcgi/server_request.ts";
import { RequestTranslator } from "../../src/fastcgi/codec/translate.ts";
import { latin1Text } from "../../src/message/fields.ts";
import type { ConnectionHost } from "../../src/net/socket_connection.ts";
import { WaitingList } from "../../src/net/waiting_list.ts";
import { urlOf } from "../../src/message/request_url.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import * as web from "../support/fastcgi.ts";
import { MemoryConn } from "../support/memory_conn.ts";
import { bytesOf } from "../support/parsing.ts";
import { peersOf } from "../support/protocol_heads.ts";
import type { Random } from "../support/random.ts";
import type { CompleteRequest } from "./fastcgi_model.ts";
import { arePairsBroken, expectedOf, recordsOf } from "./fastcgi_model.ts";
import { FIELD_LINES } from "./http_transcript.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated, randomPieces } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

const LIMITS: FastCgiLimits = { ...DEFAULT_FASTCGI_LIMITS, maxHeaderCount: 6 };

const NAMES = ["HTTP_HOST", "HTTP_X_A", "HTTP_", "HTTP_COOKIE", "CONTENT_LENGTH", "CONTENT_TYPE"];
const OTHERS = ["HTTPS", "SERVER_NAME", "SERVER_PORT", "PATH_INFO", "SCRIPT_NAME", "x", "HTTP_A B"];
const VALUES = [
  "",
  "a",
  "on",
  "80",
  "-1",
  "5",
  "/a/../b",
  "a\r\nb: c",
  "\xe4",
  "::1",
  "*.a",
  "a.b:1",
];

const SNIPPETS = [
  "\0",
  "\x01",
  "\xff",
  "\x80\0\0\x01",
  "\xff\xff\xff\xff",
  "\x01\x04\0\x01\0\0\0\0",
  "\x01\x05\0\x01\0\0\0\0",
  "\x01\x05\0\x02\0\x01\0\0x",
  "\x01\x01\0\x01\0\x08\0\0\0\x01\x01\0\0\0\0\0",
  "\x01\x02\0\x01\0\0\0\0",
  "\x01\x0b\0\0\0\x08\0\0\0\0\0\0\0\0\0\0",
  "\x01\x63\0\0\0\0\0\0",
  "x".repeat(40),
];

function anyParams(random: Random): Uint8Array {
  const pairs: [string, string][] = [];
  if (random.below(8) > 0) pairs.push(["REQUEST_METHOD", random.pick(["GET", "POST", "G E"])]);
  if (random.below(8) > 0) {
    pairs.push(["REQUEST_URI", random.pick(["/", "/a?b", "http://a/", "*"])]);
  }
  for (let left = random.below(5); left > 0; left--) {
    pairs.push([random.pick(random.below(2) === 0 ? NAMES : OTHERS), random.pick(VALUES)]);
  }
  return web.concat(
    ...pairs.map(([name, value]) => web.pair(bytesOf(name), bytesOf(value), random.below(6) === 0)),
  );
}

/** The records of a request, and perhaps some that have no place there. */
function anyRequest(random: Random, id: number): Uint8Array[] {
  const role = random.pick([1, 1, 1, 2, 3, 3, 4]);
  const pieces = (type: number, content: Uint8Array) => {
    const records: Uint8Array[] = [];
    for (let at = 0; at < content.length;) {
      const size = 1 + random.below(40);
      records.push(web.record(type, id, content.subarray(at, at + size), random.below(9)));
      at += size;
    }
    records.push(web.record(type, id));
    return records;
  };
  const body = () => bytesOf(random.text(random.below(90), "abc\0\x01\xff"));
  const records = [
    web.begin(id, role, random.below(6) > 0),
    ...pieces(web.PARAMS, anyParams(random)),
    ...pieces(web.STDIN, body()),
    ...role === web.FILTER ? pieces(web.DATA, body()) : [],
  ];
  if (random.below(4) === 0) {
    const stray = random.pick([
      web.record(web.ABORT_REQUEST, id),
      web.record(web.GET_VALUES, 0, web.encodePairs({ FCGI_MPXS_CONNS: "", x: "y" })),
      web.record(20, random.below(3), "unknown"),
      web.record(random.pick([web.STDIN, web.DATA, web.PARAMS]), random.below(5), "stray"),
    ]);
    records.splice(random.below(records.length + 1), 0, stray);
  }
  return records;
}

/** Requests that come in turns. */
function make(random: Random): string {
  const ids = random.pick([[1], [1, 2], [1, 2, 300], [1, 1]]);
  const queues = ids.map((id) => anyRequest(random, id));
  let text = "";
  for (let left = queues.filter((queue) => queue.length > 0); left.length > 0;) {
    const record = random.pick(left).shift()!;
    text += latin1Text(record, 0, record.length);
    left = queues.filter((queue) => queue.length > 0);
  }
  return perhapsMutated(random, text, SNIPPETS, 2);
}

/** Takes the requests, and answers each with what came of it. */
class Echo implements FastCgiHost {
  readonly faultLog = new FaultLog(() => {});
  readonly limits = LIMITS;
  readonly roles = new Set([1, 2, 3]);
  readonly tempFolder = "/nonexistent";
  readonly complete: CompleteRequest[] = [];
  admitted = 0;
  readonly #translator = new RequestTranslator(LIMITS, new BufferPool());

  admit(): boolean {
    this.admitted++;
    return true;
  }

  release(): void {
    this.admitted--;
    assert(this.admitted >= 0, "no request is counted out twice");
  }

  start(request: ServerRequest, bytes: Uint8Array, length: number): void {
    const { id, role } = request;
    const params = latin1Text(bytes, 0, length);
    checkTranslation(this.#translator, bytes.slice(0, length), role);
    const inputs = { [web.STDIN]: "", [web.DATA]: "" };
    let missing = role === web.AUTHORIZER ? 0 : role === web.FILTER ? 2 : 1;
    const endIfComplete = () => {
      if (missing > 0 || request.ended) return;
      const { [web.STDIN]: stdin, [web.DATA]: data } = inputs;
      this.complete.push({ id, role, params, stdin, data });
      request.writeStdout(bytesOf(stdin + data));
      request.end(0);
    };
    request.receiver = {
      onInput(type: InputType, chunk: Uint8Array) {
        assert(!request.ended, "nothing comes for a request that has ended");
        inputs[type] += latin1Text(chunk, 0, chunk.length);
        request.grant(type, chunk.length);
      },
      onInputEnd() {
        missing--;
        endIfComplete();
      },
      onCredit() {},
      onAbort() {},
      onTimeout() {},
      onSent() {},
    };
    if (request.stdinIsEmpty && role !== web.AUTHORIZER) missing--;
    endIfComplete();
  }

  refuse(request: ServerRequest, error: ProtocolError): void {
    assertEquals(error.status, 431);
    request.end(1);
  }
}

/** Whatever the parameters are: they make a sound head, or the request is refused. */
function checkTranslation(translator: RequestTranslator, params: Uint8Array, role: number): void {
  try {
    const head = translator.translate(params, params.length, role, peersOf("fastcgi"));
    assert(!arePairsBroken(params), "broken pairs make no request");
    assertMatch(latin1Text(head.block, head.fieldsStart, head.fieldsEnd), FIELD_LINES);
    assertMatch(head.method, /^[!#$%&'*+\-.^_`|~\w]+$/);
    assert(URL.canParse(urlOf(head)), "there is a URL");
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assert([400, 413, 414, 431].includes(error.status), `the status ${error.status}`);
  }
}

async function checkRequests(input: string, random: Random): Promise<void> {
  const bytes = bytesOf(input);
  const { complete, certain, begun } = expectedOf(bytes);
  const conn = new MemoryConn(randomPieces(random, bytes));
  const host = new Echo();
  let closings = 0;
  const sockets: ConnectionHost<FastCgiConnection> = {
    buffers: new BufferPool(),
    log(level, message) {
      assertEquals(level, "warning", message);
    },
    now: 0,
    ending: false,
    draining: false,
    idle: new WaitingList(),
    awaited: new WaitingList(),
    scheduleFlush: (connection) => queueMicrotask(() => connection.flush()),
    close() {
      closings++;
      conn.close();
    },
  };
  const connection = new FastCgiConnection(conn, host, sockets, "served");
  await connection.serve();
  // The last answers are on their way.
  for (let turn = 0; turn < 8 && closings === 0; turn++) await Promise.resolve();
  assertEquals(closings, 1, "the connection is closed, once");
  assertEquals(host.admitted, 0, "no request is left behind");
  assert(host.complete.length >= certain, `${host.complete.length} of ${certain} requests came`);
  assertEquals(host.complete, complete.slice(0, host.complete.length));
  checkAnswers(conn.written, host.complete, begun);
}

/** What was sent is records, of requests that there are. */
function checkAnswers(
  bytes: Uint8Array,
  complete: readonly CompleteRequest[],
  begun: readonly number[],
): void {
  const { records, rest } = web.parseRecords(bytes);
  assertEquals(rest.length, 0, "the last record is whole");
  const output = new Map<number, string>();
  const answered: [number, string][] = [];
  const ended: number[] = [];
  for (const { type, id, content } of records) {
    const text = latin1Text(content, 0, content.length);
    if (type === web.STDOUT) {
      output.set(id, (output.get(id) ?? "") + text);
    } else if (type === web.END_REQUEST) {
      ended.push(id);
      if (output.has(id) && content[3] === 0) answered.push([id, output.get(id)!]);
      output.delete(id);
    } else {
      assert(type === web.GET_VALUES_RESULT || type === web.UNKNOWN_TYPE, `the type ${type}`);
      assertEquals(id, 0);
    }
  }
  assertEquals([...output.keys()], [], "each answer has an end");
  for (const id of new Set(ended)) {
    const times = (ids: readonly number[]) => ids.filter((each) => each === id).length;
    assert(times(ended) <= times(begun), `the request ${id} ends more often than it begins`);
  }
  assertEquals(answered, complete.map(({ id, stdin, data }) => [id, stdin + data]));
}

/** How the content of records is read. */
const WAYS = ["take", "takeAll", "skip", "some"] as const;

function checkRecords(input: string, random: Random): void {
  const bytes = bytesOf(input);
  const way = random.pick(WAYS);
  const whole = recordsIn([bytes], way);
  assertEquals(recordsIn(randomPieces(random, bytes), way), whole);
  if (way === "skip") return;
  // They are those that a reader with all bytes at hand finds.
  let index = 0;
  for (const { type, id, length, content } of recordsOf(bytes)) {
    if (whole[index] === "refused") return;
    const isTaken = way !== "takeAll" || content.length === length;
    assertEquals(whole[index], [type, id, length].join());
    assertEquals(whole[index + 1], isTaken ? latin1Text(content, 0, content.length) : "");
    index += 2;
  }
  assertEquals(index, whole.length);
}

/** Headers and contents, one after another; the last may be cut off. */
function recordsIn(pieces: readonly Uint8Array[], way: typeof WAYS[number]): string[] {
  const reader = new RecordReader();
  const seen: string[] = [];
  try {
    for (const piece of pieces) {
      const borrowed = piece.slice();
      reader.push(borrowed);
      for (;;) {
        if (!reader.inRecord) {
          if (!reader.readHeader()) break;
          reader.checkLength();
          seen.push([reader.type, reader.requestId, reader.contentLength].join(), "");
        }
        if (way === "skip") {
          if (!reader.skip()) break;
          continue;
        }
        if (way === "takeAll" && !reader.takeAll()) break;
        const bytes = way === "takeAll" ? 0 : reader.take(way === "some" ? 3 : Infinity);
        assert(reader.start <= reader.end && reader.end <= reader.content.length);
        seen[seen.length - 1] += latin1Text(reader.content, reader.start, reader.end);
        if (way !== "takeAll" && bytes === 0 && reader.inRecord) break;
      }
      assert(!reader.hasUnread, "all that was pushed is read");
      borrowed.fill(0x58);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    seen.push("refused");
  }
  return seen;
}

/** Records as such. */
export const FASTCGI_RECORDS: FuzzTarget = inputTarget({
  name: "fastcgi-records",
  make,
  check: checkRecords,
});

/** The requests on a connection. */
export const FASTCGI: FuzzTarget = inputTarget({ name: "fastcgi", make, check: checkRequests });
