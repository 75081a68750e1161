import { JoinedListener } from "../../src/net/joined_listener.ts";
import { parseListenAddress, unmapped } from "../../src/net/address.ts";
import { addressesOf } from "../../src/net/hosts.ts";
import type { Listening, ListenSpec } from "../../src/net/listen.ts";
import { listen } from "../../src/net/listen.ts";
import { ListenError } from "../../src/base/errors.ts";
import { soleIdentity } from "../../src/net/tls_identity.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const isLinux = Deno.build.os === "linux";
const hasIpv6 = canListen("::1");

function canListen(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

function spec(text: string, more: Partial<ListenSpec> = {}): ListenSpec {
  return { address: parseListenAddress(text), backlog: 16, tls: undefined, ...more };
}

const portOf = ({ addresses }: Listening) => (addresses[0] as Deno.NetAddr).port;
const hostsOf = ({ addresses }: Listening) =>
  addresses.map((address) => (address as Deno.NetAddr).hostname);

/** Whether a client gets through to the listener at this address. */
async function isServed({ listener }: Listening, hostname: string, port: number): Promise<boolean> {
  const accepting = listener.accept();
  using _client = await Deno.connect({ hostname, port });
  using _served = await accepting;
  return true;
}

Deno.test("a name stands for all of its addresses, at the same port", async () => {
  const hosts = ["127.0.0.1", ...hasIpv6 ? ["::1"] : []];
  for (const sharing of ["exclusive", "shared"] as const) {
    const listening = await listen(
      spec("name.example:0", { sharing }),
      () => Promise.resolve(hosts),
    );
    using _ = listening.listener;
    assertEquals(hostsOf(listening), hosts);
    const port = portOf(listening);
    assert(listening.addresses.every((address) => (address as Deno.NetAddr).port === port));
    for (const host of [...hosts, ...hosts]) assert(await isServed(listening, host, port));
  }
});

Deno.test("addresses that are none of this system's are left out, if there are others", async () => {
  // RFC 5737: for documentation alone.
  const lookUp = () => Promise.resolve(["198.51.100.7", "127.0.0.1"]);
  const listening = await listen(spec("name.example:0"), lookUp);
  using _ = listening.listener;
  assertEquals(hostsOf(listening), ["127.0.0.1"]);
  const none = () => Promise.resolve(["198.51.100.7", "203.0.113.7"]);
  await assertRejects(() => listen(spec("name.example:0"), none), ListenError, "name.example:0");
});

Deno.test("an address of a name that is in use is told, and none of the others kept", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const hosts = ["127.0.0.1"];
  if (hasIpv6) hosts.unshift("::1");
  await assertRejects(
    () => listen(spec(`name.example:${port}`), () => Promise.resolve(hosts)),
    ListenError,
    "in use",
  );
  if (hasIpv6) Deno.listen({ hostname: "::1", port }).close();
});

Deno.test("what is to speak TLS is not opened as a unix socket, where it would not", () =>
  inFolder({}, async (folder) => {
    const tls = soleIdentity({ cert: "", key: "" });
    const opening = () => listen(spec(`unix:${folder}/s`, { tls }));
    await assertRejects(opening, ListenError, "the runtime has no TLS over unix sockets");
    assertEquals([...Deno.readDirSync(folder)], []);
  }));

Deno.test("names are looked up, addresses are not", async () => {
  for (const address of ["127.0.0.1", "::1", "10.0.0.255"]) {
    assertEquals(await addressesOf(address), [address]);
  }
  const found = await addressesOf("localhost");
  assert(found.length > 0 && new Set(found).size === found.length, String(found));
  assert(found.every((address) => ["127.0.0.1", "::1"].includes(address)), String(found));
  assertEquals(await addressesOf("no-such-name.invalid"), ["no-such-name.invalid"]);
  await assertRejects(() => listen(spec("no-such-name.invalid:0")), ListenError);
});

