import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { libzmqIsMissing } from "../../support/peers.ts";
import { eventually } from "../../support/zmq.ts";
import { FaultLog } from "../../../src/net/fault_log.ts";
import { connectCurve, newCurveKeys } from "../../../src/zmq/curve.ts";
import type { CurveClient } from "../../../src/zmq/curve.ts";
import { ZmqContext } from "../../../src/zmq/socket.ts";
import type { ZmqSocket } from "../../../src/zmq/socket.ts";
import { ClientKeys } from "../../../src/dispatch/curve/client_keys.ts";
import { Door } from "../../../src/dispatch/curve/door.ts";

const ignore = libzmqIsMissing();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const [own, listed, unlisted, another] = ignore
  ? []
  : Array.from({ length: 4 }, () => newCurveKeys());

/** A router behind a door, and what becomes of messages that are sent to it. */
interface Lab {
  readonly context: ZmqContext;
  readonly router: ZmqSocket;
  readonly door: Door;
  readonly endpoint: string;
  readonly log: string[];
  readonly clients: ClientKeys;
  /** File of the keys that are admitted. */
  readonly file: string;
}

async function withDoor(kind: "CURVE" | "plain", body: (lab: Lab) => Promise<void>): Promise<void> {
  const file = await Deno.makeTempFile();
  const log: string[] = [];
  try {
    await Deno.writeTextFile(file, `${listed.publicKey} it\n`);
    const write = (level: string, message: string) => log.push(`${level}: ${message}`);
    const clients = new ClientKeys(file, write);
    await using context = new ZmqContext();
    await using router = context.socket("router");
    const keys = kind === "CURVE" ? { own, clients } : null;
    await using door = new Door(context, router, keys, new FaultLog(write));
    router.bind("tcp://127.0.0.1:*");
    const endpoint = router.getOption("lastEndpoint") as string;
    await body({ context, router, door, endpoint, log, clients, file });
  } finally {
    await Deno.remove(file);
  }
}

/** Sends a text over a connection of its own, and keeps that open. */
function say(lab: Lab, text: string, keys: CurveClient | null): ZmqSocket {
  const dealer = lab.context.socket("dealer");
  if (keys !== null) connectCurve(dealer, keys);
  dealer.setOption("reconnectInterval", -1);
  dealer.connect(lab.endpoint);
  dealer.send(encoder.encode(text));
  return dealer;
}

/** The text of the next message. */
async function heard({ router }: Lab): Promise<string> {
  const parts = await eventually(() => router.receive());
  return decoder.decode(parts[1]);
}

/** That somebody with a good key is heard, and nobody was who was kept out. */
async function assertWorks(lab: Lab, keys: CurveClient | null): Promise<void> {
  const dealer = say(lab, "good", keys);
  let text;
  // Anybody can say anything where there are no keys.
  do text = await heard(lab); while (keys === null && text !== "good" && text !== "evil");
  assertEquals(text, "good");
  assert(lab.door.admits(lab.router.sourceUserId));
  await dealer.close();
}

function test(name: string, kind: "CURVE" | "plain", body: (lab: Lab) => Promise<void>): void {
  Deno.test({ name, ignore, fn: () => withDoor(kind, body) });
}

const good = { ...listed, serverKey: own?.publicKey };

test(
  "with CURVE, a peer whose key is listed is heard, and known by its key",
  "CURVE",
  async (lab) => {
    const dealer = say(lab, "hello", good);
    assertEquals(await heard(lab), "hello");
    assertEquals(lab.router.sourceUserId, listed.publicKey);
    assertEquals(lab.log, []);
    await dealer.close();
  },
);

const strangers: Record<string, [CurveClient | null, RegExp]> = {
  "a key that is not listed": [
    { ...unlisted, serverKey: own?.publicKey },
    /^warning: dispatch: a peer at 127\.0\.0\.1 is refused, since --curve-clients does not have its key, \S{40}$/,
  ],
  "another public key of the dispatcher": [
    { ...listed, serverKey: another?.publicKey },
    /^warning: dispatch: a peer at \S.* is refused: it has another public key for this dispatcher/,
  ],
  "a listed public key without the secret one": [
    { publicKey: listed?.publicKey, secretKey: another?.secretKey, serverKey: own?.publicKey },
    /^warning: dispatch: a peer at \S.* is refused: it has another public key .*, or no good key itself$/,
  ],
  "no keys": [
    null,
    /^warning: dispatch: a peer at \S.* is refused: one of the two sides uses CURVE, and the other does not$/,
  ],
};
for (const [what, [keys, line]] of Object.entries(strangers)) {
  test(
    `with CURVE, a peer with ${what} is not heard, and the log says why`,
    "CURVE",
    async (lab) => {
      const dealer = say(lab, "evil", keys);
      await eventually(() => lab.log.length > 0);
      assertMatch(lab.log[0], line);
      await assertWorks(lab, good);
      await dealer.close();
    },
  );
}

