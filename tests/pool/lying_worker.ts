/** A worker that takes requests and forges what it sends: see lying_worker_test.ts. */
import * as frames from "../../src/ring/frames.ts";
import { readRequest } from "../../src/ring/request_frames.ts";
import { writeResponse } from "../../src/ring/response_frames.ts";
import { GATEWAY_BELL } from "../../src/worker/protocol.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { Bell } from "../../src/ring/bell.ts";
import {
  DETACH,
  FOLLOW,
  PUBLISH,
  READ,
  SEND,
  signalRecord,
  WATCH,
  WOKEN,
} from "../../src/signals/records.ts";
import { RingReader, RingWriter } from "../../src/ring/ring.ts";

interface Scope {
  readonly name: string;
  postMessage(message: unknown, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}
const scope = globalThis as unknown as Scope;
const HEADERS = "content-type: text/plain\r\n";
const CONTROL_BYTES = 256;
/** The control word that says that a writer waits for room. */
const BLOCKED = 48;

/** What a forgery can lay its hands on. */
interface Hands {
  readonly id: number;
  readonly writer: RingWriter;
  readonly control: Int32Array;
  readonly words: Uint32Array;
  readonly gatewayBell: Bell;
  publish(): void;
}

/** Sends a response head, right but for what `head` says. */
function respond(
  { writer, id }: Hands,
  head: { status?: number; fieldLines?: string; bodyLength?: number },
  body: string | null = null,
): void {
  const { status = 200, fieldLines = HEADERS, bodyLength = UNKNOWN_LENGTH } = head;
  writeResponse(writer, id, 0, { status, fieldLines, bodyLength }, body);
}

function random(max: number): number {
  return Math.floor(Math.random() * max);
}

/** Writes a frame header by hand. */
function raw(
  { writer }: Hands,
  kind: number,
  id: number,
  value: number,
  payload: Uint8Array,
): void {
  writer.write(kind, random(256), id, value, payload);
}

/** Says that it is at `position`, and gives the gateway time to see it. */
function lieAboutPosition({ control }: Hands, position: number): void {
  Atomics.store(control, 0, position);
  scope.postMessage(0);
  Atomics.wait(control, 63, 0, 200);
}

/** Does `write` more often than any worker needs to, and lets the gateway read. */
function flood({ publish }: Hands, write: () => void): void {
  for (let i = 0; i < 1_000_000; i++) {
    write();
    if (i % 1_000 === 0) publish();
  }
}

/**
 * Does `step` for longer than it takes to end a worker, and not for ever: some versions of Deno cannot stop
 * a busy thread, and this one would take processor and memory from the tests that follow.
 */
function whileEnding(step: () => void): void {
  const until = performance.now() + 5_000;
  while (performance.now() < until) step();
}

const IMPORT = { specifier: "data:text/javascript,0", referrer: "https://a/", type: "" };

const forgeries: Record<string, (hands: Hands) => void> = {
  "random frames": (hands) => {
    for (let i = 0; i < 2_000; i++) {
      const payload = crypto.getRandomValues(new Uint8Array(random(200)));
      raw(hands, random(256), [0, hands.id, random(2 ** 32)][random(3)], random(2 ** 32), payload);
    }
  },
  "every kind for its request": (hands) => {
    for (let kind = 1; kind < 30; kind++) {
      raw(hands, kind, hands.id, random(1000), new Uint8Array(32));
    }
  },
  "a record of signals that is none": (hands) =>
    raw(hands, frames.SIGNAL_RECORD, 0, 0, new Uint8Array(12)),
  "a record of signals of an unknown kind": (hands) =>
    raw(hands, frames.SIGNAL_RECORD, 0, 0, signalRecord(99)),
  "a record of signals with a name beyond its end": (hands) =>
    raw(hands, frames.SIGNAL_RECORD, 0, 0, new Uint8Array(13).fill(255)),
  "a record of signals longer than there may be": (hands) => {
    const payload = new Uint8Array(131_072);
    raw(hands, frames.SIGNAL_RECORD, 0, 0, signalRecord(SEND, { name: "n", payload }));
  },
  "the end of its signals": (hands) => raw(hands, frames.SIGNAL_RECORD, 0, 0, signalRecord(DETACH)),
  "names of signals without end": (hands) => {
    respond(hands, { bodyLength: WHOLE_BODY }, "answered");
    for (let i = 0; i < 300_000; i++) {
      raw(hands, frames.SIGNAL_RECORD, 0, 0, signalRecord(WATCH, { name: `${i}` }));
      if (i % 1_000 === 0) hands.publish();
    }
  },
  "answers to signals that it was not given": (hands) => {
    respond(hands, { bodyLength: WHOLE_BODY }, "answered");
    for (let id = 0; id < 1_000; id++) {
      raw(hands, frames.SIGNAL_RECORD, 0, 0, signalRecord(WOKEN, { id, number: 0xffff_ffff }));
    }
  },
  "events, and questions for them, without end": (hands) => {
    respond(hands, { bodyLength: WHOLE_BODY }, "answered");
    const payload = new Uint8Array(65_536);
    raw(hands, frames.SIGNAL_RECORD, 0, 0, signalRecord(FOLLOW, { name: "n" }));
    for (let id = 0; id < 20_000; id++) {
      const record = id < 50
        ? signalRecord(PUBLISH, { id, name: "n", payload })
        : signalRecord(READ, { id, name: "n", event: "0" });
      raw(hands, frames.SIGNAL_RECORD, 0, 0, record);
      if (id % 1_000 === 0) hands.publish();
    }
  },
  "an unknown kind": (hands) => raw(hands, 200, hands.id, 0, new Uint8Array(0)),
  "a position beyond the ring": (hands) => lieAboutPosition(hands, 0x7fff_ffff),
  "a position before the start": (hands) => lieAboutPosition(hands, -5),
  "a frame longer than the ring": (hands) => {
    raw(hands, frames.BODY, hands.id, 0, new Uint8Array(8));
    hands.words[hands.writer.at / 4 - 2] = 0xffff_fff0;
  },
  "a response shorter than it says": (hands) => {
    raw(hands, frames.RESPONSE, hands.id, 200, new Uint8Array(16).fill(0xff));
  },
  "an empty response frame": (hands) =>
    raw(hands, frames.RESPONSE, hands.id, 200, new Uint8Array(0)),
  "a second response": (hands) => {
    respond(hands, {});
    respond(hands, {});
  },
  "a body before its response": (hands) => raw(hands, frames.BODY, hands.id, 0, new Uint8Array(8)),
  "an end before its response": (hands) => raw(hands, frames.END, hands.id, 0, new Uint8Array(0)),
  "a body longer than announced": (hands) => {
    respond(hands, { bodyLength: 3 });
    raw(hands, frames.BODY, hands.id, 0, new Uint8Array(8));
  },
  "a body without credit": (hands) => {
    respond(hands, {});
    for (let i = 0; i < 6; i++) {
      frames.writeBody(hands.writer, frames.BODY, hands.id, new Uint8Array(65_536));
    }
  },
  "a body of nothing": (hands) => {
    respond(hands, {});
    raw(hands, frames.BODY, hands.id, 0, new Uint8Array(0));
  },
  "a body of more than a frame": (hands) => {
    respond(hands, {});
    raw(hands, frames.BODY, hands.id, 0, new Uint8Array(65_537));
  },
  "a response of more than a frame": (hands) =>
    respond(hands, { bodyLength: WHOLE_BODY }, "x".repeat(65_537)),
  "a body for no request": (hands) => raw(hands, frames.BODY, 0, 0, new Uint8Array(8)),
  "credit of nothing without end": (hands) =>
    flood(hands, () => frames.writeSignal(hands.writer, frames.CREDIT, hands.id, 0)),
  "log lines beyond all limits": (hands) =>
    flood(hands, () => frames.writeText(hands.writer, frames.LOG, 0, 0, "")),
  "faults beyond all limits": (hands) =>
    flood(hands, () => frames.writeText(hands.writer, frames.FAULT, hands.id, 0, "")),
  "frames for requests that it has answered": (hands) => {
    respond(hands, { bodyLength: WHOLE_BODY }, "answered");
    for (let i = 0; i < 5_000; i++) raw(hands, frames.BODY, hands.id, 0, new Uint8Array(8));
  },
  "frames without end for a request that it has answered": (hands) => {
    respond(hands, { bodyLength: WHOLE_BODY }, "answered");
    flood(hands, () => frames.writeSignal(hands.writer, frames.END, hands.id, 0));
  },
  "a subscription of what is no socket": (hands) =>
    raw(hands, frames.SUBSCRIBE, hands.id, 0, new Uint8Array([97])),
  "the end of a subscription of what is no socket": (hands) =>
    raw(hands, frames.UNSUBSCRIBE, hands.id, 0, new Uint8Array([97])),
  "a socket to keep, and nothing of it": ({ writer, id }) =>
    frames.writeFieldLines(writer, frames.UPGRADE, id, 0, "websocket\r\n", frames.KEPT),
  "more to keep of a socket than there may be": (hands) =>
    raw(hands, frames.KEEP, hands.id, 0, new Uint8Array(80_000)),
  "something to keep of a response": (hands) => {
    respond(hands, {});
    raw(hands, frames.KEEP, hands.id, 0, new Uint8Array(8));
  },
  "a socket to keep that nobody asked for": ({ writer, id }) => {
    writer.write(frames.KEEP, 0, id, 0, new Uint8Array(8));
    frames.writeFieldLines(writer, frames.UPGRADE, id, 0, "websocket\r\n", frames.KEPT);
    writer.write(frames.SUBSCRIBE, 0, id, 0, new Uint8Array([97]));
    writer.write(frames.KEEP, frames.HANDED_BACK, id, 0, new Uint8Array(8));
  },
  "a message to a topic that goes on with none": ({ writer }) =>
    writer.write(frames.PUBLISH, frames.GOES_ON, 0, 0, new Uint8Array(8)),
  "a message to a topic that ends before its name": ({ writer }) =>
    writer.write(frames.PUBLISH, 0, 0, 0, new Uint8Array([200, 0, 97])),
  "a message to a topic without a name": ({ writer }) =>
    writer.write(frames.PUBLISH, 0, 0, 0, new Uint8Array(1)),
  "a longer topic than there may be": ({ writer }) =>
    writer.write(frames.PUBLISH, 0, 0, 0, new Uint8Array(600).fill(1)),
  "a message to a topic that never ends": ({ writer }) => {
    const part = new Uint8Array(65_536);
    writer.write(frames.PUBLISH, frames.MORE, 0, 0, new Uint8Array([1, 0, 97, ...part]));
    for (let i = 0; i < 300; i++) {
      writer.write(frames.PUBLISH, frames.MORE | frames.GOES_ON, 0, 0, part);
    }
  },
  "a message to a topic in parts of nothing": ({ writer }) =>
    writer.write(frames.PUBLISH, frames.MORE, 0, 0, new Uint8Array([1, 0, 97])),
  "a socket to keep that is no WebSocket": ({ writer, id }) => {
    writer.write(frames.KEEP, 0, id, 0, new Uint8Array(8));
    const flags = frames.KEPT | frames.OF_BYTES;
    frames.writeFieldLines(writer, frames.UPGRADE, id, 0, "websocket\r\n", flags);
  },
  "a message to a topic of no app": (hands) => {
    hands.writer.write(frames.PUBLISH, 0, 0, 77, new Uint8Array([1, 0, 97, 98]));
    respond(hands, { bodyLength: WHOLE_BODY }, "answered");
  },
  "credit for what never came": (hands) => {
    frames.writeSignal(hands.writer, frames.CREDIT, hands.id, 0xffff_ffff);
  },
  "credit for a file that never came": (hands) => {
    frames.writeSignal(hands.writer, frames.CREDIT, hands.id, 1, frames.OF_DATA);
  },
  "a failure with an unknown status": (hands) => {
    frames.writeSignal(hands.writer, frames.FAIL, hands.id, 200);
  },
  "an interim response with an unknown status": ({ writer, id }) => {
    frames.writeFieldLines(writer, frames.INTERIM, id, 101, "");
  },
  "endless interim responses": ({ writer, id }) => {
    for (let i = 0; i < 2_000; i++) frames.writeFieldLines(writer, frames.INTERIM, id, 102, "");
  },
  "a larger interim response than there may be": ({ writer, id }) => {
    frames.writeFieldLines(writer, frames.INTERIM, id, 103, `a: ${"b".repeat(65_536)}\r\n`);
  },
  "more trailers than there may be": (hands) => {
    respond(hands, {});
    frames.writeFieldLines(hands.writer, frames.END, hands.id, 0, `a: ${"b".repeat(65_536)}\r\n`);
  },
  "a reason phrase of more than a line": ({ writer, id }) => {
    const head = { status: 200, fieldLines: HEADERS, bodyLength: UNKNOWN_LENGTH };
    writeResponse(writer, id, 0, { ...head, reason: "a".repeat(4_096) }, null);
  },
  "an end of work that nobody asked for": ({ writer }) => {
    frames.writeSignal(writer, frames.DRAINED, 0, 0);
  },
  "a sign of life that nobody asked for": ({ writer }) => {
    frames.writeSignal(writer, frames.PONG, 0, 1);
  },
  "doorbells without end": () => {
    for (let i = 0; i < 30_000; i++) scope.postMessage(0);
  },
  "a bell that never falls silent": ({ gatewayBell }) => {
    // Without a bell it posts, as honest workers do.
    whileEnding(() => {
      if (!gatewayBell.ring()) scope.postMessage(0);
    });
  },
  "a sleep that it does not sleep": (hands) => {
    const { writer, id, control, publish } = hands;
    respond(hands, { bodyLength: WHOLE_BODY }, "answered");
    // It claims to wait for room all the time, and does not listen to what it is rung for.
    whileEnding(() => {
      frames.writeSignal(writer, frames.END, id, 0);
      publish();
      Atomics.store(control, BLOCKED, 1);
      if (writer.overflowBytes === 0) scope.postMessage(0);
    });
  },
  "a flood of unknown messages": () => {
    for (let i = 0; i < 10_000; i++) scope.postMessage({ kind: "what", i });
  },
  "a huge message": () => scope.postMessage("x".repeat(50_000_000)),
  "no message at all": () => scope.postMessage(null),
  "a message that is no text where text is due": () =>
    scope.postMessage({ kind: "closed", by: { toString: 1, valueOf: 1 } }),
  "a failure that is none": () =>
    scope.postMessage({
      kind: "failed",
      url: { toString: 1 },
      message: { toString: 1, valueOf: 1 },
    }),
  "imports that are none": () => scope.postMessage({ kind: "import", id: {}, request: null }),
  "an import with a number": () =>
    scope.postMessage({ kind: "import", id: 1, request: { specifier: 1, referrer: 2, type: 3 } }),
  "ready twice": () => scope.postMessage({ kind: "ready" }),
  "a deep message": () => {
    let deep: unknown = 1;
    for (let i = 0; i < 2_000; i++) deep = [deep];
    scope.postMessage({ kind: "loaded", url: deep });
  },
  "a message with ports": () => {
    const { port1 } = new MessageChannel();
    scope.postMessage({ kind: "import", id: 1, request: IMPORT }, [port1]);
  },
  "word of modules that it did not load": () => scope.postMessage({ kind: "loaded", url: "x" }),
  "a fence that nobody sent": () => scope.postMessage(1),
  "more imports than it may wait for": () => {
    for (let id = 0; id < 1_000; id++) scope.postMessage({ kind: "import", id, request: IMPORT });
  },
  "longer imports than it may wait for": () => {
    const specifier = `data:text/javascript,${"0".repeat(9_000_000)}`;
    const request = { ...IMPORT, specifier };
    for (let id = 0; id < 3; id++) scope.postMessage({ kind: "import", id, request });
  },
  "an import of a type that is none": () =>
    scope.postMessage({ kind: "import", id: 1, request: { ...IMPORT, type: "json https://b/" } }),
  "a length beyond numbers": (hands) => respond(hands, { bodyLength: 2 ** 60 }),
  "a length of no known kind": (hands) => respond(hands, { bodyLength: -3 }),
  // These are harmless, or only the request's own loss.
  "a status that is none": (hands) => respond(hands, { status: 99, bodyLength: WHOLE_BODY }, "x"),
  "field lines with a line end within": (hands) =>
    respond(hands, {
      fieldLines: "a: b\nx-evil: 1\r\n\r\nHTTP/1.1 200 OK\r\n",
      bodyLength: WHOLE_BODY,
    }, "x"),
  "field lines that are not": (hands) =>
    respond(hands, { fieldLines: "no colon here\r\n", bodyLength: WHOLE_BODY }, "x"),
  "very many field lines": (hands) =>
    respond(hands, { fieldLines: "a: b\r\n".repeat(40_000), bodyLength: WHOLE_BODY }, "x"),
  "a content-length that lies": (hands) =>
    respond(
      hands,
      { fieldLines: "content-length: 5\r\n", bodyLength: WHOLE_BODY },
      "longer than five",
    ),
  "transfer-encoding of its own": (hands) =>
    respond(
      hands,
      { fieldLines: "transfer-encoding: chunked\r\n", bodyLength: WHOLE_BODY },
      "0\r\n\r\n",
    ),
  "log lines without end": (hands) => {
    for (let i = 0; i < 20_000; i++) frames.writeText(hands.writer, frames.LOG, 0, 9, "spam");
    hands.publish();
    respond(hands, { bodyLength: WHOLE_BODY }, "logged");
  },
  "frames for others": (hands) => {
    for (let i = 0; i < 5_000; i++) {
      raw(hands, frames.BODY, hands.id + 1 + i, 0, new Uint8Array(8));
    }
    respond(hands, { bodyLength: WHOLE_BODY }, "harmless");
  },
  "frames that never stop": ({ writer }) => {
    const until = performance.now() + 1_000;
    while (performance.now() < until) {
      for (let i = 0; i < 100 && writer.overflowBytes === 0; i++) {
        frames.writeSignal(writer, frames.SENT, 0xfffe, 0);
      }
      writer.publish();
    }
  },
};

let onDoorbell = () => {};

scope.onmessage = (event) => {
  if (event.data === 0) return onDoorbell();
  const { toWorker, toGateway, bells } = event.data;
  const ring = () => scope.postMessage(0);
  const reader = new RingReader(toWorker, ring);
  const writer = new RingWriter(toGateway, ring);
  const hands = {
    writer,
    control: new Int32Array(toGateway, 0, CONTROL_BYTES / 4),
    words: new Uint32Array(toGateway, CONTROL_BYTES),
    gatewayBell: new Bell(bells, GATEWAY_BELL),
    publish: () => writer.publish(),
  };
  onDoorbell = () => {
    reader.drain((frame) => {
      if (frame.kind !== frames.REQUEST) return;
      const { targetStart, targetEnd, block } = readRequest(frame);
      const path = new TextDecoder().decode(block.slice(targetStart, targetEnd));
      const name = decodeURIComponent(path.slice(1));
      const { id } = frame;
      if (name in forgeries) forgeries[name]({ ...hands, id });
      else respond({ ...hands, id }, { bodyLength: WHOLE_BODY }, "honest");
    });
    writer.publish();
  };
  onDoorbell();
  scope.postMessage({ kind: "ready" });
};
