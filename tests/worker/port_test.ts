import { assert, assertEquals } from "../support/assert.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";
import type { Exchange, Peer } from "../../src/message/exchange.ts";
import { WHOLE_BODY } from "../../src/message/exchange.ts";
import { GatewayPort } from "../../src/pool/gateway_port.ts";
import { RingReader, RingWriter } from "../../src/ring/ring.ts";
import { WorkerPort } from "../../src/worker/port.ts";

const ADDRESS = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
const FASTCGI: Peer = {
  endpoint: "fastcgi",
  scheme: "http",
  remoteAddr: ADDRESS,
  localAddr: ADDRESS,
};

/** Both ends of two rings, on one thread. A worker that breaks the rules fails the test. */
function connected(onRequest: (exchange: Exchange, worker: WorkerPort) => void) {
  const counted = { frames: 0, lines: 0 };
  const gateway = new GatewayPort({ name: "worker 1", ringBytes: 1 << 20 }, {
    ring() {},
    onFrame: () => counted.frames++,
    onBroken(error) {
      throw error;
    },
  }, () => counted.lines++);
  const worker = new WorkerPort(
    new RingReader(gateway.toWorker, () => {}),
    new RingWriter(gateway.toGateway, () => {}),
    () => 0,
  );
  worker.start({ handle: (exchange) => onRequest(exchange, worker), adopt() {} }, () => {});
  return {
    counted,
    ask(): CheckedExchange {
      const exchange = new CheckedExchange(headOf("/", { peer: FASTCGI }));
      gateway.handle(exchange);
      gateway.exchangeFrames();
      for (let i = 0; i < 1_000 && !exchange.isOver; i++) {
        worker.onDoorbell();
        gateway.exchangeFrames();
      }
      return exchange;
    },
  };
}

const TALKATIVE = 300_000;
const DONE = { status: 200, fieldLines: "", bodyLength: WHOLE_BODY };

Deno.test("an app that reports faults without end is not taken for hostile", () => {
  for (const text of ["", "a fault", "x".repeat(1_000)]) {
    const { ask, counted } = connected((exchange) => {
      for (let i = 0; i < TALKATIVE; i++) exchange.reportFault(text);
      exchange.respond(DONE, text);
    });
    const { status, body, isOver } = ask();
    assertEquals([status, body, isOver], [200, text, true]);
    assert(counted.frames <= 16_387, `${counted.frames} frames`);
  }
});

Deno.test("an app whose errors fill the log is not taken for hostile", () => {
  const { ask, counted } = connected((exchange, worker) => {
    for (let i = 0; i < TALKATIVE; i++) worker.log("error", `failure ${i}`);
    exchange.respond(DONE, "answered");
  });
  assertEquals(ask().body, "answered");
  assert(counted.frames <= TALKATIVE / 2 && counted.lines < 10_000, JSON.stringify(counted));
});
