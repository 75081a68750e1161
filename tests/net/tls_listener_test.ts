import type { Log } from "../../src/base/log.ts";
import { ownKeyPair } from "../../src/certificates/keys.ts";
import { readCertificate } from "../../src/certificates/codec/x509.ts";
import { identityOf } from "../../src/certificates/identity.ts";
import { MoveError } from "../../src/net/moved_socket.ts";
import type { TlsIdentity, TlsKeyPair } from "../../src/net/tls_identity.ts";
import { soleIdentity } from "../../src/net/tls_identity.ts";
import { checkKeys, TlsListener } from "../../src/net/tls_listener.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../support/assert.ts";

const LINUX = { ignore: Deno.build.os !== "linux" };
const ANY_PORT = { hostname: "127.0.0.1", port: 0 };
/** Deno's own name for the symbol under which a client says what it asks for. */
const { serverNameSymbol } = (Deno as unknown as Record<symbol, { serverNameSymbol: symbol }>)[
  (Deno as unknown as { internal: symbol }).internal
];

/** Answers each connection with the line that it is sent, until the listener is closed. */
class Echo implements AsyncDisposable {
  readonly listener: TlsListener;
  readonly #serving: Promise<void>;
  readonly #open = new Set<Promise<void>>();

  constructor(identity: TlsIdentity, log?: Log) {
    this.listener = new TlsListener(ANY_PORT, identity, log);
    this.#serving = this.#serve();
  }

  get port(): number {
    return this.listener.addr.port;
  }

  async #serve(): Promise<void> {
    for await (const conn of this.listener) {
      assertEquals((conn.localAddr as Deno.NetAddr).port, this.port);
      this.#open.add(echo(conn));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    await this.#serving;
    await Promise.all(this.#open);
  }
}

async function echo(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64);
  try {
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) break;
      await conn.write(buffer.subarray(0, count));
    }
  } catch (error) {
    // The client does not trust the certificate.
    if (!(error instanceof Error)) throw error;
  } finally {
    conn.close();
  }
}

/** Connects as a client that trusts `pair` alone, and asks for `name`. */
async function connect(port: number, pair: TlsKeyPair, name: string): Promise<Deno.TlsConn> {
  const conn = await Deno.connectTls({
    hostname: "127.0.0.1",
    port,
    caCerts: [pair.cert],
    [serverNameSymbol]: name,
  } as Deno.ConnectTlsOptions);
  try {
    await conn.handshake();
    return conn;
  } catch (error) {
    conn.close();
    throw error;
  }
}

async function answers(conn: Deno.TlsConn): Promise<void> {
  await conn.write(Uint8Array.of(7));
  const buffer = new Uint8Array(8);
  assertEquals([await conn.read(buffer), buffer[0]], [1, 7]);
}

async function isShown(port: number, pair: TlsKeyPair, name: string): Promise<void> {
  using conn = await connect(port, pair, name);
  await answers(conn);
}

async function identityFor(...names: string[]): Promise<{ pairs: TlsKeyPair[]; all: TlsIdentity }> {
  const pairs = await Promise.all(names.map((name) => ownKeyPair([name])));
  const certificates = pairs.map((pair) => ({ ...pair, facts: readCertificate(pair.cert) }));
  return { pairs, all: identityOf(certificates) };
}

Deno.test({
  ...LINUX,
  name: "new connections see the new certificate, and open ones go on",
  async fn() {
    const [first, second] = [await ownKeyPair(["a.test"]), await ownKeyPair(["a.test"])];
    await using server = new Echo(soleIdentity(first));
    using before = await connect(server.port, first, "a.test");
    server.listener.renew(soleIdentity(second));
    await isShown(server.port, second, "a.test");
    await assertRejects(() => connect(server.port, first, "a.test"), Error);
    await answers(before);
    server.listener.renew(soleIdentity(first));
    await isShown(server.port, first, "a.test");
    await answers(before);
  },
});

Deno.test({
  ...LINUX,
  name:
    "no connection is lost, and no socket left, while certificates are replaced again and again",
  async fn() {
    const pair = await ownKeyPair(["a.test"]);
    await using server = new Echo(soleIdentity(pair));
    const countSockets = () => [...Deno.readDirSync("/proc/self/fd")].length;
    await isShown(server.port, pair, "a.test");
    const before = countSockets();
    let isOver = false;
    let connections = 0;
    const clients = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        await isShown(server.port, pair, "a.test");
        connections++;
      }
    });
    for (let renewals = 0; renewals < 20; renewals++) {
      const seen = connections;
      server.listener.renew(soleIdentity(pair));
      while (connections < seen + 2) await isShown(server.port, pair, "a.test");
    }
    isOver = true;
    await Promise.all(clients);
    assert(connections >= 40);
    // Sockets of clients that have gone may still be about to be closed.
    for (let tries = 0; countSockets() > before && tries < 500; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert(countSockets() <= before);
  },
});

