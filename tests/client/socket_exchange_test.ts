import { serve } from "gatehouse";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { bytesOf, splits } from "../support/parsing.ts";
import { test } from "../support/strict.ts";
import { serverFrame } from "../support/websocket.ts";
import { concatenated } from "../../src/base/bytes.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import type { SocketPlan } from "../../src/client/socket_exchange.ts";
import { talkOnce } from "../../src/client/socket_exchange.ts";
import { SocketTalk } from "../../src/client/socket_talk.ts";
import { parseTarget } from "../../src/client/target.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { acceptKey } from "../../src/websocket/codec/handshake.ts";
import { FrameReader } from "../../src/websocket/codec/frame_reader.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../../src/websocket/codec/limits.ts";

const TARGET = parseTarget("ws://127.0.0.1:8000/");
const TEXT_FRAME = 0x81;
const NEVER = new AbortController().signal;

/** A client that has asked, and how its handshake is granted, with `fields` more. */
function asked(
  fields: readonly (readonly [string, string])[] = [],
  granted = "",
): { readonly talk: SocketTalk; readonly grant: Uint8Array } {
  const talk = new SocketTalk(TARGET, fields);
  const opening = talk.begin();
  const [, key] = /Sec-WebSocket-Key: (\S+)/.exec(latin1Text(opening, 0, opening.length))!;
  const grant = bytesOf(
    "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n${granted}\r\n`,
  );
  return { talk, grant };
}

/** What happens when `bytes` come, in words; and what is replied, read as a server does. */
function said(talk: SocketTalk, bytes: Uint8Array): string[] {
  const words: string[] = [];
  for (const event of talk.push(bytes, bytes.length)) {
    if ("reply" in event && event.reply !== null) {
      const frames = new FrameReader(DEFAULT_WEBSOCKET_LIMITS, "server");
      frames.push(event.reply);
      frames.next();
      words.push(`reply ${frames.closeCode} ${frames.end - frames.start}`);
    }
    words.push(
      event.kind === "message"
        ? `${event.type} ${new TextDecoder().decode(event.bytes)}`
        : event.kind === "close"
        ? `close ${event.code} ${event.reason}`
        : event.kind === "open"
        ? `open ${event.protocol}`
        : `${event.kind} ${event.bytes.length}`,
    );
  }
  return words;
}

Deno.test("messages come whole, pings are answered, and a close is echoed, in every split", () => {
  const script = [
    serverFrame(TEXT_FRAME, "first"),
    serverFrame(0x01, "in "),
    serverFrame(0x89, "abc"),
    serverFrame(0x00, "three "),
    serverFrame(0x80, "parts"),
    serverFrame(0x82, ""),
    serverFrame(0x8a, "x"),
    serverFrame(0x88, new Uint8Array([0x0f, 0xa0, 0x6e, 0x6f])),
  ];
  const expected = [
    "open ",
    "text first",
    "reply 1005 3",
    "ping 3",
    "text in three parts",
    "binary ",
    "pong 1",
    "reply 4000 2",
    "close 4000 no",
  ];
  const { talk, grant } = asked();
  assertEquals(said(talk, concatenated([grant, ...script])), expected);
  for (const pieces of splits(concatenated(script))) {
    const { talk, grant } = asked();
    const words = [grant, ...pieces].flatMap((piece) => said(talk, piece.slice()));
    assertEquals(words, expected);
  }
});

Deno.test("a subprotocol is taken if it was offered, and what a server may not send is a fault", () => {
  const offer: [string, string][] = [["Sec-WebSocket-Protocol", "a, b"]];
  const { talk, grant } = asked(offer, "Sec-WebSocket-Protocol: b\r\n");
  assertEquals(said(talk, grant), ["open b"]);
  const refused: [fields: [string, string][], granted: string, after: Uint8Array][] = [
    [offer, "Sec-WebSocket-Protocol: c\r\n", new Uint8Array()],
    [offer, "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", new Uint8Array()],
    [[], "Sec-WebSocket-Protocol: a\r\n", new Uint8Array()],
    [[], "Sec-WebSocket-Extensions: x\r\n", new Uint8Array()],
    // A reserved bit, a text that is not UTF-8, and a frame with a mask.
    [[], "", serverFrame(0xc1, "x")],
    [[], "", serverFrame(TEXT_FRAME, new Uint8Array([0xff]))],
    [[], "", new Uint8Array([TEXT_FRAME, 0x81, 1, 2, 3, 4, 5])],
  ];
  for (const [fields, granted, after] of refused) {
    const { talk, grant } = asked(fields, granted);
    let thrown: unknown = null;
    try {
      said(talk, concatenated([grant, after]));
    } catch (error) {
      thrown = error;
    }
    assert(thrown instanceof ProtocolError, `${granted} ${after}`);
  }
});

