import { assert, assertEquals } from "../support/assert.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually, sent } from "../support/zmq.ts";
import { ZmqContext } from "../../src/zmq/socket.ts";
import type { ZmqSocket } from "../../src/zmq/socket.ts";
import { SocketWatch } from "../../src/zmq/socket_watch.ts";

const ignore = libzmqIsMissing();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function test(name: string, fn: (context: ZmqContext) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using context = new ZmqContext();
      await fn(context);
    },
  });
}

/** A socket that listens, and another context's that is connected to it. */
function pairOf(
  context: ZmqContext,
  other: ZmqContext,
  types: readonly ["pull" | "router", "push" | "dealer"],
): [here: ZmqSocket, there: ZmqSocket] {
  const here = context.socket(types[0]);
  here.bind("tcp://127.0.0.1:*");
  const there = other.socket(types[1]);
  there.connect(String(here.getOption("lastEndpoint")));
  return [here, there];
}

function taken(socket: ZmqSocket): string[] {
  const texts: string[] = [];
  for (let part = socket.receivePart(); part !== null; part = socket.receivePart()) {
    texts.push(decoder.decode(part));
  }
  return texts;
}

test("a watch ends when any of its sockets has a message, whichever it is", async (context) => {
  await using other = new ZmqContext();
  const pairs = [0, 1, 2].map(() => pairOf(context, other, ["pull", "push"]));
  await using watch = new SocketWatch(context, pairs.map(([here]) => here));
  for (let i = 0; i < 30; i++) {
    const [here, there] = pairs[i % 3];
    assertEquals(pairs.flatMap(([each]) => taken(each)), []);
    const waiting = watch.wait();
    await sent(there, encoder.encode(`message ${i}`));
    const texts: string[] = [];
    await waiting;
    await eventually(async () => {
      texts.push(...taken(here));
      if (texts.length === 0) await watch.wait();
      return texts.length > 0;
    });
    assertEquals(texts, [`message ${i}`]);
  }
});

test("a socket is used while it is watched, and no message is missed over that", async (context) => {
  await using other = new ZmqContext();
  const [router, dealer] = pairOf(context, other, ["router", "dealer"]);
  await using watch = new SocketWatch(context, [router]);
  await sent(dealer, encoder.encode("hello"));
  let identity: Uint8Array | null = null;
  const echoed: string[] = [];
  const look = () => {
    for (let parts = router.receive(); parts !== null; parts = router.receive()) {
      identity = parts[0];
      echoed.push(decoder.decode(parts[1]));
    }
  };
  look();
  while (identity === null) {
    await watch.wait();
    look();
  }
  const answers: string[] = [];
  for (let i = 0; i < 300; i++) {
    // The wait goes on while this is sent, and answered.
    const waiting = watch.wait();
    assert(router.send([identity, encoder.encode(`to ${i}`)]));
    look();
    await sent(dealer, encoder.encode(`from ${i}`));
    while (echoed.at(-1) !== `from ${i}`) {
      await watch.wait();
      look();
    }
    await Promise.race([waiting, watch.interrupt()]);
    await eventually(() => {
      answers.push(...taken(dealer));
      return answers.length === i + 1;
    });
  }
  assertEquals(answers, Array.from({ length: 300 }, (_, i) => `to ${i}`));
});

test("a wait ends after its time, and by an interrupt, which the next one knows nothing of", async (context) => {
  const pull = context.socket("pull");
  await using watch = new SocketWatch(context, [pull]);
  await watch.wait(1);
  const waiting = watch.wait();
  assertEquals(watch.wait(), waiting);
  await watch.interrupt();
  await waiting;
  let hasEnded = false;
  const next = watch.wait().then(() => hasEnded = true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert(!hasEnded);
  await watch.interrupt();
  await next;
  await watch.interrupt();
});

test("closing a watch ends its wait, and leaves its sockets open", async (context) => {
  await using other = new ZmqContext();
  const [pull, push] = pairOf(context, other, ["pull", "push"]);
  const watch = new SocketWatch(context, [pull]);
  const waiting = watch.wait();
  await watch[Symbol.asyncDispose]();
  await waiting;
  await sent(push, encoder.encode("still there"));
  await eventually(() => taken(pull).includes("still there"));
});

test("a peer that sends more than a part may have is disconnected", async (context) => {
  await using other = new ZmqContext();
  const pull = context.socket("pull");
  pull.setOption("maxMessageBytes", 1_000);
  assertEquals(pull.getOption("maxMessageBytes"), 1_000);
  pull.bind("tcp://127.0.0.1:*");
  const push = other.socket("push");
  push.setOption("reconnectInterval", 10);
  push.connect(String(pull.getOption("lastEndpoint")));
  await sent(push, new Uint8Array(1_001));
  await sent(push, encoder.encode("small"));
  const texts: string[] = [];
  await eventually(async () => {
    texts.push(...taken(pull));
    if (texts.length > 0) return true;
    await sent(push, encoder.encode("small"));
    return false;
  });
  assertEquals(new Set(texts), new Set(["small"]));
});
