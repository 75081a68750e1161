import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { FakeHandler } from "../../support/dispatch_handler.ts";
import { FakeMongrel2 } from "../../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../../support/peers.ts";
import { eventually } from "../../support/zmq.ts";
import { ClientKeys } from "../../../src/dispatch/curve/client_keys.ts";
import { DispatchHub } from "../../../src/dispatch/hub.ts";
import { DEFAULT_DISPATCH_LIMITS } from "../../../src/limits/dispatch_limits.ts";
import { DispatchLink, newInstance } from "../../../src/mongrel2/dispatch_link.ts";
import { newCurveKeys } from "../../../src/zmq/curve.ts";
import type { CurveClient } from "../../../src/zmq/curve.ts";

const ignore = libzmqIsMissing();
const decoder = new TextDecoder();

const [own, listed, other] = ignore ? [] : Array.from({ length: 3 }, () => newCurveKeys());
const good = { ...listed, serverKey: own?.publicKey };

interface Scene {
  readonly mongrel2: FakeMongrel2;
  readonly hub: DispatchHub;
  readonly clients: ClientKeys;
  readonly file: string;
  readonly log: string[];
  readonly cleanUp: AsyncDisposableStack;
}

function test(name: string, fn: (scene: Scene) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      const file = await Deno.makeTempFile();
      try {
        await using cleanUp = new AsyncDisposableStack();
        await Deno.writeTextFile(file, `${listed.publicKey}\n`);
        const log: string[] = [];
        const write = (level: string, message: string) => log.push(`${level}: ${message}`);
        const clients = new ClientKeys(file, write);
        const mongrel2 = cleanUp.use(new FakeMongrel2());
        const hub = cleanUp.use(
          new DispatchHub({
            source: { send: mongrel2.send, recv: mongrel2.recv },
            endpoint: "tcp://127.0.0.1:*",
            limits: { ...DEFAULT_DISPATCH_LIMITS, pingIntervalMs: 200 },
            keys: { own, clients },
            log: write,
          }),
        );
        await fn({ mongrel2, hub, clients, file, log, cleanUp });
      } finally {
        await Deno.remove(file);
      }
    },
  });
}

/** A handler of gatehouse that answers all, and what it has logged. */
function link({ hub, cleanUp }: Scene, curve?: CurveClient): { link: DispatchLink; log: string[] } {
  const log: string[] = [];
  const made = new DispatchLink({
    endpoint: hub.endpoint,
    name: "link",
    instance: newInstance(),
    load: { capacity: 4, generation: 1 },
    log: (level, message) => log.push(`${level}: ${message}`),
    ...curve === undefined ? {} : { curve },
  }, {
    onRequest(request, bytes) {
      const [sender, conn] = decoder.decode(bytes).split(" ", 2);
      const reply = `${sender} ${conn.length}:${conn}, HTTP/1.1 204 No Content\r\n\r\n`;
      made.reply(request, new TextEncoder().encode(reply));
      made.done(request, "answered");
    },
    onNotice() {},
    onUp() {},
    onAwaited() {},
    onClosing() {},
    onLost() {},
    onRoom() {},
  });
  cleanUp.defer(() => made.close());
  return { link: made, log };
}

async function assertServes({ mongrel2 }: Scene, conn: number): Promise<void> {
  await mongrel2.request(conn, "/");
  assertMatch(await mongrel2.reply(), /, HTTP\/1.1 204 No Content/);
}

test("a handler whose key is listed serves over an encrypted connection", async (scene) => {
  const { link: made, log } = link(scene, good);
  await eventually(() => made.isUp);
  await assertServes(scene, 1);
  assertEquals(log, []);
});

const strangers: Record<string, [CurveClient | undefined, RegExp]> = {
  "a key that is not listed": [
    { ...other, serverKey: own?.publicKey },
    /^warning: mongrel2: the dispatcher at tcp:\S+: it does not admit this handler's key$/,
  ],
  "no key": [
    undefined,
    /^warning: mongrel2: the dispatcher at tcp:\S+: one of the two sides uses CURVE, and the other does not$/,
  ],
};
for (const [what, [curve, line]] of Object.entries(strangers)) {
  test(`a handler with ${what} does not serve, says why, and harms nobody`, async (scene) => {
    const { link: made, log } = link(scene, curve);
    await eventually(() => log.length > 0);
    assertMatch(log[0], line);
    assert(!made.isUp);
    const { link: better } = link(scene, good);
    await eventually(() => better.isUp);
    await assertServes(scene, 1);
    assertEquals(scene.hub.dispatcher.handlerCount, 1);
  });
}

test("a handler that knows another key of the dispatcher tells it nothing", async (scene) => {
  const { link: made } = link(scene, { ...listed, serverKey: other.publicKey });
  await eventually(() => scene.log.some((line) => line.includes("another public key")));
  assert(!made.isUp);
  assertEquals(scene.hub.dispatcher.handlerCount, 0);
  const { link: better } = link(scene, good);
  await eventually(() => better.isUp);
});

test("a handler comes in as soon as its key is listed, and is out when it is no more", async (scene) => {
  const { link: made, log } = link(scene, { ...other, serverKey: own.publicKey });
  await eventually(() => log.length > 0);
  await Deno.writeTextFile(scene.file, `${other.publicKey}\n`);
  scene.clients.reread();
  scene.hub.checkKeys();
  await eventually(() => made.isUp);
  await assertServes(scene, 1);
  await Deno.writeTextFile(scene.file, `${listed.publicKey}\n`);
  scene.clients.reread();
  scene.hub.checkKeys();
  await eventually(() => !made.isUp);
  assertEquals(scene.hub.dispatcher.handlerCount, 0);
  await eventually(() =>
    log.some((line) => line.includes("refuses this handler: --curve-clients"))
  );
  await scene.mongrel2.request(2, "/");
  await eventually(() => scene.hub.dispatcher.waitingCount === 1);
});

test("what a handler has whose key is taken away, others get", async (scene) => {
  await Deno.writeTextFile(scene.file, `${listed.publicKey}\n${other.publicKey}\n`);
  scene.clients.reread();
  const slow = new FakeHandler(scene.hub.endpoint, "slow", 10, {
    ...other,
    serverKey: own.publicKey,
  });
  scene.cleanUp.use(slow);
  slow.hello();
  await slow.next("welcome");
  await scene.mongrel2.request(1, "/");
  await slow.request();
  const { link: made } = link(scene, good);
  await eventually(() => {
    slow.look();
    return made.isUp;
  });
  await Deno.writeTextFile(scene.file, `${listed.publicKey}\n`);
  scene.clients.reread();
  scene.hub.checkKeys();
  assertMatch(await scene.mongrel2.reply(), /, HTTP\/1.1 204 No Content/);
  assertEquals((await slow.next("refused")).reason, "--curve-clients does not have its key");
  // Its connection is closed, and it is not let in again.
  await eventually(() =>
    scene.log.some((line) => line.includes("is refused, since --curve-clients does not have"))
  );
  assertEquals(scene.hub.dispatcher.handlerCount, 1);
});