/** An app that answers messages, and closes when it is told to. */
function app(request: Request): Response {
  if (request.headers.get("upgrade") !== "websocket") return new Response("hello");
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => socket.send("welcome");
  socket.onmessage = ({ data }) => {
    if (data === "bye") socket.close(4000, "as you wish");
    else if (data === "done") socket.close(1000);
    else socket.send(data.toUpperCase());
  };
  return response;
}

/** What is told of a talk with a server that runs `app`, or at `url`. */
async function told(
  lines: AsyncIterable<string>,
  changes: Partial<SocketPlan> = {},
  onReceived: (text: string) => void = () => {},
): Promise<{ isGood: boolean; words: string[] }> {
  await using server = await serve({ app, http: "127.0.0.1:0", log: () => {} });
  const { port } = server.addresses[0] as Deno.NetAddr;
  const words: string[] = [];
  const isGood = await talkOnce(
    {
      target: parseTarget(`ws://127.0.0.1:${port}/`),
      fields: [],
      lines,
      lingerMs: 60_000,
      timeoutMs: 60_000,
      caCerts: undefined,
      signal: NEVER,
      ...changes,
    },
    {
      note: (_, text) => void words.push(text.replace(/127\.0\.0\.1:\d+/, "ADDR")),
      sent: (_, text) => void words.push(`> ${text}`),
      received(_, { bytes }) {
        const text = new TextDecoder().decode(bytes);
        words.push(`< ${text}`);
        onReceived(text);
      },
    },
  );
  return { isGood, words };
}

async function* listOf(...lines: string[]): AsyncGenerator<string> {
  yield* lines;
}

/** Lines of which the last ones come once the server has answered to those before. */
async function* waiting(
  before: Promise<void>,
  first: string,
  last: string,
): AsyncGenerator<string> {
  yield first;
  await before;
  yield last;
}

test("lines are sent as messages, what comes is told, and the server may close", async () => {
  for (
    const [last, isGood, end] of [
      ["done", true, "closed: 1000"],
      ["bye", false, "closed: 4000, as you wish"],
    ] as const
  ) {
    const answered = Promise.withResolvers<void>();
    const result = await told(
      waiting(answered.promise, "hello", last),
      {},
      (text) => text === "HELLO" && answered.resolve(),
    );
    assertEquals(result.isGood, isGood);
    assertEquals(result.words.slice(0, 3), ["looked up: ADDR", "connected to ADDR", "open"]);
    assertEquals(result.words.at(-1), end);
    for (const word of ["> hello", "< HELLO", "< welcome"]) {
      assert(result.words.includes(word), word);
    }
  }
});

test("after the last line, or when it is told to, the client closes", async () => {
  const { isGood, words } = await told(listOf("a"), { lingerMs: 0 });
  assert(isGood, words.join());
  assertEquals(words.at(-1), "closed: 1000");
  const over = new AbortController();
  const ended = await told(
    waiting(new Promise(() => {}), "a", "b"),
    { signal: over.signal },
    (text) => text === "A" && over.abort(),
  );
  assert(ended.isGood, ended.words.join());
  assert(!ended.words.includes("> b"));
});

test("a WebSocket that cannot be had, or is cut off, says why", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const conn of listener) {
      await conn.read(new Uint8Array(4_096)).catch(() => {});
      resolve();
      await conn.write(bytesOf("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")).catch(
        () => {},
      );
      conn.close();
    }
  })();
  const there = parseTarget(`ws://127.0.0.1:${listener.addr.port}/`);
  const refused = await told(listOf("a"), { target: there });
  await asked;
  assertEquals(refused.isGood, false);
  assertMatch(
    refused.words.at(-1)!,
    /^failed: the handshake was answered with 404 \(RFC 6455 4\.1\)$/,
  );
  listener.close();
  await serving;
  const gone = await told(listOf("a"), { target: there });
  assertEquals(gone.isGood, false);
  assertMatch(gone.words.at(-1)!, /^failed: ws:.* cannot be reached/);
  const interrupted = await told(listOf("a"), { signal: AbortSignal.abort() });
  assertEquals([interrupted.isGood, interrupted.words.at(-1)], [
    false,
    "failed: it was interrupted",
  ]);
});
