import { assertEquals, assertMatch } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort, isMissing, run } from "../support/peers.ts";
import { inFolder, until } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const FILES = { "app.js": 'export default () => new Response("hello");' };
/** Deno's own name for the symbol under which a client says what it asks for. */
const { serverNameSymbol } = (Deno as unknown as Record<symbol, { serverNameSymbol: symbol }>)[
  (Deno as unknown as { internal: symbol }).internal
];

/** Pebble, Let's Encrypt's authority for tests, and a server of names at which everything is this machine. */
class Pebble implements AsyncDisposable {
  readonly port = freePort();
  readonly certFile: string;
  readonly #management = freePort();
  readonly #namesPort = freePort();
  readonly #children: Deno.ChildProcess[];

  private constructor(folder: string, certFile: string, keyFile: string, httpPort: number) {
    this.certFile = certFile;
    const names = `127.0.0.1:${this.#namesPort}`;
    const config = {
      listenAddress: `127.0.0.1:${this.port}`,
      managementListenAddress: `127.0.0.1:${this.#management}`,
      certificate: certFile,
      privateKey: keyFile,
      httpPort,
      tlsPort: httpPort,
    };
    Deno.writeTextFileSync(`${folder}/pebble.json`, JSON.stringify({ pebble: config }));
    const start = (program: string, ...args: string[]) =>
      new Deno.Command(program, {
        args,
        env: { PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "30" },
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
    this.#children = [
      start("pebble", "-config", `${folder}/pebble.json`, "-dnsserver", names),
      start(
        "pebble-challtestsrv",
        ...["-dns01", names, "-management", `127.0.0.1:${freePort()}`, "-defaultIPv6", ""],
        ...["-http01", "", "-https01", "", "-tlsalpn01", ""],
      ),
    ];
  }

  /** Starts it. It connects to `httpPort` where others connect to 80. */
  static async start(folder: string, httpPort: number): Promise<Pebble> {
    const [certFile, keyFile] = [`${folder}/ca.pem`, `${folder}/ca.key`];
    await run(
      "openssl",
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(" "),
      ...["-subj", "/CN=localhost", "-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyFile, "-out", certFile],
    );
    const pebble = new Pebble(folder, certFile, keyFile, httpPort);
    for (let attempt = 0; attempt < 500; attempt++) {
      try {
        await pebble.root();
        const nameServer = { ipAddr: "127.0.0.1", port: pebble.#namesPort };
        await Deno.resolveDns("a.test", "A", { nameServer });
        return pebble;
      } catch {
        // One of the two does not listen yet.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    throw new Error("pebble does not listen");
  }

  /** The certificate that its certificates are signed with. */
  async root(): Promise<string> {
    using client = Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(this.certFile)] });
    const response = await fetch(`https://127.0.0.1:${this.#management}/roots/0`, { client });
    return await response.text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.splice(0)) {
      child.kill("SIGKILL");
      await child.status;
    }
  }
}

async function isServed(gateway: GatewayProcess, name: string, root: string): Promise<void> {
  const conn = await Deno.connectTls({
    hostname: "127.0.0.1",
    port: Number(gateway.log.find((line) => line.startsWith("listening https"))!.match(/\d+$/)),
    caCerts: [root],
    [serverNameSymbol]: name,
  } as Deno.ConnectTlsOptions);
  using client = new RawClient(conn);
  await client.send(get("/"));
  assertEquals((await client.receive()).body, "hello");
}

Deno.test({
  ignore: Deno.build.os !== "linux" || isMissing("pebble") || isMissing("pebble-challtestsrv"),
  name: "an authority gives certificates, which are served at once, and after a start without it",
  fn: () =>
    inFolder(FILES, async (folder) => {
      const httpPort = freePort();
      await using pebble = await Pebble.start(folder, httpPort);
      const root = await pebble.root();
      const start = () =>
        startGateway([
          `${folder}/app.js`,
          "--workers=0",
          "--https=127.0.0.1:0",
          `--redirect-http=127.0.0.1:${httpPort}`,
          "--acme=a.test,www.a.test",
          "--acme=b.test",
          "--acme-agree-terms",
          "--acme-contact=admin@a.test",
          `--acme-directory=https://127.0.0.1:${pebble.port}/dir`,
          `--acme-state=${folder}/state`,
          `--access-log=${folder}/access.log`,
          "--access-log-format=%U %s %{mount}g",
        ], { env: { DENO_CERT: pebble.certFile } });
      {
        await using gateway = await start();
        await gateway.logged(
          /^new certificate for a\.test, www\.a\.test from 127\.0\.0\.1, until /,
        );
        await gateway.logged(/^new certificate for b\.test from 127\.0\.0\.1, until /);
        await until(() =>
          gateway.log.filter((line) => line.startsWith("the certificates have changed")).length > 1
        );
        for (const name of ["a.test", "www.a.test", "b.test"]) {
          await isServed(gateway, name, root);
        }
        using client = await RawClient.connect(httpPort);
        await client.send("GET /x HTTP/1.1\r\nhost: b.test\r\n\r\n");
        assertMatch(
          (await client.receive()).headers.get("location")!,
          /^https:\/\/b\.test:\d+\/x$/,
        );
        await until(() => {
          const log = Deno.readTextFileSync(`${folder}/access.log`);
          return /^\/\.well-known\/acme-challenge\/\S+ 200 -$/m.test(log) &&
            /^\/ 200 \/$/m.test(log);
        });
      }
      await pebble[Symbol.asyncDispose]();
      await using again = await start();
      for (const name of ["a.test", "b.test"]) await isServed(again, name, root);
      assertEquals(again.log.filter((line) => /certificate/.test(line)), []);
    }),
});
