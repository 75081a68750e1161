import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "../support/assert.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { Random } from "../support/random.ts";
import { eventually, pythonWithZmq, received, sent } from "../support/zmq.ts";
import { ZmqError } from "../../src/base/errors.ts";
import { libzmq } from "../../src/zmq/library.ts";
import { ZmqContext } from "../../src/zmq/socket.ts";
import type { SocketType, ZmqSocket } from "../../src/zmq/socket.ts";
import type { OptionName } from "../../src/zmq/socket_options.ts";

const ignore = libzmqIsMissing();
const python = ignore ? null : pythonWithZmq();

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const ms = (time: number) => new Promise<void>((resolve) => setTimeout(resolve, time));

/** Parts of a message, of texts. */
function parts(...texts: string[]): Uint8Array[] {
  return texts.map((text) => encoder.encode(text));
}

function texts(message: readonly Uint8Array[] | null): string[] | null {
  return message === null ? null : message.map((part) => decoder.decode(part));
}

async function receivedTexts(socket: ZmqSocket): Promise<string[] | null> {
  return texts(await received(socket));
}

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

/** Whether `promise` is settled when timers have fired a few times. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  for (let i = 0; i < 10 && !settled; i++) await ms(5);
  return settled;
}

/** The text that the library has for the code of `error`. */
function libraryText({ code }: ZmqError): string {
  return Deno.UnsafePointerView.getCString(libzmq().zmq_strerror(code)!);
}

/** Binds `socket`, and connects the others to it. */
type Link = (socket: ZmqSocket, ...others: ZmqSocket[]) => void;