test("without CURVE, a peer that wants it is not heard", "plain", async (lab) => {
  const dealer = say(lab, "evil", good);
  await eventually(() => lab.log.length > 0);
  assertMatch(lab.log[0], /one of the two sides uses CURVE, and the other does not$/);
  await assertWorks(lab, null);
  await dealer.close();
});

test(
  "keys that are read again count for new connections, and for old ones",
  "CURVE",
  async (lab) => {
    await Deno.writeTextFile(lab.file, `${unlisted.publicKey}\n`);
    const dealer = say(lab, "before", good);
    assertEquals(await heard(lab), "before");
    const key = lab.router.sourceUserId;
    assert(lab.door.admits(key));
    lab.clients.reread();
    assert(!lab.door.admits(key));
    const late = say(lab, "evil", good);
    await eventually(() => lab.log.length > 1);
    await assertWorks(lab, { ...unlisted, serverKey: own.publicKey });
    assertEquals(lab.log[0], "info: dispatch: 1 key is admitted, of which 1 is new; 1 is no more");
    await Promise.all([dealer.close(), late.close()]);
  },
);

test("keys that cannot be read again leave those from before", "CURVE", async (lab) => {
  await Deno.writeTextFile(lab.file, "nonsense\n");
  lab.clients.reread();
  assertEquals(lab.log, [
    `error: dispatch: the keys from before stay admitted: ${lab.file}:1 does not begin with a public key in Z85`,
  ]);
  await assertWorks(lab, good);
});

const greeting = new Uint8Array(64);
greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]);
greeting.set(encoder.encode("CURVE"), 12);
const GARBAGE: Record<string, Uint8Array> = {
  "an HTTP request": encoder.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
  "zeros": new Uint8Array(100_000),
  "a greeting of ZMTP and then ones": Uint8Array.from([
    ...greeting,
    ...new Uint8Array(1_000).fill(255),
  ]),
  "a greeting and a giant frame": Uint8Array.from([
    ...greeting,
    6,
    0x7f,
    255,
    255,
    255,
    255,
    255,
    255,
    255,
  ]),
  "a greeting of ZMTP 1.0": Uint8Array.from([1, 0, 5, 0, 1, 2, 3, 4]),
  "half a greeting": greeting.subarray(0, 20),
};
for (const kind of ["CURVE", "plain"] as const) {
  test(`bytes that are no handshake change nothing for others (${kind})`, kind, async (lab) => {
    const port = Number(lab.endpoint.split(":")[2]);
    const connections = await Promise.all(
      Object.values(GARBAGE).map(async (bytes) => {
        const connection = await Deno.connect({ port });
        // It may be closed by then.
        await connection.write(bytes).catch(() => {});
        return connection;
      }),
    );
    await assertWorks(lab, kind === "CURVE" ? good : null);
    for (const connection of connections) connection.close();
  });
}

test("a peer that is silent is disconnected, and the log says so", "CURVE", async (lab) => {
  const port = Number(lab.endpoint.split(":")[2]);
  using connection = await Deno.connect({ port });
  const local = connection.localAddr as Deno.NetAddr;
  const buffer = new Uint8Array(1_024);
  while (await connection.read(buffer).catch(() => null) !== null);
  await eventually(() => lab.log.length > 0);
  assertEquals(lab.log, [
    `warning: dispatch: a peer at 127.0.0.1:${local.port} did not finish its handshake in time`,
  ]);
});

test(
  "peers that are of no use make room for others, and those of use stay",
  "plain",
  async (lab) => {
    const port = Number(lab.endpoint.split(":")[2]);
    const handler = say(lab, "handler", null);
    assertEquals(await heard(lab), "handler");
    const visitor = lab.door.admit(lab.router.sourceDescriptor, "");
    assertMatch(visitor!.address, /^127\.0\.0\.1:\d+$/);
    const idle = await Promise.all(Array.from({ length: 300 }, () => Deno.connect({ port })));
    // The first ones are disconnected.
    const buffer = new Uint8Array(1_024);
    await eventually(() => lab.log.some((line) => line.includes("the oldest, at 127.0.0.1:")));
    for (const connection of idle.slice(0, 20)) {
      while (await connection.read(buffer).catch(() => null) !== null);
    }
    await assertWorks(lab, null);
    handler.send(encoder.encode("still there"));
    assertEquals(await heard(lab), "still there");
    for (const connection of idle) connection.close();
    // Of no more use, it is the one that has waited longest once the others have gone.
    lab.door.dismiss(visitor!);
    await handler.close();
  },
);
