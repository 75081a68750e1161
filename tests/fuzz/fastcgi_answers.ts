/**
 * Answers over FastCGI: to requests that share a connection, in any order and in any way, and sent when it
 * pleases the web server.
 */

import { BufferPool } from "../../src/base/buffers.ts";
import type { ProtocolError } from "../../src/base/errors.ts";
import type { FastCgiHost } from "../../src/fastcgi/connection_host.ts";
import { FastCgiConnection } from "../../src/fastcgi/connection.ts";
import { FastCgiExchange } from "../../src/fastcgi/fastcgi_exchange.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../../src/fastcgi/codec/limits.ts";
import type { ServerRequest } from "../../src/fastcgi/server_request.ts";
import { RequestTranslator } from "../../src/fastcgi/codec/translate.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { FaultLog } from "../../src/net/fault_log.ts";
import type { ConnectionHost } from "../../src/net/socket_connection.ts";
import { WaitingList } from "../../src/net/waiting_list.ts";
import { assert, assertEquals } from "../support/assert.ts";
import * as web from "../support/fastcgi.ts";
import { PacedConn } from "../support/paced_conn.ts";
import { bytesOf } from "../support/parsing.ts";
import { peersOf } from "../support/protocol_heads.ts";
import type { Random } from "../support/random.ts";
import type { Plan } from "./answer_plans.ts";
import { planFor } from "./answer_plans.ts";
import { inputTarget } from "./input_target.ts";
import { randomPieces } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

/** Turns of the microtask queue in which all comes to rest that waits for nothing from outside. */
const MANY_TURNS = 40;

/** Requests with numbers of their own, some of which are aborted: the input is their records. */
function make(random: Random): string {
  const records: Uint8Array[] = [];
  for (let id = 1 + random.below(4); id > 0; id--) {
    const method = random.pick(["GET", "POST", "HEAD"]);
    const keepConn = random.below(4) > 0;
    const body = method === "POST" ? random.text(random.below(60), "ab\0") : undefined;
    records.push(web.request(id, "/", { method, keepConn, ...body === undefined ? {} : { body } }));
    if (random.below(6) === 0) {
      records.push(web.record(web.ABORT_REQUEST, 1 + random.below(4)));
    }
  }
  const bytes = web.concat(...records);
  return latin1Text(bytes, 0, bytes.length);
}

/** A request that was handed over. */
interface Job {
  readonly exchange: FastCgiExchange;
  readonly plan: Plan;
  isOver: boolean;
}

/** Takes the requests, as the endpoint does. */
class Host implements FastCgiHost {
  readonly limits = DEFAULT_FASTCGI_LIMITS;
  readonly roles = new Set([1, 2, 3]);
  readonly tempFolder = "/nonexistent";
  readonly faultLog = new FaultLog((_, message) => {
    throw new Error(message);
  });
  readonly jobs = new Map<number, Job>();
  admitted = 0;
  readonly #random: Random;
  readonly #translator = new RequestTranslator(this.limits, new BufferPool());

  constructor(random: Random) {
    this.#random = random;
  }

  admit(): boolean {
    this.admitted++;
    return true;
  }

  release(): void {
    this.admitted--;
  }

  start(request: ServerRequest, params: Uint8Array, length: number): void {
    const head = this.#translator.translate(params, length, request.role, peersOf("fastcgi"));
    if (request.stdinIsEmpty) head.bodyLength = 0;
    const settings = { maxBodyBytes: 1_000, faultReports: "none", log() {} } as const;
    const exchange = new FastCgiExchange(request, head, settings);
    const job: Job = { exchange, plan: planFor(this.#random, request.id), isOver: false };
    exchange.receiver = {
      congested: false,
      onBody: () => assert(!job.isOver, "nothing comes for an exchange that is over"),
      onChunk() {},
      onEnd() {},
      onData() {},
      onDataEnd() {},
      onCredit() {},
      onAbort(reason) {
        assert(!job.isOver, "it is told once that it is over");
        if (reason !== "client-half-closed") job.isOver = true;
      },
      onSent() {},
    };
    this.jobs.set(request.id, job);
  }

  refuse(request: ServerRequest, error: ProtocolError): void {
    throw new Error(`the request ${request.id} is refused`, { cause: error });
  }
}

async function check(input: string, random: Random): Promise<void> {
  const pieces = randomPieces(random, bytesOf(input));
  const conn = new PacedConn();
  const host = new Host(random);
  let closings = 0;
  const sockets: ConnectionHost<FastCgiConnection> = {
    buffers: new BufferPool(),
    log(_, message) {
      throw new Error(message);
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
  const serving = connection.serve();
  // The web server stays until all is answered that will be.
  let isSettled = false;
  for (;;) {
    const choices: (() => void)[] = [];
    if (conn.wantsBytes && pieces.length > 0) choices.push(() => conn.feed(pieces.shift()!));
    for (const { exchange, plan } of host.jobs.values()) {
      if (plan.steps.length > 0) choices.push(() => plan.steps.shift()!(exchange));
    }
    if (conn.isWriting) choices.push(() => conn.takeSome(1 + random.below(500)));
    if (choices.length === 0) {
      if (isSettled) break;
      isSettled = true;
      for (let turn = 0; turn < MANY_TURNS; turn++) await Promise.resolve();
      continue;
    }
    isSettled = false;
    random.pick(choices)();
    for (let turn = random.below(8); turn > 0; turn--) await Promise.resolve();
  }
  if (closings === 0) connection.abort("client-gone");
  await serving;
  assertEquals([closings, host.admitted], [1, 0], "nothing is left behind");
  checkAnswers(conn.written, host.jobs);
}

/** Each answer is that of its request; only one that is whole has an end of its stream, and no error. */
function checkAnswers(bytes: Uint8Array, jobs: ReadonlyMap<number, Job>): void {
  const output = new Map<number, string>();
  const complete = new Set<number>();
  const ended = new Set<number>();
  for (const { type, id, content } of web.parseRecords(bytes).records) {
    assert(!ended.has(id), `nothing comes after the end of the request ${id}`);
    if (type === web.END_REQUEST) {
      ended.add(id);
      const isWhole = jobs.get(id)?.plan.ending === "whole";
      // What was aborted has come to no end of its own.
      if (complete.has(id) && isWhole) assertEquals(content[3], 0, `the status of ${id}`);
      continue;
    }
    assertEquals(type, web.STDOUT);
    assert(!complete.has(id), `nothing comes after the end of the stream of ${id}`);
    if (content.length === 0) complete.add(id);
    output.set(id, (output.get(id) ?? "") + latin1Text(content, 0, content.length));
  }
  for (const [id, text] of output) {
    if (text === "") continue;
    const { exchange, plan } = jobs.get(id)!;
    const [head, status] = /^Status: (\d{3})[^]*?\r\n\r\n/.exec(text) ?? [];
    assert(head !== undefined, "there is a head");
    const body = text.slice(head.length);
    if (status !== "200") {
      assertEquals(plan.ending, "error");
      continue;
    }
    const expected = exchange.head.method === "HEAD" ? "" : plan.body;
    assertEquals(body, expected.slice(0, body.length), `part of the answer to ${id}`);
    if (complete.has(id)) {
      assert(plan.ending === "whole" || exchange.head.method === "HEAD", "it is broken");
      assertEquals(body, expected);
    }
  }
}

/** Answers to the requests of a connection. */
export const FASTCGI_ANSWERS: FuzzTarget = inputTarget({ name: "fastcgi-answers", make, check });