Deno.test("without a host, every interface of IPv4 and IPv6 is listened at", async () => {
  const listening = await listen(spec(":0"));
  using _ = listening.listener;
  const port = portOf(listening);
  assert(await isServed(listening, "127.0.0.1", port));
  if (hasIpv6) assert(await isServed(listening, "::1", port));
  // Nobody else may have it.
  await assertRejects(() => listen(spec(`:${port}`)), ListenError, "in use");
  await assertRejects(() => listen(spec(`127.0.0.1:${port}`)), ListenError, "in use");
});

Deno.test("the address of an IPv4 client is told as such", () => {
  const address = (hostname: string) => ({ transport: "tcp", hostname, port: 1 }) as const;
  assertEquals(unmapped(address("::ffff:10.1.2.3")), address("10.1.2.3"));
  for (const other of ["10.1.2.3", "::1", "::ffff:a01:203", "2001:db8::ffff:10.1.2.3"]) {
    assertEquals(unmapped(address(other)), address(other));
  }
});

for (const [name, args] of [["one process", []], ["several", ["--processes", "2"]]] as const) {
  Deno.test(`--http :PORT serves IPv4 and IPv6 (${name})`, async () => {
    const all = ["--http", ":0", "--fastcgi", ":0", "--workers", "1", ...args];
    await using gateway = await startGateway([APP, ...all]);
    const { port } = gateway;
    assert(
      gateway.log.some((line) => /^listening fastcgi:\/\/(?:\[::\]|0\.0\.0\.0):\d+$/.test(line)),
    );
    for (const host of ["127.0.0.1", ...hasIpv6 ? ["::1"] : []]) {
      using client = new RawClient(await Deno.connect({ hostname: host, port }));
      await client.send(get("/info"));
      const info = JSON.parse((await client.receive()).body);
      assertEquals(info.remoteAddr.hostname, host);
      assertEquals(info.localAddr, { transport: "tcp", hostname: host, port });
      assertEquals(info.env.REMOTE_ADDR, host);
    }
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  });
}

Deno.test("a joined listener accepts in any order, and closes all of its parts", async () => {
  const parts = [0, 1, 2].map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = parts.map(({ addr }) => (addr as Deno.NetAddr).port);
  const joined = new JoinedListener(parts);
  assertEquals(joined.addr, parts[0].addr as Deno.NetAddr);
  const order = [2, 0, 0, 1, 2, 2, 1];
  const clients: Deno.Conn[] = [];
  for (const index of order) {
    clients.push(await Deno.connect({ hostname: "127.0.0.1", port: ports[index] }));
  }
  const served: number[] = [];
  for (const _ of order) {
    using conn = await joined.accept();
    served.push(ports.indexOf((conn.localAddr as Deno.NetAddr).port));
  }
  assertEquals(served.toSorted(), order.toSorted());
  // Two that come while one is waited for: the other waits for its turn.
  const accepting = joined.accept();
  clients.push(await Deno.connect({ hostname: "127.0.0.1", port: ports[0] }));
  clients.push(await Deno.connect({ hostname: "127.0.0.1", port: ports[1] }));
  (await accepting).close();
  (await joined.accept()).close();
  const pending = assertRejects(() => joined.accept(), Error);
  joined.close();
  await pending;
  await assertRejects(() => joined.accept(), Deno.errors.BadResource);
  // Their ports may be others' by now.
  for (const part of parts) await assertRejects(() => part.accept(), Deno.errors.BadResource);
  for (const client of clients) client.close();
});

Deno.test({
  name: "a unix socket queues as many connections as it is told",
  // Elsewhere, a queue that is full makes clients wait.
  ignore: !isLinux,
  async fn() {
    const folder = await Deno.makeTempDir();
    for (const sharing of ["exclusive", "shared"] as const) {
      for (const backlog of [1, 5]) {
        const path = `${folder}/a.sock`;
        const listening = await listen(spec(`unix:${path}`, { backlog, sharing }));
        const clients: Deno.Conn[] = [];
        // listen(2): Linux queues one more.
        for (let i = 0; i <= backlog; i++) {
          clients.push(await Deno.connect({ transport: "unix", path }));
        }
        await assertRejects(() => Deno.connect({ transport: "unix", path }), Error);
        for (const client of clients) client.close();
        listening.listener.close();
        listening.cleanUp();
      }
    }
    await Deno.remove(folder, { recursive: true });
  },
});
