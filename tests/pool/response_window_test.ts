import type { Exchange } from "../../src/message/exchange.ts";
import { NOBODY, RequestHead, WHOLE_BODY } from "../../src/message/exchange.ts";
import type { ExchangeWorker } from "../../src/pool/forwarded_exchange.ts";
import { ForwardedExchange } from "../../src/pool/forwarded_exchange.ts";
import { readRequest, writeRequest } from "../../src/ring/request_frames.ts";
import { writeResponse } from "../../src/ring/response_frames.ts";
import { allocateRing, RingError, RingReader, RingWriter } from "../../src/ring/ring.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";

const TEXT = "GET / HTTP/1.1\r\nHost: a\r\n";

/** The head of a request whose response has this window. */
function headWith(responseWindow: number): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  head.block = bytesOf(TEXT);
  [head.targetStart, head.targetEnd] = [4, 5];
  [head.fieldsStart, head.fieldsEnd] = [16, TEXT.length];
  head.responseWindow = responseWindow;
  return head;
}

/** A ring, with both of its ends. */
function makeRing(): { writer: RingWriter; reader: RingReader } {
  const buffer = allocateRing(1_048_576);
  return { writer: new RingWriter(buffer, () => {}), reader: new RingReader(buffer, () => {}) };
}

Deno.test("a worker learns how much of a response it may send", () => {
  for (const window of [262_144, 4_096, 1]) {
    const { writer, reader } = makeRing();
    writeRequest(writer, 1, headWith(window));
    writer.publish();
    const windows: number[] = [];
    reader.drain((frame) => windows.push(readRequest(frame).responseWindow));
    assertEquals(windows, [window]);
  }
});

Deno.test("a response that comes whole is held to its window, too", () => {
  const respond = (window: number, bytes: number): string => {
    const { writer, reader } = makeRing();
    let sent = "nothing";
    const exchange = {
      head: headWith(window),
      receiver: NOBODY,
      reportSent: false,
      respond: (_head, body) => sent = `${body?.length} bytes`,
    } as Partial<Exchange> as Exchange;
    const worker = {
      completed: (head) => head,
      onEnded() {},
      forget() {},
    } as Partial<ExchangeWorker> as ExchangeWorker;
    const forwarded = new ForwardedExchange(worker, 1, exchange);
    const head = { status: 200, fieldLines: "", bodyLength: WHOLE_BODY };
    writeResponse(writer, 1, 0, head, new Uint8Array(bytes));
    writer.publish();
    reader.drain((frame) => forwarded.onResponse(frame));
    return sent;
  };
  assertEquals(respond(262_144, 65_536), "65536 bytes");
  assertEquals(respond(4_096, 4_096), "4096 bytes");
  assertThrows(() => respond(4_096, 4_097), RingError, "more of a body than there was credit for");
});
