/** Exchanges that are observed, as their handlers and endpoints see them. */
import type {
  Exchange,
  ExchangeReceiver,
  ResponseHead,
  UpgradeHead,
} from "../../src/message/exchange.ts";
import { NO_ANSWER, NOBODY, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { ObservingHandler } from "../../src/observe/handler.ts";
import { TurnClock } from "../../src/observe/turn_clock.ts";
import type { RequestRecord } from "../../src/observe/request_record.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { headOf } from "../support/checked_exchange.ts";

const WHOLE: ResponseHead = { status: 200, fieldLines: "", bodyLength: WHOLE_BODY };
const STREAM: ResponseHead = { ...WHOLE, bodyLength: UNKNOWN_LENGTH };
const UPGRADE: UpgradeHead = {
  kind: "websocket",
  protocol: "websocket",
  fieldLines: "",
  idleTimeoutMs: 0,
};

/** An endpoint's side, of which the test is the endpoint. */
class Endpoint {
  readonly records: Partial<RequestRecord>[] = [];
  /** What the handler is told. */
  readonly told: string[] = [];
  readonly observing: ObservingHandler;
  /** The exchange as the handler has it. */
  handled!: Exchange;
  readonly inner: Exchange = {
    head: headOf("/"),
    receiver: NOBODY,
    reportSent: false,
    congested: false,
    ...{ grant() {}, grantData() {}, reportFault() {}, respond() {}, write() {}, inform() {} },
    ...{ end() {}, upgrade() {}, fail() {} },
  };

  constructor() {
    this.observing = new ObservingHandler({ handle: (exchange) => this.handled = exchange }, [{
      onEnd: ({ status, bytesOut, outcome, firstByteMs }) =>
        this.records.push({ status, bytesOut, outcome, firstByteMs: Math.min(firstByteMs, 0) }),
    }]);
    this.observing.handle(this.inner);
    this.handled.receiver = {
      ...NOBODY,
      onAbort: (reason) => this.told.push(reason),
      onSent: () => this.told.push("sent"),
    };
  }

  get receiver(): ExchangeReceiver {
    return this.inner.receiver;
  }
}

const GONE = { status: 0, bytesOut: 0, outcome: "client left", firstByteMs: -1 } as const;

/** What happens, what the record is, and what the handler is told. */
const CASES: Record<
  string,
  readonly [act: (endpoint: Endpoint) => void, record: Partial<RequestRecord>, told?: string[]]
> = {
  "the client leaves before it is answered": [
    ({ receiver }) => receiver.onAbort("client-gone"),
    GONE,
    ["client-gone"],
  ],
  "the gateway ends before it is answered": [
    ({ receiver }) => receiver.onAbort("shutdown"),
    { ...GONE, outcome: "cut off" },
    ["shutdown"],
  ],
  "the endpoint answers by itself": [
    ({ receiver }) => receiver.onAbort("timeout", { status: 504, message: "" }),
    { status: 504, bytesOut: "504 Gateway Timeout\n".length, outcome: "answered", firstByteMs: 0 },
    ["timeout"],
  ],
  "the head cannot be sent": [
    (endpoint) => {
      endpoint.inner.respond = () =>
        endpoint.receiver.onAbort("invalid-response", { status: 500, message: "" });
      endpoint.handled.respond(WHOLE, "hello");
    },
    {
      status: 500,
      bytesOut: "500 Internal Server Error\n".length,
      outcome: "answered",
      firstByteMs: 0,
    },
    ["invalid-response"],
  ],
  "the handler has said all, and asks nothing: it is told nothing": [
    ({ handled, receiver }) => {
      handled.respond(STREAM, null);
      handled.write(new Uint8Array(7));
      handled.end();
      receiver.onAbort("client-gone");
    },
    { status: 200, bytesOut: 7, outcome: "client left", firstByteMs: 0 },
  ],
  "the handler has said all, and asks what becomes of it": [
    ({ handled, receiver }) => {
      handled.reportSent = true;
      handled.respond(WHOLE, "hello");
      receiver.onAbort("client-gone");
    },
    { status: 200, bytesOut: 5, outcome: "client left", firstByteMs: 0 },
    ["client-gone"],
  ],
  "the response is sent, and the handler asks for that": [
    ({ handled, receiver }) => {
      handled.reportSent = true;
      handled.respond({ ...WHOLE, bodyLength: 5 }, new Uint8Array(2));
      handled.write(new Uint8Array(9));
      receiver.onSent();
    },
    { status: 200, bytesOut: 5, outcome: "answered", firstByteMs: 0 },
    ["sent"],
  ],
  "the handler gives up within its answer": [
    (endpoint) => {
      endpoint.handled.respond(STREAM, "abc");
      endpoint.inner.fail = () => endpoint.receiver.onAbort("client-gone");
      endpoint.handled.fail(502);
    },
    { status: 200, bytesOut: 3, outcome: "cut off", firstByteMs: 0 },
  ],
};

for (const [what, [act, record, told = []]] of Object.entries(CASES)) {
  Deno.test(`one record, and the handler knows what it would: ${what}`, () => {
    const endpoint = new Endpoint();
    const { observing } = endpoint;
    assertEquals([observing.inFlight, [...observing.underWay()].length], [1, 1]);
    act(endpoint);
    endpoint.receiver.onAbort("client-gone");
    assertEquals(endpoint.records, [record]);
    assertEquals(endpoint.told.slice(0, told.length), told);
    assertEquals([observing.inFlight, [...observing.underWay()].length], [0, 0]);
  });
}

Deno.test("an open socket keeps the memory of its own head, and of no others", () => {
  const { handled, inner: { head } } = new Endpoint();
  const other = new Endpoint().inner.head;
  assert(head.block === other.block);
  const texts = () =>
    [
      [head.targetStart, head.targetEnd],
      [head.authorityStart, head.authorityEnd],
      [head.fieldsStart, head.fieldsEnd],
      [head.paramsStart, head.paramsEnd],
      [head.idStart, head.idEnd],
    ].map(([start, end]) => new TextDecoder().decode(head.block.subarray(start, end)));
  const before = texts();
  assertEquals(before.slice(0, 3), ["/", "", "host: a\r\n"]);
  handled.upgrade(UPGRADE);
  assertEquals(texts(), before);
  assertEquals(head.block.buffer.byteLength, "/host: a\r\n".length);
});

Deno.test("requests under way are known in their order, whichever ends first", () => {
  const handled: Exchange[] = [];
  const observing = new ObservingHandler({ handle: (exchange) => handled.push(exchange) }, []);
  for (let i = 0; i < 4; i++) observing.handle({ ...new Endpoint().inner, head: headOf(`/${i}`) });
  const targets = () =>
    [...observing.underWay()].map(({ head }) =>
      new TextDecoder().decode(head.block.subarray(head.targetStart, head.targetEnd))
    );
  assertEquals(targets(), ["/3", "/2", "/1", "/0"]);
  for (const [i, left] of [[1, "/3/2/0"], [3, "/2/0"], [0, "/2"], [2, ""]] as const) {
    handled[i].respond(WHOLE, "");
    assertEquals(targets().join(""), left);
  }
  assertEquals(observing.inFlight, 0);
});

Deno.test("an app on the gateway's thread is charged the time until its turn ends, when answers are sent", async () => {
  const records: Partial<RequestRecord>[] = [];
  const observing = new ObservingHandler({
    handle(exchange) {
      exchange.onGiven!({ worker: 0, generation: 0 });
      const end = performance.now() + 3;
      while (performance.now() < end);
      exchange.respond(WHOLE, "");
    },
  }, [{
    onEnd: ({ durationMs, firstByteMs }) => records.push({ durationMs, firstByteMs }),
  }]);
  for (let i = 0; i < 2; i++) observing.handle({ ...new Endpoint().inner });
  assertEquals([records.length, observing.inFlight], [0, 2]);
  await Promise.resolve();
  assertEquals([records.length, observing.inFlight], [2, 0]);
  for (const { durationMs, firstByteMs } of records) {
    assert(durationMs! >= 6);
    assertEquals(firstByteMs, durationMs);
  }
});

Deno.test("an answer that has been given whole counts once, whatever comes before its turn ends", async () => {
  for (const then of ["fail", "abort", "respond"] as const) {
    const records: Partial<RequestRecord>[] = [];
    const { inner } = new Endpoint();
    const observing = new ObservingHandler({
      handle(exchange) {
        exchange.onGiven!({ worker: 0, generation: 0 });
        exchange.respond(WHOLE, "");
        if (then === "fail") exchange.fail(500);
        else if (then === "respond") exchange.respond({ ...WHOLE, status: 404 }, "");
      },
    }, [{ onEnd: ({ status, outcome }) => records.push({ status, outcome }) }]);
    observing.handle(inner);
    if (then === "abort") inner.receiver.onAbort("client-gone");
    await Promise.resolve();
    assertEquals(records, [{ status: 200, outcome: "answered" }], then);
  }
});

Deno.test("the clock stands still within a turn, and goes on in the next", async () => {
  const clock = new TurnClock();
  const first = clock.now();
  while (performance.now() <= first);
  assertEquals(clock.now(), first);
  const anew = clock.readAnew();
  assert(anew > first);
  assertEquals(clock.now(), anew);
  await Promise.resolve();
  while (performance.now() <= anew);
  assert(clock.now() > anew);
});

Deno.test("a request without an answer has the status that its front server is told instead", () => {
  const statuses: unknown[] = [];
  const observing = new ObservingHandler({ handle: (exchange) => exchange.fail(NO_ANSWER) }, [{
    onEnd: ({ status, bytesOut, outcome }) => statuses.push([status, bytesOut, outcome]),
  }]);
  observing.handle({ ...new Endpoint().inner, noAnswerStatus: 502 });
  observing.handle({ ...new Endpoint().inner });
  assertEquals(statuses, [[502, "502 Bad Gateway\n".length, "answered"], [0, 0, "cut off"]]);
});

Deno.test("patient observers are told of requests in their order: when there are many, when asked, at the end", () => {
  const told: string[] = [];
  const kept: RequestRecord[] = [];
  const observing = new ObservingHandler(
    { handle: (exchange) => exchange.respond(WHOLE, "") },
    [
      { onEnd: () => told.push("prompt") },
      {
        isPatient: true,
        onEnd(record) {
          kept.push(record);
          told.push(record.target);
        },
      },
    ],
  );
  const ask = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      observing.handle({ ...new Endpoint().inner, head: headOf(`/${i}`) });
    }
  };
  const targets = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `/${from + i}`);
  ask(0, 2);
  assertEquals(told.splice(0), ["prompt", "prompt"]);
  observing.settle();
  assertEquals(told.splice(0), targets(0, 2));
  assertEquals(kept.map(({ target }) => target), ["", ""], "records let go of their heads");
  observing.settle();
  assertEquals(told, []);
  ask(2, 200);
  const many = told.splice(0).filter((each) => each !== "prompt");
  assertEquals(many, targets(2, 2 + many.length));
  assert(many.length >= 100, "no more wait than a few");
  observing[Symbol.dispose]();
  assertEquals(told.splice(0), targets(2 + many.length, 200));
  ask(200, 201);
  assertEquals(told, ["prompt", "/200"], "nobody waits after the end");
});

Deno.test("patient observers are told after a moment, and of the pause after that", async () => {
  const told: string[] = [];
  const pause = Promise.withResolvers<void>();
  const observing = new ObservingHandler(
    { handle: (exchange) => exchange.respond(WHOLE, "") },
    [{
      isPatient: true,
      onEnd: ({ target }) => told.push(target),
      onPause: () => pause.resolve(),
    }],
  );
  observing.handle({ ...new Endpoint().inner, head: headOf("/a") });
  assertEquals(told, []);
  await pause.promise;
  assertEquals(told, ["/a"]);
});

Deno.test("patient observers are told of what was refused, whatever its buffer has by then", () => {
  const told: string[] = [];
  const observing = new ObservingHandler({ handle() {} }, [{
    isPatient: true,
    onEnd: ({ target, status }) => told.push(`${target} ${status}`),
  }]);
  const head = headOf("/refused");
  const borrowed = head.block = head.block.slice();
  observing.onRefused(head, { status: 400, bodyBytes: 0, durationMs: 0 });
  borrowed.fill(0);
  observing[Symbol.dispose]();
  assertEquals(told, ["/refused 400"]);
});
