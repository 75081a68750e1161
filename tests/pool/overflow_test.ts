/** A worker that reads nothing, while clients come and go. */
import { BODY_WINDOW_BYTES } from "../../src/message/exchange.ts";
import { GatewayPort, MAX_OVERFLOW_BYTES } from "../../src/pool/gateway_port.ts";
import { REQUEST } from "../../src/ring/frames.ts";
import { RingReader } from "../../src/ring/ring.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";

const RING_BYTES = 1_048_576;
const HEAD_BYTES = 65_536;
const TARGET = `/${"x".repeat(HEAD_BYTES)}`;

function makePort(log: string[]): GatewayPort {
  const options = { name: "worker 1", ringBytes: RING_BYTES, fieldLine: "x-worker: 1\r\n" };
  const owner = {
    ring() {},
    onFrame() {},
    onBroken(error: unknown) {
      throw error;
    },
  };
  return new GatewayPort(options, owner, (level, line) => log.push(`${level}: ${line}`));
}

Deno.test("bodies of requests that are open count by their windows", () => {
  const port = makePort([]);
  const piece = new Uint8Array(BODY_WINDOW_BYTES);
  // Not every endpoint holds bodies back while the ring is full.
  const count = 2 * MAX_OVERFLOW_BYTES / BODY_WINDOW_BYTES;
  const uploads: CheckedExchange[] = [];
  for (let i = 0; i < count; i++) {
    const head = headOf("/", { method: "POST", bodyLength: BODY_WINDOW_BYTES });
    const upload = new CheckedExchange(head);
    port.handle(upload);
    upload.deliver(piece);
    port.exchangeFrames();
    assertEquals(upload.status, 0);
    uploads.push(upload);
  }
  assertEquals(port.inFlight, count);
  for (const { receiver } of uploads) receiver.onAbort("client-gone");
  const late = new CheckedExchange(headOf("/"));
  port.handle(late);
  assertEquals(late.status, 503, "those that have gone count in full");
});

Deno.test("requests of clients that have gone fill no memory while their worker reads nothing", () => {
  const log: string[] = [];
  const port = makePort(log);
  const ask = (): number => {
    const exchange = new CheckedExchange(headOf(TARGET));
    port.handle(exchange);
    port.exchangeFrames();
    if (!exchange.isOver) exchange.receiver.onAbort("client-gone");
    return exchange.status;
  };
  const most = (RING_BYTES + MAX_OVERFLOW_BYTES) / HEAD_BYTES;
  let given = 0;
  while (given <= most && ask() === 0) given++;
  assert(given > most * 0.9 && given <= most, `${given} requests were kept`);
  for (let i = 0; i < 100; i++) assertEquals(ask(), 503);
  assertEquals(log, [
    "warning: worker 1: requests get 503: it has not read 64 MiB of earlier ones",
  ]);
  assertEquals([port.inFlight, port.requestCount], [0, given]);

  let read = 0;
  const worker = new RingReader(port.toWorker, () => {});
  for (let turns = 0; read < given && turns < 1_000; turns++) {
    worker.drain((frame) => read += frame.kind === REQUEST ? 1 : 0);
    port.exchangeFrames();
  }
  assertEquals(read, given, "those that were given come in full");
  assertEquals(ask(), 0, "it is given requests again");
});
