import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FakeHandler } from "../support/dispatch_handler.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";
import { readClientKeys, readCurveKeys } from "../../src/zmq/curve_files.ts";

const ignore = libzmqIsMissing();

/** What a test is given: a folder with keys, and a Mongrel2. */
interface Scene {
  readonly folder: string;
  readonly mongrel2: FakeMongrel2;
  /** Starts a dispatcher at any port of 127.0.0.1, or elsewhere. */
  start(args: readonly string[], out?: string): Promise<GatewayProcess>;
}

function test(name: string, fn: (scene: Scene) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        await using cleanUp = new AsyncDisposableStack();
        const mongrel2 = cleanUp.use(new FakeMongrel2());
        const source = `${mongrel2.send},recv=${mongrel2.recv}`;
        await fn({
          folder,
          mongrel2,
          start: async (args, out = "tcp://127.0.0.1:0") =>
            cleanUp.use(await startGateway(["dispatch", source, out, ...args])),
        });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

async function endpointOf(dispatcher: GatewayProcess): Promise<string> {
  const line = await dispatcher.logged(/^listening dispatch\+tcp:/);
  return line.replace("listening dispatch+", "");
}

async function keygen(path: string): Promise<string> {
  const { code, stdout, stderr } = await runGateway(["dispatch", "keygen", path]);
  assertEquals(code, 0, stderr);
  return stdout;
}

test("keygen makes a pair of keys that only its owner can use, and prints the public one", async ({ folder }) => {
  const path = `${folder}/web-1.key`;
  const stdout = await keygen(path);
  const { publicKey, secretKey } = readCurveKeys(`${path}_secret`);
  assertEquals([...readClientKeys(path).keys()], [publicKey]);
  assertEquals(
    stdout,
    `${path} has the public key, ${publicKey}\n${path}_secret has the secret one\n`,
  );
  assert(!stdout.includes(secretKey));
  assertEquals(Deno.statSync(`${path}_secret`).mode! & 0o777, 0o600);
  assert(!Deno.readTextFileSync(path).includes(secretKey));
});

test("keygen replaces no file, and leaves none behind if it cannot write both", async ({ folder }) => {
  const path = `${folder}/a.key`;
  await Deno.writeTextFile(path, "mine");
  for (let i = 0; i < 2; i++) {
    const { code, stderr } = await runGateway(["dispatch", "keygen", path]);
    assertEquals([code, stderr], [
      2,
      `gatehouse: ${path} is there already: it is not replaced (see gatehouse dispatch --help)\n`,
    ]);
  }
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.key"]);
});

test("dispatch with keys gives requests to handlers that are listed, and reads the list again on SIGHUP", async (scene) => {
  const { folder, mongrel2 } = scene;
  await Promise.all(["hub", "web"].map((name) => keygen(`${folder}/${name}`)));
  const list = `${folder}/list`;
  await Deno.writeTextFile(list, "# nobody yet\n");
  const dispatcher = await scene.start([
    "--curve-secret-key",
    `${folder}/hub_secret`,
    "--curve-clients",
    list,
  ]);
  await dispatcher.logged(/^warning: \S+\/list has no keys: nobody is admitted$/);
  const endpoint = await endpointOf(dispatcher);
  const web = readCurveKeys(`${folder}/web_secret`);
  const serverKey = readCurveKeys(`${folder}/hub_secret`).publicKey;
  await using early = new FakeHandler(endpoint, "early", 1, { ...web, serverKey });
  early.hello();
  const refusal = await dispatcher.logged(/^warning: dispatch: a peer at 127\.0\.0\.1 is refused/);
  assert(refusal.includes(web.publicKey), refusal);
  await Deno.writeTextFile(list, `${web.publicKey}\n`);
  dispatcher.kill("SIGHUP");
  await dispatcher.logged(/^dispatch: 1 key is admitted, of which 1 is new; 0 are no more$/);
  await using handler = new FakeHandler(endpoint, "late", 1, { ...web, serverKey });
  handler.hello();
  await handler.next("welcome");
  await mongrel2.request(1, "/");
  handler.answer(await handler.request(), "encrypted");
  assertMatch(await mongrel2.reply(), /encrypted$/);
  await Deno.writeTextFile(list, "nonsense");
  dispatcher.kill("SIGHUP");
  await dispatcher.logged(/^error: dispatch: the keys from before stay admitted: \S+\/list:1 /);
  await Deno.writeTextFile(list, "");
  dispatcher.kill("SIGHUP");
  assertEquals((await handler.next("refused")).reason, "--curve-clients does not have its key");
  dispatcher.kill("SIGTERM");
  assertEquals((await dispatcher.status).code, 0);
  const { secretKey } = web;
  assert(!dispatcher.log.join("\n").includes(secretKey));
});

test("a gateway behind two dispatchers in a row serves over encrypted connections", async (scene) => {
  const { folder, mongrel2 } = scene;
  await Promise.all(["front", "back", "web"].map((name) => keygen(`${folder}/${name}`)));
  const keyOf = (name: string) => readCurveKeys(`${folder}/${name}_secret`).publicKey;
  const trust = (own: string, client: string) => [
    "--curve-secret-key",
    `${folder}/${own}_secret`,
    "--curve-clients",
    `${folder}/${client}`,
  ];
  const link = async (to: GatewayProcess, server: string, own: string) =>
    `dispatch+${await endpointOf(to)},curve-server=${
      keyOf(server)
    },curve-secret-key=${folder}/${own}_secret`;
  const front = await scene.start(trust("front", "back"));
  await using back = await startGateway([
    "dispatch",
    await link(front, "front", "back"),
    "tcp://127.0.0.1:0",
    ...trust("back", "web"),
  ]);
  await using _web = await startGateway(["app.ts", "--mongrel2", await link(back, "back", "web")], {
    cwd: new URL("../fixtures", import.meta.url).pathname,
  });
  await front.logged(/^dispatch: handler \S+ has come/);
  await mongrel2.request(1, "/");
  assertMatch(await mongrel2.reply(), /^server 1:1, HTTP\/1\.1 200 OK/);
  // The one behind does not have the keys of the one in front.
  await using stranger = await startGateway(
    ["app.ts", "--mongrel2", await link(front, "front", "web")],
    { cwd: new URL("../fixtures", import.meta.url).pathname },
  );
  await stranger.logged(/: it does not admit this handler's key$/);
  await front.logged(/is refused, since --curve-clients does not have its key/);
});

const refused: Record<string, [readonly string[], RegExp]> = {
  "a secret key that is not there": [
    ["--curve-secret-key", "/nowhere", "--curve-clients", "/nowhere"],
    /^gatehouse: \/nowhere cannot be read: /,
  ],
  "an expression that is malformed": [
    ["--sticky-regex", "(a"],
    /^gatehouse: --sticky-regex "\(a": .*missing closing \): `\(a` \(see gatehouse dispatch --help\)\n$/,
  ],
};
for (const [what, [args, line]] of Object.entries(refused)) {
  test(`dispatch with ${what} says so in one line, and exits with 2`, async () => {
    const { code, stderr } = await runGateway([
      "dispatch",
      "tcp://127.0.0.1:2",
      "tcp://127.0.0.1:0",
      ...args,
    ]);
    assertMatch(stderr, line);
    assertEquals(code, 2);
  });
}

const OPEN = /^warning: dispatch: whoever can connect to tcp:\/\/\S+ can become a handler/;

test("dispatch warns that strangers can become handlers, unless only this machine can connect", async (scene) => {
  const { folder } = scene;
  await keygen(`${folder}/hub`);
  const open = await scene.start([], "tcp://*:0");
  await open.logged(OPEN);
  const keys = ["--curve-secret-key", `${folder}/hub_secret`, "--curve-clients", `${folder}/hub`];
  for (
    const [args, out] of [[[], undefined], [[], "tcp://[::1]:0"], [keys, "tcp://*:0"]] as const
  ) {
    const closed = await scene.start(args, out);
    await endpointOf(closed);
    assert(!closed.log.some((line) => OPEN.test(line)), closed.log.join("\n"));
  }
});

test("dispatch with --sticky-cookie gives requests with one cookie to one handler", async (scene) => {
  const { mongrel2 } = scene;
  const dispatcher = await scene.start(["--sticky-cookie", "sid"]);
  const endpoint = await endpointOf(dispatcher);
  await using one = await FakeHandler.joined(endpoint, "one", 100);
  await using other = await FakeHandler.joined(endpoint, "other", 100);
  let conn = 0;
  const peers = new Set<string>();
  for (const sid of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
    const names = new Set<string>();
    for (let i = 0; i < 4; i++) {
      await mongrel2.request(++conn, "/", { cookie: `sid=${sid}` });
      const handler = await eventually(() =>
        [one, other].find((each) => {
          each.look();
          return each.messages.some(({ kind }) => kind === "request");
        }) ?? null
      );
      handler.answer(await handler.request(), "");
      await mongrel2.reply();
      names.add(handler.name);
    }
    assertEquals(names.size, 1, sid);
    for (const name of names) peers.add(name);
  }
  assertEquals(peers.size, 2);
});