async function withLink(transport: string, body: (link: Link) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body((socket, ...others) => {
      const endpoint = {
        tcp: "tcp://127.0.0.1:*",
        inproc: "inproc://a b",
        ipc: `ipc://${folder}/s`,
      };
      socket.bind(endpoint[transport as keyof typeof endpoint]);
      for (const other of others) other.connect(socket.getOption("lastEndpoint") as string);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Sends the same messages from a socket to another, and checks that they come. */
async function exchanges(from: ZmqSocket, to: ZmqSocket): Promise<void> {
  const messages = [["one"], ["two", "parts"], [""], ["", "", "x", ""], ["ä€"]];
  for (const message of messages) await sent(from, parts(...message));
  for (const message of messages) assertEquals(await receivedTexts(to), message);
  await sent(from, encoder.encode("bare"));
  assertEquals(await receivedTexts(to), ["bare"]);
}

const pairs: Record<
  string,
  [SocketType, SocketType, (a: ZmqSocket, b: ZmqSocket, link: Link) => Promise<void>]
> = {
  "what a PUSH socket sends, a PULL socket receives": ["push", "pull", async (push, pull, link) => {
    link(pull, push);
    await exchanges(push, pull);
  }],
  "what a PUB socket sends, a SUB socket receives": ["pub", "sub", async (pub, sub, link) => {
    sub.setOption("subscribe", "");
    link(pub, sub);
    // Nobody can tell when the subscription has come.
    await eventually(() => {
      pub.send(encoder.encode("early"));
      return sub.receive();
    });
    pub.send(encoder.encode("last"));
    while ((await receivedTexts(sub))![0] !== "last");
    await exchanges(pub, sub);
  }],
  "an XPUB socket sees subscriptions, and their ends": ["xpub", "sub", async (xpub, sub, link) => {
    link(xpub, sub);
    sub.setOption("subscribe", "a");
    sub.setOption("subscribe", new Uint8Array([0x62, 0, 0xff]));
    assertEquals(await received(xpub), [new Uint8Array([1, 0x61])]);
    assertEquals(await received(xpub), [new Uint8Array([1, 0x62, 0, 0xff])]);
    for (const topic of ["c", "ab", "b", "a"]) xpub.send(encoder.encode(topic));
    assertEquals(await receivedTexts(sub), ["ab"]);
    assertEquals(await receivedTexts(sub), ["a"]);
    sub.setOption("unsubscribe", "a");
    assertEquals(await received(xpub), [new Uint8Array([0, 0x61])]);
    xpub.send(encoder.encode("a"));
    xpub.send(new Uint8Array([0x62, 0, 0xff, 0xee]));
    assertEquals(await received(sub), [new Uint8Array([0x62, 0, 0xff, 0xee])]);
    assertEquals(sub.receive(), null);
  }],
  "an XSUB socket subscribes by messages": ["xpub", "xsub", async (xpub, xsub, link) => {
    link(xpub, xsub);
    await sent(xsub, new Uint8Array([1, 0x61]));
    assertEquals(await received(xpub), [new Uint8Array([1, 0x61])]);
    xpub.send(parts("b", "no"));
    xpub.send(parts("a", "yes"));
    assertEquals(await receivedTexts(xsub), ["a", "yes"]);
  }],
  "a ROUTER socket knows a DEALER socket by its identity": [
    "dealer",
    "router",
    async (dealer, router, link) => {
      dealer.setOption("routingId", "the dealer");
      router.setOption("routerMandatory", 1);
      link(router, dealer);
      await sent(dealer, parts("question", ""));
      assertEquals(await receivedTexts(router), ["the dealer", "question", ""]);
      await sent(router, parts("the dealer", "", "answer"));
      assertEquals(await receivedTexts(dealer), ["", "answer"]);
      const error = assertThrows(() => router.send(parts("nobody", "answer")), ZmqError);
      assertEquals(error.message, `cannot send: ${libraryText(error)}`);
      await sent(router, parts("the dealer", "again"));
      assertEquals(await receivedTexts(dealer), ["again"]);
    },
  ],
  "PAIR sockets send and receive both": ["pair", "pair", async (one, other, link) => {
    link(one, other);
    await exchanges(one, other);
    await exchanges(other, one);
  }],
  "a REQ and a REP socket ask and answer in turn": ["req", "rep", async (req, rep, link) => {
    link(rep, req);
    for (const word of ["one", "two"]) {
      await sent(req, parts(word, "asked"));
      assertEquals(await receivedTexts(rep), [word, "asked"]);
      const error = assertThrows(() => req.send(parts("out of turn")), ZmqError);
      assertMatch(error.message, /current state/);
      await sent(rep, parts(word, "answered"));
      assertEquals(await receivedTexts(req), [word, "answered"]);
    }
  }],
};

for (const transport of ["tcp", "inproc", "ipc"]) {
  for (const [what, [type, otherType, body]] of Object.entries(pairs)) {
    test(`${what} (${transport})`, async (context) => {
      await withLink(transport, async (link) => {
        await body(context.socket(type), context.socket(otherType), link);
        await context[Symbol.asyncDispose]();
      });
    });
  }

  test(`20 MB go in one message (${transport})`, async (context) => {
    await withLink(transport, async (link) => {
      const [push, pull] = [context.socket("push"), context.socket("pull")];
      link(pull, push);
      const large = new Uint8Array(20_000_000);
      const random = new Random(1);
      for (let i = 0; i < large.length; i += 97) large[i] = random.below(256);
      await sent(push, [large, encoder.encode("end")]);
      const message = await received(pull);
      assertEquals(message.length, 2);
      assertEquals(message[0].length, large.length);
      assert(message[0].every((byte, i) => byte === large[i]));
      assertEquals(decoder.decode(message[1]), "end");
      await context[Symbol.asyncDispose]();
    });
  });
}

test("messages of any sizes, in random parts, come as they were sent, in order", async (context) => {
  const [push, pull] = [context.socket("push"), context.socket("pull")];
  pull.bind("tcp://127.0.0.1:*");
  push.connect(pull.getOption("lastEndpoint") as string);
  const random = new Random(2);
  for (let round = 0; round < 40; round++) {
    const messages = Array.from(
      { length: 1 + random.below(20) },
      () =>
        Array.from({ length: 1 + random.below(5) }, () => {
          // Around the sizes up to which the library keeps messages within its own structure.
          const bytes = random.pick([
            0,
            1,
            28,
            29,
            33,
            34,
            64,
            65,
            8_191,
            8_193,
            random.below(2_000),
          ]);
          return Uint8Array.from({ length: bytes }, () => random.below(256));
        }),
    );
    for (const message of messages) await sent(push, message);
    for (const message of messages) assertEquals(await received(pull), message);
  }
});

test("parts are received one by one, too", async (context) => {
  const [one, other] = [context.socket("pair"), context.socket("pair")];
  one.bind("inproc://parts");
  other.connect("inproc://parts");
  await sent(one, parts("a", "b"));
  await sent(one, parts("c"));
  await eventually(() => other.getOption("events") === 3);
  const seen: [string, boolean][] = [];
  for (let part = other.receivePart(); part !== null; part = other.receivePart()) {
    seen.push([decoder.decode(part), other.hasMoreParts]);
  }
  assertEquals(seen, [["a", true], ["b", false], ["c", false]]);
});

test("what is received stays as it is, whatever comes after it", async (context) => {
  const [one, other] = [context.socket("pair"), context.socket("pair")];
  one.bind("inproc://kept");
  other.connect("inproc://kept");
  const kept: Uint8Array[] = [];
  for (let i = 0; i < 2_000; i++) {
    await sent(one, new Uint8Array(i % 70).fill(i));
    kept.push(...await received(other));
  }
  for (const [i, message] of kept.entries()) {
    assertEquals(message, new Uint8Array(i % 70).fill(i));
  }
});

test("a message can be a view of a larger buffer", async (context) => {
  const [one, other] = [context.socket("pair"), context.socket("pair")];
  one.bind("inproc://views");
  other.connect("inproc://views");
  const buffer = encoder.encode("0123456789".repeat(100));
  await sent(one, [buffer.subarray(3, 5), buffer.subarray(500, 700), buffer.subarray(7, 7)]);
  buffer.fill(0);
  assertEquals(await receivedTexts(other), ["34", "0123456789".repeat(20), ""]);
});

const options: [SocketType, OptionName, number | string, number | string][] = [
  ["push", "linger", 0, 1_234],
  ["push", "linger", 0, -1],
  ["push", "sendHighWaterMark", 1_000, 7],
  ["pull", "receiveHighWaterMark", 1_000, 0],
  ["pull", "ipv6", 0, 1],
  ["push", "immediate", 0, 1],
  ["push", "heartbeatInterval", 0, 2_000],
  ["dealer", "routingId", "", "an identity"],
  ["dealer", "routingId", "", "x".repeat(255)],
];
for (const [type, name, initial, value] of options) {
  const shown = String(value).slice(0, 20);
  test(`the option ${name} is ${initial || "0 or empty"} at first, and ${shown} when set`, async (context) => {
    await using socket = context.socket(type);
    assertEquals(socket.getOption(name), initial);
    socket.setOption(name, value);
    assertEquals(socket.getOption(name), value);
  });
}

test("options that only work are accepted", async (context) => {
  await using router = context.socket("router");
  router.setOption("routerMandatory", 1);
  router.setOption("routerHandover", 1);
  await using xpub = context.socket("xpub");
  xpub.setOption("xpubNoDrop", 1);
});

test("the option lastEndpoint tells the port that was chosen", async (context) => {
  await using socket = context.socket("pull");
  assertEquals(socket.getOption("lastEndpoint"), "");
  socket.bind("tcp://127.0.0.1:*");
  assertMatch(socket.getOption("lastEndpoint") as string, /^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
});

test("the option events tells what a socket is ready for", (context) => {
  const [push, pull] = [context.socket("push"), context.socket("pull")];
  assertEquals([push.getOption("events"), pull.getOption("events")], [0, 0]);
  pull.bind("inproc://events");
  push.connect("inproc://events");
  assertEquals([push.getOption("events"), pull.getOption("events")], [2, 0]);
  push.send(encoder.encode("x"));
  assertEquals([push.getOption("events"), pull.getOption("events")], [2, 1]);
  return Promise.resolve();
});

test("a ROUTER socket hands an identity over to its next owner, if told to", async (context) => {
  const router = context.socket("router");
  router.setOption("routerHandover", 1);
  router.bind("tcp://127.0.0.1:*");
  for (const word of ["first", "second"]) {
    const dealer = context.socket("dealer");
    dealer.setOption("routingId", "same");
    dealer.connect(router.getOption("lastEndpoint") as string);
    await sent(dealer, parts(word));
    assertEquals(await receivedTexts(router), ["same", word]);
    await sent(router, parts("same", `to ${word}`));
    assertEquals(await receivedTexts(dealer), [`to ${word}`]);
  }
});

test("an XPUB socket that may not drop says that a slow peer takes no more", async (context) => {
  const [xpub, sub] = [context.socket("xpub"), context.socket("sub")];
  xpub.setOption("xpubNoDrop", 1);
  xpub.setOption("sendHighWaterMark", 3);
  sub.setOption("receiveHighWaterMark", 3);
  sub.setOption("subscribe", "");
  xpub.bind("inproc://nodrop");
  sub.connect("inproc://nodrop");
  assertEquals(await received(xpub), [new Uint8Array([1])]);
  let count = 0;
  while (count < 100 && xpub.send(parts(String(count), "x"))) count++;
  assertEquals(count, 6);
  for (let i = 0; i < count; i++) assertEquals(await receivedTexts(sub), [String(i), "x"]);
  await sent(xpub, parts("more"));
  assertEquals(await receivedTexts(sub), ["more"]);
});

const refusals: Record<string, [RegExp, (context: ZmqContext) => void]> = {
  "binding to a port in use": [
    /^cannot bind to tcp:\/\/127\.0\.0\.1:\d+: Address already in use$/,
    (
      context,
    ) => {
      const first = context.socket("pull");
      first.bind("tcp://127.0.0.1:*");
      context.socket("pull").bind(first.getOption("lastEndpoint") as string);
    },
  ],
  "binding inproc twice": [
    /^cannot bind to inproc:\/\/twice: Address already in use$/,
    (context) => {
      context.socket("pull").bind("inproc://twice");
      context.socket("pull").bind("inproc://twice");
    },
  ],
  "binding to no endpoint": [/^cannot bind to nothing: Invalid argument$/, (context) => {
    context.socket("pull").bind("nothing");
  }],
  "binding with an unknown protocol": [
    /^cannot bind to x:\/\/y: Protocol not supported$/,
    (context) => {
      context.socket("pull").bind("x://y");
    },
  ],
  "connecting without a port": [
    /^cannot connect to tcp:\/\/127\.0\.0\.1: Invalid argument$/,
    (context) => {
      context.socket("pull").connect("tcp://127.0.0.1");
    },
  ],
  "binding to too high a port": [
    /^cannot bind to tcp:\/\/127\.0\.0\.1:65536: Invalid/,
    (context) => {
      context.socket("pull").bind("tcp://127.0.0.1:65536");
    },
  ],
  "unbinding what was not bound": [
    /^cannot unbind from tcp:\/\/127\.0\.0\.1:1: No such file/,
    (context) => {
      context.socket("pull").unbind("tcp://127.0.0.1:1");
    },
  ],
  "disconnecting what was not connected": [
    /^cannot disconnect from tcp:\/\/127\.0\.0\.1:1: No such/,
    (
      context,
    ) => {
      context.socket("pull").disconnect("tcp://127.0.0.1:1");
    },
  ],
  "receiving from a PUSH socket": [/^cannot receive: Operation not supported$/, (context) => {
    context.socket("push").receive();
  }],
  "sending to a PULL socket": [/^cannot send: Operation not supported$/, (context) => {
    context.socket("pull").send(new Uint8Array(1));
  }],
  "receiving an answer to nothing": [/^cannot receive: .* current state$/, (context) => {
    context.socket("req").receive();
  }],
  "a negative high-water mark": [/^cannot set the option sendHighWaterMark: Invalid argument$/, (
    context,
  ) => {
    context.socket("push").setOption("sendHighWaterMark", -1);
  }],
  "a subscription of a PULL socket": [
    /^cannot set the option subscribe: Invalid argument$/,
    (context) => {
      context.socket("pull").setOption("subscribe", "");
    },
  ],
  "an identity that is too long": [
    /^cannot set the option routingId: Invalid argument$/,
    (context) => {
      context.socket("dealer").setOption("routingId", "x".repeat(256));
    },
  ],
  "reading subscriptions": [/^cannot get the option subscribe: Invalid argument$/, (context) => {
    context.socket("sub").getOption("subscribe");
  }],
};
for (const [what, [message, refused]] of Object.entries(refusals)) {
  test(`${what} is an error with the library's code and text`, (context) => {
    const error = assertThrows(() => refused(context), ZmqError);
    assertMatch(error.message, message);
    assert(error.code > 0);
    assert(error.message.endsWith(`: ${libraryText(error)}`));
    return Promise.resolve();
  });
}

const uses: Record<string, (socket: ZmqSocket) => unknown> = {
  bind: (socket) => socket.bind("inproc://use"),
  connect: (socket) => socket.connect("inproc://use"),
  unbind: (socket) => socket.unbind("inproc://use"),
  disconnect: (socket) => socket.disconnect("inproc://use"),
  setOption: (socket) => socket.setOption("linger", 0),
  getOption: (socket) => socket.getOption("linger"),
  send: (socket) => socket.send(new Uint8Array(1)),
  receive: (socket) => socket.receive(),
  receivePart: (socket) => socket.receivePart(),
  readable: (socket) => socket.readable(0),
  writable: (socket) => socket.writable(0),
};

test("a closed socket refuses everything but to be closed and interrupted", async (context) => {
  const socket = context.socket("pair");
  assertEquals(socket.isClosed, false);
  const closing = socket.close();
  assertEquals(socket.isClosed, true);
  for (const [name, use] of Object.entries(uses)) {
    const error = assertThrows(() => use(socket), ZmqError, "the ZeroMQ socket is closed");
    assertEquals([name, error.code], [name, 0]);
  }
  await closing;
  for (const use of Object.values(uses)) assertThrows(() => use(socket), ZmqError, "is closed");
  await socket.close();
  await socket.interrupt();
  await socket[Symbol.asyncDispose]();
});

test("a socket that is waited for refuses everything until then", async (context) => {
  const socket = context.socket("pair");
  const waiting = socket.readable();
  for (const use of Object.values(uses)) {
    assertEquals(assertThrows(() => use(socket), ZmqError, "is being waited for").code, 0);
  }
  await socket.interrupt();
  await waiting;
  socket.bind("inproc://later");
  assertEquals(socket.receive(), null);
});

test("a closed context makes no more sockets, and can be closed again", async (context) => {
  await context[Symbol.asyncDispose]();
  assertThrows(() => context.socket("pull"), ZmqError, "the ZeroMQ context is closed");
  await context[Symbol.asyncDispose]();
});

test("receiving never blocks, and timers fire while a message is awaited", async (context) => {
  const [one, other] = [context.socket("pair"), context.socket("pair")];
  one.bind("tcp://127.0.0.1:*");
  other.connect(one.getOption("lastEndpoint") as string);
  assertEquals(one.receive(), null);
  assertEquals(one.receivePart(), null);
  let fired = 0;
  const timer = setInterval(() => {
    if (++fired === 20) other.send(encoder.encode("after 20"));
  }, 1);
  const waiting = one.readable();
  await waiting;
  clearInterval(timer);
  assert(fired >= 20);
  assertEquals(texts(one.receive()), ["after 20"]);
  assertEquals(one.receive(), null);
});

test("waits end after their time, or at once when there is nothing to wait for", async (context) => {
  const [push, pull] = [context.socket("push"), context.socket("pull")];
  for (const time of [0, 1, 20]) {
    await pull.readable(time);
    await push.writable(time);
  }
  assertEquals(pull.receive(), null);
  assertEquals(push.send(new Uint8Array(1)), false);
  pull.bind("inproc://time");
  push.connect("inproc://time");
  await push.writable();
  assertEquals(push.send(encoder.encode("x")), true);
  await pull.readable();
  assertEquals(texts(pull.receive()), ["x"]);
});

test("a wait goes on until it is interrupted, and the socket can be used again", async (context) => {
  for (const wait of ["readable", "writable"] as const) {
    const socket = context.socket("dealer");
    for (let i = 0; i < 20; i++) {
      const waiting = socket[wait]();
      if (i === 0) assertEquals(await isSettled(waiting), false);
      if (i % 3 === 1) await ms(1);
      if (i % 5 === 1) socket.interrupt();
      await socket.interrupt();
      assertEquals(socket.receive(), null);
      await waiting;
    }
  }
});

test("an interruption is for the wait under way only", async (context) => {
  const socket = context.socket("pull");
  await socket.interrupt();
  for (let depth = 0; depth < 12; depth++) {
    // Both end in the same turn; the interruption comes between what the first of them entails.
    const waiting = socket.readable(1);
    const other = libzmq().zmq_poll(new Uint8Array(16), 0, 2n);
    const interrupted = other.then(async () => {
      for (let i = 0; i < depth; i++) await undefined;
      await socket.interrupt();
    });
    const end = performance.now() + 15;
    while (performance.now() < end);
    await Promise.all([waiting, interrupted]);
    const next = socket.readable();
    assertEquals([depth, await isSettled(next)], [depth, false]);
    await socket.interrupt();
    await next;
  }
});

const states: Record<string, (socket: ZmqSocket, peer: ZmqSocket) => unknown> = {
  "that was never used": () => {},
  "that is bound": (socket) => socket.bind("inproc://state"),
  "that is connected to nobody": (socket) => socket.connect("tcp://127.0.0.1:1"),
  "that is waited for": (socket) => void socket.readable(),
  "that has been waited for": async (socket) => await socket.readable(1),
  "that is interrupted": (socket) => {
    socket.readable();
    socket.interrupt();
  },
  "with messages that nobody takes": (socket) => {
    socket.connect("tcp://127.0.0.1:1");
    for (let i = 0; i < 100; i++) socket.send(new Uint8Array(1_000));
  },
  "with messages that were not received": async (socket, peer) => {
    peer.bind("inproc://state");
    socket.connect("inproc://state");
    for (let i = 0; i < 100; i++) await sent(peer, parts("a", "b"));
    await socket.readable();
  },
  "with parts that were not received": async (socket, peer) => {
    peer.bind("inproc://state");
    socket.connect("inproc://state");
    await sent(peer, parts("a", "b"));
    await socket.readable();
    socket.receivePart();
  },
};
for (const [what, reach] of Object.entries(states)) {
  test(`a socket ${what} can be closed, even twice`, async (context) => {
    const socket = context.socket("dealer");
    await reach(socket, context.socket("dealer"));
    await Promise.all([socket.close(), socket.close()]);
    await socket.close();
  });

  test(`a context can be closed with a socket ${what}`, async (context) => {
    await reach(context.socket("dealer"), context.socket("dealer"));
    await Promise.all([context[Symbol.asyncDispose](), context[Symbol.asyncDispose]()]);
  });
}

test("closing ends the wait of the socket", async (context) => {
  const socket = context.socket("pull");
  const waiting = socket.readable();
  await socket.close();
  await waiting;
});

test("more sockets can wait at once than there are threads for it, and all be closed", async (context) => {
  const sockets = Array.from({ length: 100 }, () => context.socket("pull"));
  const waits = sockets.map((socket) => socket.readable());
  await ms(10);
  await Promise.all(sockets.map((socket) => socket.close()));
  await Promise.all(waits);
});

test("a context that is out of sockets says so, and can be closed", async (context) => {
  const sockets: ZmqSocket[] = [];
  const error = assertThrows(() => {
    while (sockets.length < 2_000) sockets.push(context.socket("pull"));
  }, ZmqError);
  assertEquals(error.message, `cannot make a ZeroMQ socket (pull): ${libraryText(error)}`);
  await context[Symbol.asyncDispose]();
  // A wait needs two more sockets.
  const other = new ZmqContext();
  const others = Array.from(sockets.slice(1), () => other.socket("pull"));
  assertThrows(() => others[0].readable(), ZmqError, "cannot make a pair of ZeroMQ sockets");
  await other[Symbol.asyncDispose]();
});

for (const when of ["a peer", "whoever listens later"]) {
  test(`what lingers reaches ${when} after the socket and its context are closed`, async (context) => {
    const folder = await Deno.makeTempDir();
    const endpoint = `ipc://${folder}/s`;
    const pull = context.socket("pull");
    if (when === "a peer") pull.bind(endpoint);
    const sender = new ZmqContext();
    const push = sender.socket("push");
    push.setOption("linger", 60_000);
    push.connect(endpoint);
    const count = 500;
    for (let i = 0; i < count; i++) await sent(push, parts(String(i), "x".repeat(2_000)));
    await push.close();
    const closing = sender[Symbol.asyncDispose]();
    if (when !== "a peer") pull.bind(endpoint);
    for (let i = 0; i < count; i++) assertEquals((await receivedTexts(pull))![0], String(i));
    await closing;
    await context[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  });
}

test("what nobody takes is dropped on closing, unless it lingers", async () => {
  const context = new ZmqContext();
  const push = context.socket("push");
  push.connect("tcp://127.0.0.1:1");
  for (let i = 0; i < 100; i++) assertEquals(push.send(new Uint8Array(1_000)), true);
  await context[Symbol.asyncDispose]();
  const lingering = new ZmqContext();
  const other = lingering.socket("push");
  other.setOption("linger", 20);
  other.connect("tcp://127.0.0.1:1");
  assertEquals(other.send(new Uint8Array(1_000)), true);
  await lingering[Symbol.asyncDispose]();
});

test("a full queue refuses messages, whole ones, until there is room (inproc)", async (context) => {
  const [push, pull] = [context.socket("push"), context.socket("pull")];
  push.setOption("sendHighWaterMark", 4);
  pull.setOption("receiveHighWaterMark", 3);
  pull.bind("inproc://full");
  push.connect("inproc://full");
  let count = 0;
  while (count < 100 && push.send(parts(String(count), "a", "b"))) count++;
  assertEquals(count, 7);
  assertEquals(push.send(parts("never", "a")), false);
  const waiting = push.writable();
  assertEquals(await isSettled(waiting), false);
  for (let i = 0; i < count; i++) assertEquals(await receivedTexts(pull), [String(i), "a", "b"]);
  await waiting;
  assertEquals(push.send(parts("then")), true);
  assertEquals(await receivedTexts(pull), ["then"]);
});

test("a peer that does not receive holds the sender back, and nothing is lost (tcp)", async (context) => {
  const [push, pull] = [context.socket("push"), context.socket("pull")];
  push.setOption("sendHighWaterMark", 10);
  pull.setOption("receiveHighWaterMark", 10);
  pull.bind("tcp://127.0.0.1:*");
  push.connect(pull.getOption("lastEndpoint") as string);
  const payload = new Uint8Array(200_000);
  let count = 0;
  for (let quiet = 0; count < 2_000 && quiet < 20;) {
    if (push.send([encoder.encode(String(count)), payload])) {
      count++;
      quiet = 0;
    } else {
      await push.writable(5);
      quiet++;
    }
  }
  assert(count < 2_000);
  const waiting = push.writable();
  for (let i = 0; i < count; i++) {
    const [number, bytes] = await received(pull);
    assertEquals([decoder.decode(number), bytes.length], [String(i), payload.length]);
  }
  await waiting;
  await sent(push, parts("last"));
  assertEquals(await receivedTexts(pull), ["last"]);
});

test("sockets go on after their peer has gone and come again", async (context) => {
  const push = context.socket("push");
  push.bind("tcp://127.0.0.1:*");
  const endpoint = push.getOption("lastEndpoint") as string;
  for (const word of ["first", "second", "third"]) {
    const pull = context.socket("pull");
    pull.connect(endpoint);
    await sent(push, parts(word));
    assertEquals(await receivedTexts(pull), [word]);
    await pull.close();
    await eventually(() => push.getOption("events") === 0);
  }
});

test("what is disconnected gets nothing more", async (context) => {
  const [push, pull] = [context.socket("push"), context.socket("pull")];
  push.bind("tcp://127.0.0.1:*");
  const endpoint = push.getOption("lastEndpoint") as string;
  pull.connect(endpoint);
  await sent(push, parts("before"));
  assertEquals(await receivedTexts(pull), ["before"]);
  pull.disconnect(endpoint);
  // The library goes on with it only when the socket is looked at.
  await eventually(() => pull.receive() === null && push.getOption("events") === 0);
  assertEquals(push.send(parts("after")), false);
  pull.connect(endpoint);
  await sent(push, parts("again"));
  assertEquals(await receivedTexts(pull), ["again"]);
});

test("what is unbound can be bound by another", async (context) => {
  await withLink("ipc", async (link) => {
    const [first, second, push] = [
      context.socket("pull"),
      context.socket("pull"),
      context.socket("push"),
    ];
    link(first, push);
    await sent(push, parts("first"));
    assertEquals(await receivedTexts(first), ["first"]);
    first.unbind(first.getOption("lastEndpoint") as string);
    await first.close();
    await eventually(() => {
      try {
        link(second);
        return true;
      } catch (error) {
        if (!(error instanceof ZmqError)) throw error;
        return false;
      }
    });
    // What is sent before the first is found to be gone is lost with it.
    const message = await eventually(() => {
      push.send(parts("second"));
      return second.receive();
    });
    assertEquals(texts(message), ["second"]);
    await context[Symbol.asyncDispose]();
  });
});

Deno.test({
  name: "a million messages leave nothing behind in memory",
  ignore,
  async fn() {
    const script = new URL("./many_messages.ts", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-lock", "--v8-flags=--expose-gc", script],
      signal: AbortSignal.timeout(120_000),
    }).output();
    const [early, late] = decoder.decode(stdout).split("\n").map(Number);
    assert(early > 0 && late > 0, decoder.decode(stderr));
    // 800,000 messages of which a few bytes each stayed would be more.
    assert(
      late - early < 12_000_000,
      `${early} bytes after 200,000 messages, ${late} after a million`,
    );
  },
});

/** Runs `code` with Python, with `endpoint` as its argument; what it prints. */
async function runPython(code: string, endpoint: string): Promise<string> {
  // What was not sent when Python ends by itself is lost.
  const end = "socket.close()\ncontext.term()\n";
  const { stdout, stderr, success } = await new Deno.Command(python!, {
    args: [
      "-c",
      `import sys, zmq\ncontext = zmq.Context()\nendpoint = sys.argv[1]\n${code}${end}`,
      endpoint,
    ],
    signal: AbortSignal.timeout(60_000),
  }).output();
  assert(success, decoder.decode(stderr));
  return decoder.decode(stdout);
}

function testWithPython(name: string, fn: (context: ZmqContext) => Promise<void>): void {
  Deno.test({
    name,
    ignore: python === null,
    async fn() {
      await using context = new ZmqContext();
      await fn(context);
    },
  });
}

testWithPython("a PULL socket receives what Python pushes", async (context) => {
  const pull = context.socket("pull");
  pull.bind("tcp://127.0.0.1:*");
  const running = runPython(
    `
socket = context.socket(zmq.PUSH)
socket.connect(endpoint)
for i in range(1000): socket.send_multipart([str(i).encode(), b"", b"\\0\\xff" * i])
`,
    pull.getOption("lastEndpoint") as string,
  );
  for (let i = 0; i < 1_000; i++) {
    const [number, empty, bytes] = await received(pull);
    assertEquals([decoder.decode(number), empty.length, bytes.length], [String(i), 0, i * 2]);
    assert(bytes.every((byte, at) => byte === (at % 2 === 0 ? 0 : 0xff)));
  }
  await running;
});

testWithPython("Python pulls what a PUSH socket sends", async (context) => {
  const push = context.socket("push");
  push.bind("tcp://127.0.0.1:*");
  const running = runPython(
    `
socket = context.socket(zmq.PULL)
socket.connect(endpoint)
for i in range(1000):
    number, empty, data = socket.recv_multipart()
    assert (int(number), empty, data) == (i, b"", b"\\0\\xff" * i), (number, empty, data)
print("all")
`,
    push.getOption("lastEndpoint") as string,
  );
  for (let i = 0; i < 1_000; i++) {
    const bytes = Uint8Array.from({ length: i * 2 }, (_, at) => at % 2 === 0 ? 0 : 0xff);
    await sent(push, [encoder.encode(String(i)), new Uint8Array(0), bytes]);
  }
  assertEquals(await running, "all\n");
});

testWithPython("a SUB socket receives what Python publishes", async (context) => {
  const sub = context.socket("sub");
  sub.setOption("subscribe", "a ");
  sub.bind("tcp://127.0.0.1:*");
  const running = runPython(
    `
socket = context.socket(zmq.XPUB)
socket.connect(endpoint)
assert socket.recv() == b"\\x01a "
for i in range(1000): socket.send(b"%s %d" % ((b"a", b"b")[i % 2], i))
`,
    sub.getOption("lastEndpoint") as string,
  );
  for (let i = 0; i < 1_000; i += 2) assertEquals(await receivedTexts(sub), [`a ${i}`]);
  await running;
  assertEquals(sub.receive(), null);
});

testWithPython("Python subscribes to what an XPUB socket sends", async (context) => {
  const xpub = context.socket("xpub");
  xpub.bind("tcp://127.0.0.1:*");
  const running = runPython(
    `
socket = context.socket(zmq.SUB)
socket.subscribe(b"a ")
socket.connect(endpoint)
for i in range(0, 900, 2): assert socket.recv() == b"a %d" % i
socket.unsubscribe(b"a ")
print("all")
`,
    xpub.getOption("lastEndpoint") as string,
  );
  assertEquals(await receivedTexts(xpub), ["\x01a "]);
  for (let i = 0; i < 900; i++) xpub.send(encoder.encode(`${"ab"[i % 2]} ${i}`));
  assertEquals(await receivedTexts(xpub), ["\x00a "]);
  assertEquals(await running, "all\n");
});

Deno.test({
  name: "a wait with a bad time fails, and leaves the socket usable",
  ignore,
  async fn() {
    await using context = new ZmqContext();
    await using socket = context.socket("pull");
    await assertRejects(() => socket.readable(0.5), RangeError);
    await socket.readable(0);
    assertEquals(socket.receive(), null);
  },
});
