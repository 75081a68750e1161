import type { Exchange, ExchangeReceiver } from "../../src/message/exchange.ts";
import { NOBODY, RequestHead } from "../../src/message/exchange.ts";
import { WaitingExchange } from "../../src/pool/waiting.ts";
import { assertEquals } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";

/** What a handler is told of a request that has waited, after `arrive` was called. */
function toldAfter(arrive: (receiver: ExchangeReceiver) => void): string[] {
  const exchange = { head: new RequestHead(), receiver: NOBODY } as Partial<Exchange> as Exchange;
  const waiting = new WaitingExchange(exchange);
  arrive(waiting);
  const told: string[] = [];
  waiting.handTo({
    handle: (handed) => {
      handed.receiver = {
        ...NOBODY,
        onBody: (chunk) => told.push(`body ${new TextDecoder().decode(chunk)}`),
        onChunk: (bytes) => told.push(`chunk ${bytes}`),
        onEnd: (trailers) => told.push(`end ${new TextDecoder().decode(trailers)}`),
        onAbort: (reason) => told.push(`abort ${reason}`),
      };
    },
  });
  return told;
}

Deno.test("a request that waits for a worker keeps small pieces of its body together", () => {
  const told = toldAfter((receiver) => {
    for (let i = 0; i < 100_000; i++) receiver.onBody(bytesOf("x"));
    receiver.onEnd(bytesOf(""));
  });
  assertEquals(told, [`body ${"x".repeat(100_000)}`, "end "]);
});

Deno.test("what has come for a request that waits comes in the same order afterwards", () => {
  const told = toldAfter((receiver) => {
    const borrowed = bytesOf("ab");
    receiver.onChunk(3);
    receiver.onBody(borrowed);
    borrowed.fill(0);
    receiver.onBody(bytesOf("c"));
    receiver.onChunk(1);
    receiver.onBody(bytesOf("d"));
    receiver.onAbort("client-half-closed");
    receiver.onEnd(bytesOf("T: v\r\n"));
  });
  assertEquals(told, [
    "chunk 3",
    "body abc",
    "chunk 1",
    "body d",
    "abort client-half-closed",
    "end T: v\r\n",
  ]);
});

Deno.test("credit for the response that comes while a request waits is not lost", () => {
  let credit = 0;
  const exchange = { head: new RequestHead(), receiver: NOBODY } as Partial<Exchange> as Exchange;
  const waiting = new WaitingExchange(exchange);
  exchange.receiver.onCredit(1_000);
  exchange.receiver.onCredit(24);
  waiting.handTo({
    handle: (handed) => handed.receiver = { ...NOBODY, onCredit: (bytes) => credit += bytes },
  });
  assertEquals(credit, 1_024);
});
