/** A worker that reads nothing, while clients come and go. */
import { GatewayPort, MAX_OVERFLOW_BYTES } from "../../src/pool/gateway_port.ts";
import { REQUEST } from "../../src/ring/frames.ts";
import { RingReader } from "../../src/ring/ring.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";

const RING_BYTES = 1_048_576;
const HEAD_BYTES = 65_536;
const TARGET = `/${"x".repeat(HEAD_BYTES)}`;

Deno.test("requests of clients that have gone fill no memory while their worker reads nothing", () => {
  const log: string[] = [];
  const port = new GatewayPort(
    { name: "worker 1", ringBytes: RING_BYTES, fieldLine: "x-worker: 1\r\n" },
    {
      ring() {},
      onFrame() {},
      onBroken(error) {
        throw error;
      },
    },
    (level, line) => log.push(`${level}: ${line}`),
  );
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
