import { assertEquals } from "../support/assert.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";
import { GatewayPort } from "../../src/pool/gateway_port.ts";
import { REQUEST } from "../../src/ring/frames.ts";
import { RingReader } from "../../src/ring/ring.ts";

/** A port to a worker that sleeps, how often that was rung, and its end of the ring. */
function asleep(): { port: GatewayPort; rings: () => number; requests: () => number } {
  let rings = 0;
  const owner = {
    ring: () => rings++,
    onFrame() {},
    onBroken: (error: unknown) => {
      throw error;
    },
  };
  const port = new GatewayPort({ name: "worker 1", ringBytes: 65_536 }, owner, () => {});
  const reader = new RingReader(port.toWorker, () => {});
  const requests = () => {
    let count = 0;
    reader.drain(({ kind }) => kind === REQUEST && count++);
    return count;
  };
  return { port, rings: () => rings, requests };
}

function give(port: GatewayPort, count: number): void {
  for (let i = 0; i < count; i++) port.handle(new CheckedExchange(headOf("/")));
}

/** Lets what is due at the end of this turn be done, but nothing later. */
const endOfTurn = () => new Promise<void>((resolve) => queueMicrotask(resolve));
/** Two of them: older versions of Deno do what is due at once after the next thing that happens. */
const nextTurns = async () => {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setTimeout(resolve, 5));
};

// How many come at once, and how often the worker was rung in their turn, and soon after.
const cases = [[1, 1, 1], [3, 1, 1], [4, 0, 1], [16, 0, 1], [17, 1, 1], [400, 1, 1]];
for (const [count, atOnce, soon] of cases) {
  Deno.test(`a worker that sleeps is rung once for ${count} requests that come at once`, async () => {
    const { port, rings, requests } = asleep();
    give(port, count);
    await endOfTurn();
    assertEquals(rings(), atOnce);
    await nextTurns();
    assertEquals([rings(), requests()], [soon, count]);
    port.end(502);
  });
}

Deno.test("a worker is let see some of many requests while the others are written", () => {
  const { port, rings, requests } = asleep();
  give(port, 16);
  assertEquals([rings(), requests()], [0, 0]);
  give(port, 1);
  assertEquals([rings(), requests()], [1, 16]);
  give(port, 16);
  assertEquals(requests(), 16);
  port.end(502);
});

Deno.test("a worker that has ended is not rung any more", async () => {
  const { port, rings } = asleep();
  give(port, 8);
  await endOfTurn();
  port.end(502);
  await nextTurns();
  assertEquals(rings(), 0);
});

Deno.test("a request that comes after the end of its worker fails as the others did", () => {
  const { port } = asleep();
  port.end(504);
  const exchange = new CheckedExchange(headOf("/"));
  port.handle(exchange);
  assertEquals(exchange.status, 504);
});