Deno.test({
  ...LINUX,
  name: "each client sees the certificate for its name, before and after they are replaced",
  async fn() {
    const old = await identityFor("a.test", "b.test");
    await using server = new Echo(old.all);
    await isShown(server.port, old.pairs[0], "a.test");
    await isShown(server.port, old.pairs[1], "b.test");
    await isShown(server.port, old.pairs[1], "B.Test");
    const renewed = await identityFor("a.test", "b.test", "c.test");
    server.listener.renew(renewed.all);
    for (const [index, name] of ["a.test", "b.test", "c.test"].entries()) {
      await isShown(server.port, renewed.pairs[index], name);
    }
    await assertRejects(() => connect(server.port, old.pairs[0], "a.test"), Error);
    server.listener.renew(soleIdentity(old.pairs[0]));
    await isShown(server.port, old.pairs[0], "a.test");
  },
});

Deno.test({
  ...LINUX,
  name: "names that clients make up are forgotten again: the listener asks once more for all",
  async fn() {
    const { pairs: [pair, other] } = await identityFor("a.test", "b.test");
    // What is between the blocks does not count for the certificate, but is kept with it.
    const large = { ...pair, cert: `${"# \n".repeat(700_000)}${pair.cert}` };
    const asked: string[] = [];
    await using server = new Echo({
      pairs: [large, other],
      choose(name) {
        asked.push(name);
        return large;
      },
    });
    const ask = async (name: string) => {
      // The certificate is not for this name.
      await assertRejects(() => connect(server.port, pair, name), Error);
    };
    for (let number = 0; asked.filter((name) => name === "x.test").length < 2; number++) {
      assert(number < 30, "it keeps all names");
      await ask("x.test");
      await ask(`${number}.test`);
    }
    assert(asked.length > 4);
  },
});

Deno.test({
  ...LINUX,
  name: "a socket that has been moved once is moved again without a search among all descriptors",
  async fn() {
    const pair = await ownKeyPair(["a.test"]);
    await using server = new Echo(soleIdentity(pair));
    server.listener.renew(soleIdentity(pair));
    const { readDirSync } = Deno;
    let searches = 0;
    let withoutSearch = 0;
    try {
      Deno.readDirSync = (path) => {
        searches++;
        return readDirSync(path);
      };
      // Another thread of this process may open the descriptor that is expected to be the next one.
      for (let tries = 0; withoutSearch === 0 && tries < 50; tries++) {
        const before = searches;
        server.listener.renew(soleIdentity(pair));
        if (searches === before) withoutSearch++;
      }
    } finally {
      Deno.readDirSync = readDirSync;
    }
    assertEquals(withoutSearch, 1);
    await isShown(server.port, pair, "a.test");
  },
});

Deno.test({
  ...LINUX,
  name: "names that cannot be forgotten are told of once, and each further name tries nothing",
  async fn() {
    const { pairs: [pair, other] } = await identityFor("a.test", "b.test");
    const large = { ...pair, cert: `${"# \n".repeat(1_400_000)}${pair.cert}` };
    const lines: string[] = [];
    const told = Promise.withResolvers<void>();
    await using server = new Echo({ pairs: [large, other], choose: () => large }, (...line) => {
      lines.push(line.join(": "));
      told.resolve();
    });
    // Nothing can be moved that is not found.
    const { readDirSync } = Deno;
    let searches = 0;
    try {
      Deno.readDirSync = (path) => {
        if (path !== "/proc/self/fd") return readDirSync(path);
        searches++;
        return [][Symbol.iterator]();
      };
      const ask = (name: string) => assertRejects(() => connect(server.port, pair, name), Error);
      await Promise.all([ask("x.test"), ask("y.test"), ask("z.test")]);
      await told.promise;
      const before = searches;
      for (let number = 0; number < 5; number++) await ask(`${number}.test`);
      assertEquals(searches, before);
    } finally {
      Deno.readDirSync = readDirSync;
    }
    assertEquals(lines, [
      `warning: names that TLS clients ask for are kept: 0 sockets of this process listen at port ${server.port}`,
    ]);
  },
});

Deno.test({
  ...LINUX,
  name: "a pair that cannot be used changes nothing",
  async fn() {
    const { pairs: [first, second] } = await identityFor("a.test", "b.test");
    const mixed = { cert: first.cert, key: second.key };
    assertThrows(() => checkKeys(mixed), Error);
    await using server = new Echo(soleIdentity(first));
    assertThrows(() => server.listener.renew(soleIdentity(mixed)), Error);
    await isShown(server.port, first, "a.test");
  },
});

Deno.test({
  ...LINUX,
  name: "a socket that is listened at twice is not moved",
  async fn() {
    const pair = await ownKeyPair(["a.test"]);
    const options = { ...ANY_PORT, reusePort: true };
    using first = new TlsListener(options, soleIdentity(pair));
    using second = new TlsListener({ ...options, port: first.addr.port }, soleIdentity(pair));
    assertThrows(() => second.renew(soleIdentity(pair)), MoveError, "2 sockets of this process");
  },
});
