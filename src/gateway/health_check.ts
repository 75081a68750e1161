/**
 * `--health-check`: asks apps for a path before they get requests of clients.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { LoadError } from "../base/errors.ts";
import type {
  AbortReason,
  Exchange,
  ExchangeHandler,
  ExchangeReceiver,
  ResponseHead,
} from "../message/exchange.ts";
import { NO_ANSWER, NOBODY, RequestHead, WHOLE_BODY } from "../message/exchange.ts";

/** What the request says besides its path. */
const FIELDS = "host: localhost\r\nuser-agent: gatehouse-health-check\r\naccept: */*\r\n";
const ADDRESS: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 0 };

const encoder = new TextEncoder();

/**
 * Asks what `handler` leads to for each of `paths` at once, as clients with GET would.
 *
 * @throws {LoadError} about all answers that are not 2xx or 3xx, or take too long
 */
export async function checkHealth(
  handler: ExchangeHandler,
  paths: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const asking = paths.map((path) => askFor(path, handler, timeoutMs));
  const faults = (await Promise.all(asking)).filter((fault) => fault !== null);
  if (faults.length > 0) throw new LoadError("", faults.join("\n"));
}

/** What is wrong with the answer to `path`; `null` if nothing is. */
async function askFor(
  path: string,
  handler: ExchangeHandler,
  timeoutMs: number,
): Promise<string | null> {
  const exchange = new CheckExchange(headFor(path));
  handler.handle(exchange);
  if (!await inTime(exchange.answered, timeoutMs)) {
    exchange.giveUp();
    return `--health-check ${path}: no answer within ${timeoutMs / 1000} s`;
  }
  const status = await exchange.answered;
  if (status >= 200 && status < 400) return null;
  const what = status === NO_ANSWER ? "the connection was ended without an answer" : `${status}`;
  return `--health-check ${path} was answered ${what}`;
}

function headFor(path: string): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  head.block = encoder.encode(path + FIELDS);
  head.targetEnd = head.fieldsStart = path.length;
  head.authorityStart = path.length + FIELDS.indexOf("localhost");
  head.authorityEnd = head.authorityStart + "localhost".length;
  head.fieldsEnd = head.paramsStart = head.paramsEnd = head.block.length;
  head.peer = { endpoint: "http", scheme: "http", remoteAddr: ADDRESS, localAddr: ADDRESS };
  return head;
}

/** A request of the gateway's own: the status is all that matters. */
class CheckExchange implements Exchange {
  readonly head: RequestHead;
  receiver: ExchangeReceiver = NOBODY;
  reportSent = false;
  readonly congested = false;
  /** Resolves to the status of the response. */
  readonly answered: Promise<number>;
  readonly #answered = Promise.withResolvers<number>();
  #isOver = false;

  constructor(head: RequestHead) {
    this.head = head;
    this.answered = this.#answered.promise;
  }

  /** Waits no longer. */
  giveUp(): void {
    this.#end("timeout");
  }

  respond({ status, bodyLength }: ResponseHead, body: Uint8Array | string | null): void {
    this.#answered.resolve(status);
    const isWhole = bodyLength === WHOLE_BODY || bodyLength === (body?.length ?? 0);
    if (isWhole) this.#isOver = true;
    else this.#leave();
  }

  fail(status: number): void {
    this.#answered.resolve(status);
    this.#isOver = true;
  }

  upgrade(): void {
    this.#answered.resolve(101);
    this.#leave();
  }

  end(): void {
    this.#isOver = true;
  }

  write(): void {}
  grant(): void {}
  grantData(): void {}
  reportFault(): void {}
  inform(): void {}

  /** Leaves, as a client may who has seen what it wanted. */
  #leave(): void {
    queueMicrotask(() => this.#end("client-gone"));
  }

  #end(reason: AbortReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.receiver.onAbort(reason);
  }
}
