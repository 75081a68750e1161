import { assert, assertEquals } from "../support/assert.ts";
import { CompressedExchange } from "../../src/compression/compressed_exchange.ts";
import type { BodyEncoder, BodyUser } from "../../src/compression/compressor.ts";
import { ResponsePlans } from "../../src/compression/codec/response_plan.ts";
import { DEFAULT_COMPRESSION } from "../../src/compression/codec/settings.ts";
import type { AbortReason, ExchangeReceiver } from "../../src/message/exchange.ts";
import { NOBODY, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";

const FIELDS = "content-type: text/plain\r\n";
const BODY = new TextEncoder().encode("b".repeat(2_000));

/** An encoder that does as it is told. */
class FakeEncoder implements BodyEncoder {
  isBusy = false;
  user: BodyUser | null = null;
  readonly told: string[] = [];

  encodeWhole(user: BodyUser): number {
    this.user = user;
    return this.told.push("whole");
  }

  open(user: BodyUser, _coding: string, flushing: string): number {
    this.user = user;
    return this.told.push(`open ${flushing}`);
  }

  write(_id: number, part: Uint8Array): void {
    this.told.push(`part ${part.length}`);
  }

  finish(): void {
    this.told.push("finish");
  }

  credit(_id: number, bytes: number): void {
    this.told.push(`credit ${bytes}`);
  }

  close(): void {
    this.told.push("close");
  }
}

/** An exchange whose response is compressed by a fake, and what its handler is told. */
function lab(options: { readonly window?: number } = {}) {
  const inner = new CheckedExchange(
    headOf("/", options.window === undefined ? {} : { responseWindow: options.window }),
  );
  const encoder = new FakeEncoder();
  const log: string[] = [];
  const exchange = new CompressedExchange(
    inner,
    { acceptance: { coding: "gzip", refusesIdentity: false }, weakTags: null },
    {
      encoder,
      plans: new ResponsePlans(DEFAULT_COMPRESSION),
      minBytes: 1_000,
      log: (_, text) => log.push(text),
    },
  );
  const credits: number[] = [];
  const aborts: AbortReason[] = [];
  const receiver: ExchangeReceiver = {
    ...NOBODY,
    onCredit: (bytes) => credits.push(bytes),
    onAbort: (reason) => aborts.push(reason),
  };
  exchange.receiver = receiver;
  return { inner, encoder, exchange, credits, aborts, log };
}

const WHOLE = { status: 200, fieldLines: FIELDS, bodyLength: WHOLE_BODY };
const STREAM = { status: 200, fieldLines: FIELDS, bodyLength: UNKNOWN_LENGTH };

Deno.test("a whole body that cannot be encoded is sent as it is", () => {
  const { inner, encoder, exchange, aborts } = lab();
  exchange.respond(WHOLE, BODY);
  assertEquals([encoder.told, inner.status], [["whole"], 0]);
  encoder.user!.onFault();
  assertEquals([inner.status, inner.body, inner.isOver], [200, "b".repeat(2_000), true]);
  assertEquals(aborts, []);
});

Deno.test("a stream that cannot be encoded is broken off, and its handler is told", () => {
  const { inner, encoder, exchange, aborts, log } = lab();
  exchange.respond(STREAM, null);
  exchange.write(BODY);
  assertEquals(encoder.told, ["open flushes", "part 2000"]);
  encoder.user!.onFault();
  assert(inner.isOver);
  assertEquals(aborts, ["invalid-response"]);
  assertEquals(log, ["compression: the response could not be compressed"]);
  // What the handler has on its way is ignored.
  exchange.write(BODY);
  exchange.end();
});

Deno.test("nothing is given to an encoder that is busy", () => {
  const { inner, encoder, exchange } = lab();
  encoder.isBusy = true;
  exchange.respond(WHOLE, BODY);
  assertEquals([encoder.told, inner.body.length], [[], 2_000]);
});

Deno.test("a client that leaves frees the encoder; who has given all is not told", () => {
  const whole = lab();
  whole.exchange.respond(WHOLE, BODY);
  whole.inner.receiver.onAbort("client-gone");
  assertEquals([whole.encoder.told, whole.aborts], [["whole", "close"], []]);

  const asked = lab();
  asked.exchange.reportSent = true;
  asked.exchange.respond(WHOLE, BODY);
  asked.inner.receiver.onAbort("client-gone");
  assertEquals(asked.aborts, ["client-gone"]);

  const streamed = lab();
  streamed.exchange.respond(STREAM, null);
  streamed.inner.receiver.onAbort("client-gone");
  assertEquals([streamed.encoder.told, streamed.aborts], [["open flushes", "close"], [
    "client-gone",
  ]]);

  const halfway = lab();
  halfway.exchange.respond(STREAM, null);
  halfway.inner.receiver.onAbort("client-half-closed");
  assertEquals([halfway.encoder.told, halfway.aborts], [["open flushes"], ["client-half-closed"]]);
});

Deno.test("the handler gets credit for what is encoded, the encoder for what is sent", () => {
  const { inner, encoder, exchange, credits } = lab({ window: 10_000 });
  exchange.respond(STREAM, null);
  // There is room for 64 KiB before the encoder.
  assertEquals(credits, [55_536]);
  exchange.write(BODY);
  encoder.user!.onTaken(2_000);
  assertEquals(credits, [55_536, 2_000]);
  encoder.user!.onPiece(new Uint8Array(9_000));
  assertEquals(encoder.told.at(-1), "credit 9000");
  // More than the client's window waits.
  encoder.user!.onPiece(new Uint8Array(3_000));
  assertEquals([inner.body.length, encoder.told.at(-1)], [10_000, "credit 1000"]);
  inner.receiver.onCredit(1_500);
  assertEquals([inner.body.length, encoder.told.at(-1)], [11_500, "credit 1500"]);
  exchange.end();
  encoder.user!.onDone(new Uint8Array(0));
  assertEquals(inner.isOver, false);
  inner.receiver.onCredit(5_000);
  assertEquals([inner.body.length, inner.isOver], [12_000, true]);
});

Deno.test("a body of a length ends by itself, and is not flushed", () => {
  const { inner, encoder, exchange } = lab();
  exchange.respond({ ...STREAM, bodyLength: 2_000 }, BODY);
  assertEquals(encoder.told, ["open gathers", "part 2000", "finish"]);
  encoder.user!.onPiece(new Uint8Array(5));
  encoder.user!.onDone(new Uint8Array(0));
  assertEquals([inner.body.length, inner.isOver], [5, true]);
});
