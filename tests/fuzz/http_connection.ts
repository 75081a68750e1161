/**
 * Connections of HTTP/1.1: requests come in any split, are answered in any order and in any way, and sent
 * when it pleases the client. Each answer is that of its request, in its turn.
 */

import { BufferPool } from "../../src/base/buffers.ts";
import type { Exchange } from "../../src/message/exchange.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { HttpConnection } from "../../src/http1/connection.ts";
import type { HttpLimits } from "../../src/http1/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { OwnLines } from "../../src/http1/codec/writer.ts";
import type { ConnectionHost } from "../../src/net/socket_connection.ts";
import { WaitingList } from "../../src/net/waiting_list.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { bytesOf, parse } from "../support/parsing.ts";
import { PacedConn } from "../support/paced_conn.ts";
import { peersOf } from "../support/protocol_heads.ts";
import type { Random } from "../support/random.ts";
import type { Plan } from "./answer_plans.ts";
import { planFor } from "./answer_plans.ts";
import { HTTP_SNIPPETS, randomRequest } from "./http_requests.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated, randomPieces } from "./mutation.ts";
import { readResponses } from "./response_reading.ts";
import type { FuzzTarget } from "./target.ts";

const LIMITS: HttpLimits = {
  ...DEFAULT_HTTP_LIMITS,
  maxHeaderBytes: 400,
  maxBodyBytes: 200,
  maxRequestsPerConnection: 6,
};

function make(random: Random): string {
  let text = "";
  for (let left = 1 + random.below(7); left > 0; left--) text += randomRequest(random)[0];
  return random.below(2) === 0 ? text : perhapsMutated(random, text, HTTP_SNIPPETS, 2);
}

/** Turns of the microtask queue in which all comes to rest that waits for nothing from outside. */
const MANY_TURNS = 40;

/** An exchange that is under way. */
interface Job {
  readonly exchange: Exchange;
  readonly plan: Plan;
  readonly method: string;
  body: string;
  isOver: boolean;
}

async function check(input: string, random: Random): Promise<void> {
  const bytes = bytesOf(input);
  const pieces = randomPieces(random, bytes);
  const conn = new PacedConn();
  const jobs: Job[] = [];
  let closings = 0;
  const host: ConnectionHost<HttpConnection> = {
    buffers: new BufferPool(),
    log(level, message) {
      assert(/^http: the response/.test(message), `${level}: ${message}`);
    },
    now: 0,
    ending: random.below(5) === 0,
    draining: random.below(10) === 0,
    idle: new WaitingList(),
    awaited: new WaitingList(),
    scheduleFlush: (connection) => queueMicrotask(() => connection.flush()),
    close() {
      closings++;
      conn.close();
    },
  };
  const handle = (exchange: Exchange) => {
    checkTurn(exchange.head.method, jobs);
    const plan = planFor(random, jobs.length);
    const { method } = exchange.head;
    const job: Job = { exchange, plan, method, body: "", isOver: false };
    exchange.receiver = {
      congested: false,
      onBody(chunk) {
        assert(!job.isOver, "nothing comes for an exchange that is over");
        job.body += latin1Text(chunk, 0, chunk.length);
      },
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
    jobs.push(job);
  };
  const http = {
    handler: { handle },
    limits: LIMITS,
    compression: "none" as const,
    date: new OwnLines(),
  };
  const connection = new HttpConnection(conn, peersOf("http").http, http, host);
  const serving = connection.serve();
  const leaves = random.below(8) === 0;
  let left = pieces.length;
  let isSettled = false;
  for (;;) {
    const busy = jobs.filter(({ plan }) => plan.steps.length > 0);
    const choices: (() => void)[] = [];
    if (left >= 0 && conn.wantsBytes) {
      choices.push(() => {
        left--;
        if (left >= 0) conn.feed(pieces[pieces.length - 1 - left]);
        else if (leaves) conn.fail();
        else conn.end();
      });
    }
    for (const { exchange, plan } of busy) choices.push(() => plan.steps.shift()!(exchange));
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
  // Its time would be over at last.
  if (closings === 0) connection.abort("shutdown");
  await serving;
  assertEquals(closings, 1, "the connection is closed once");
  checkRequests(bytes, jobs);
  checkResponses(latin1Text(conn.written, 0, conn.written.length), jobs);
}

/** Requests that are not safe have their answers alone (RFC 9112 9.3.2). */
function checkTurn(method: string, before: readonly Job[]): void {
  for (const { plan, method: other, isOver } of before) {
    const isAnswered = isOver || plan.steps.length <= plan.lateSteps;
    assert(isAnswered || (isSafe(method) && isSafe(other)), `${method} overtakes ${other}`);
  }
}

const isSafe = (method: string) => ["GET", "HEAD", "OPTIONS", "TRACE"].includes(method);

/** The handler has got the requests that were sent, with what had come of their bodies. */
function checkRequests(bytes: Uint8Array, jobs: readonly Job[]): void {
  const { requests } = parse([bytes], LIMITS);
  for (const [index, { method, body }] of jobs.entries()) {
    const sent = requests[index];
    assert(sent !== undefined, "there are no more requests than were sent");
    assertEquals(method, sent.method);
    assert(sent.body.startsWith(body), "a body is its own");
  }
}

/** The answers are those of the requests, in their order; nothing comes after one that is not whole. */
function checkResponses(text: string, jobs: readonly Job[]): void {
  const responses = readResponses(text, (index) => jobs[index]?.method ?? "GET");
  // What is refused is answered, too.
  assert(responses.length <= jobs.length + 1, `${responses.length} responses`);
  for (const [index, { status, body, isWhole }] of responses.entries()) {
    assert(isWhole || index === responses.length - 1, "nothing comes after a broken answer");
    const job = jobs[index];
    if (status !== 200) {
      assert(job === undefined || job.plan.ending === "error" || status < 500, `status ${status}`);
      continue;
    }
    assert(job !== undefined && job.plan.ending !== "error");
    const { plan } = job;
    const expected = job.method === "HEAD" ? "" : plan.body;
    if (isWhole && (plan.ending === "whole" || job.method === "HEAD")) {
      assertEquals(body, expected);
    } else {
      assertEquals(
        body,
        expected.slice(0, body.length),
        `part of the answer ${index}, ${plan.ending}`,
      );
      assert(!isWhole, "a broken answer is no whole one");
    }
  }
}

/** Connections of HTTP/1.1. */
export const HTTP_CONNECTIONS: FuzzTarget = inputTarget({ name: "http-connections", make, check });
