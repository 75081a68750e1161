import { assert, assertEquals } from "../support/assert.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually, sent } from "../support/zmq.ts";
import { ZmqContext } from "../../src/zmq/socket.ts";
import type { ZmqSocket } from "../../src/zmq/socket.ts";
import { Lookout } from "../../src/zmq/lookout.ts";
import { SocketWatch } from "../../src/zmq/socket_watch.ts";
import type { WatchMaker } from "../../src/zmq/socket_watch.ts";

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

/** Tests both ways to wait. */
function testWatches(
  name: string,
  fn: (context: ZmqContext, watchOf: WatchMaker) => Promise<void>,
): void {
  test(`${name} (alone)`, (context) => fn(context, (each) => new SocketWatch(context, each)));
  test(`${name} (from a lookout)`, async (context) => {
    await using lookout = new Lookout();
    await fn(context, (each) => lookout.post(each));
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

testWatches(
  "a watch ends when any of its sockets has a message, whichever it is",
  async (context, watchOf) => {
    await using other = new ZmqContext();
    const pairs = [0, 1, 2].map(() => pairOf(context, other, ["pull", "push"]));
    await using watch = watchOf(pairs.map(([here]) => here));
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
  },
);

testWatches(
  "a socket is used while it is watched, and no message is missed over that",
  async (context, watchOf) => {
    await using other = new ZmqContext();
    const [router, dealer] = pairOf(context, other, ["router", "dealer"]);
    await using watch = watchOf([router]);
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
  },
);

testWatches(
  "a wait ends after its time, and by an interrupt, which the next one knows nothing of",
  async (context, watchOf) => {
    const pull = context.socket("pull");
    await using watch = watchOf([pull]);
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
  },
);

testWatches(
  "closing a watch ends its wait, and leaves its sockets open",
  async (context, watchOf) => {
    await using other = new ZmqContext();
    const [pull, push] = pairOf(context, other, ["pull", "push"]);
    const watch = watchOf([pull]);
    const waiting = watch.wait();
    await watch[Symbol.asyncDispose]();
    await waiting;
    await sent(push, encoder.encode("still there"));
    await eventually(() => taken(pull).includes("still there"));
  },
);

test("owners at a lookout who have all nothing to do hear of what is theirs, however fast it comes", async (context) => {
  await using other = new ZmqContext();
  await using lookout = new Lookout();
  const ROUNDS = 300;
  // What one has taken goes to the next by another thread, so that there is something to wait for each time.
  const pairs = [0, 1, 2].map(() => pairOf(context, other, ["pull", "push"]));
  const counts = [0, 0, 0];
  let rings = 0;
  const timer = setInterval(() => rings++, 1);
  const owner = async (at: number) => {
    const [socket] = pairs[at];
    await using watch = lookout.post([socket]);
    while (counts[at] < ROUNDS) {
      const messages = taken(socket);
      if (messages.length === 0) {
        await watch.wait();
        continue;
      }
      counts[at] += messages.length;
      const [, next] = pairs[(at + 1) % 3];
      const isLast = at === 2 && counts[at] === ROUNDS;
      if (!isLast) await sent(next, encoder.encode("pass it on"));
      await watch.nextTurn();
    }
  };
  const owners = [0, 1, 2].map(owner);
  await sent(pairs[0][1], encoder.encode("begin"));
  await Promise.all(owners);
  clearInterval(timer);
  assertEquals(counts, [ROUNDS, ROUNDS, ROUNDS]);
  // While this went on, others on the thread had their turn.
  assert(rings > 0);
});

test("an owner at a lookout who has always something to take keeps no other one from its own", async (context) => {
  await using other = new ZmqContext();
  await using lookout = new Lookout();
  const [quiet, word] = pairOf(context, other, ["pull", "push"]);
  const busy = lookout.post([]);
  let hasCome = false;
  const heard = (async () => {
    await using watch = lookout.post([quiet]);
    while (taken(quiet).length === 0) await watch.wait();
    hasCome = true;
  })();
  await sent(word, encoder.encode("here"));
  while (!hasCome) await busy.nextTurn();
  await heard;
  await busy[Symbol.asyncDispose]();
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
