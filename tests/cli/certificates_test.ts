import { takeSurroundings } from "../../src/base/surroundings.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { Certificates } from "../../src/cli/certificates.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { ownKeyPair } from "../../src/certificates/keys.ts";
import type { TlsKeyPair } from "../../src/net/tls_identity.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const FILES = { "app.js": "export default ({ url }) => new Response(url);" };
const DAY_MS = 86_400_000;
const LINUX = { ignore: Deno.build.os !== "linux" };

function writePair(folder: string, name: string, { cert, key }: TlsKeyPair): void {
  // As deployments do: the files become others, one after another.
  for (const [ending, text] of [["pem", cert], ["key", key]]) {
    Deno.writeTextFileSync(`${folder}/${name}.new`, text);
    Deno.renameSync(`${folder}/${name}.new`, `${folder}/${name}.${ending}`);
  }
}

/** A connection of a client that trusts `pair` alone, and connects to `localhost`. */
async function connect(port: number, pair: TlsKeyPair): Promise<RawClient> {
  const conn = await Deno.connectTls({ hostname: "localhost", port, caCerts: [pair.cert] });
  try {
    await conn.handshake();
  } catch (error) {
    conn.close();
    throw error;
  }
  return new RawClient(conn);
}

async function answers(client: RawClient): Promise<void> {
  await client.send(get("/"));
  assertEquals((await client.receive()).status, 200);
}

async function isShown(gateway: GatewayProcess, pair: TlsKeyPair): Promise<void> {
  using client = await connect(gateway.port, pair);
  await answers(client);
}

const CHANGED = /^the certificates have changed: new connections get the new ones$/;

Deno.test({
  ...LINUX,
  name: "certificates that change are shown, those that do not fit are not, and connections stay",
  fn: () =>
    inFolder(FILES, async (folder) => {
      const [first, second, third, other] = await Promise.all(
        Array.from({ length: 4 }, () => ownKeyPair(["localhost"])),
      );
      const past = Date.now() - 2 * DAY_MS;
      const expired = await ownKeyPair(["localhost"], past, past + DAY_MS);
      const early = await ownKeyPair(["localhost"], Date.now() + DAY_MS);
      writePair(folder, "a", first);
      writePair(folder, "b", await ownKeyPair(["b.test"]));
      await using gateway = await startGateway([
        `${folder}/app.js`,
        "--workers=0",
        "--https=localhost:0",
        ...["a", "b"].flatMap((name) => [
          `--cert=${folder}/${name}.pem`,
          `--key=${folder}/${name}.key`,
        ]),
      ]);
      using kept = await connect(gateway.port, first);
      await answers(kept);

      writePair(folder, "a", second);
      await gateway.logged(CHANGED);
      await isShown(gateway, second);
      await assertRejects(() => connect(gateway.port, first), Error);

      for (
        const [write, message] of [
          [() => Deno.writeTextFileSync(`${folder}/a.key`, other.key), /KeyMismatch|consistent/],
          [() => writePair(folder, "a", expired), /it has expired: \d{4}-/],
          [() => writePair(folder, "a", early), /it is not valid before \d{4}-/],
          [
            () => Deno.writeTextFileSync(`${folder}/a.pem`, "damaged"),
            /a\.pem with --key .* the certificate from before stays: /,
          ],
          [() => Deno.removeSync(`${folder}/a.pem`), /--cert \S+a\.pem cannot be read: /],
        ] as const
      ) {
        const before = gateway.log.length;
        write();
        assertMatch(await gateway.logged(message, { before }), /^error: .* from before stays: /);
        await isShown(gateway, second);
      }

      // What the watcher does not see yet, SIGHUP does.
      const before = gateway.log.length;
      writePair(folder, "a", third);
      gateway.kill("SIGHUP");
      await gateway.logged(CHANGED, { before });
      await isShown(gateway, third);
      await answers(kept);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
    }),
});

Deno.test({
  ...LINUX,
  name: "requests over HTTP are redirected to HTTPS, if there is a certificate for their host",
  fn: () =>
    inFolder(FILES, async (folder) => {
      writePair(folder, "a", await ownKeyPair(["localhost", "*.a.test"]));
      await using gateway = await startGateway([
        `${folder}/app.js`,
        "--workers=0",
        "--redirect-http=127.0.0.1:0",
        "--redirect-http=127.0.0.1:0,proxy-protocol",
        "--trusted-proxies=127.0.0.0/8",
        `--access-log=${folder}/access.log`,
        "--https=127.0.0.1:0",
        `--cert=${folder}/a.pem`,
        `--key=${folder}/a.key`,
      ]);
      const [port, proxied] = gateway.log.filter((line) => line.startsWith("listening http:"))
        .map((line) => Number(line.match(/\d+$/)));
      const to = (host: string) => `https://${host}:${gateway.port}`;
      for (
        const [line, host, status, location] of [
          ["GET /a?b=%20c", "localhost", 301, `${to("localhost")}/a?b=%20c`],
          ["HEAD /", "x.a.test:80", 301, `${to("x.a.test")}/`],
          ["POST /form", "LOCALHOST", 308, `${to("localhost")}/form`],
          ["DELETE //evil.test/x", "localhost", 308, `${to("localhost")}//evil.test/x`],
          ["GET http://x.a.test/y", "x.a.test", 301, `${to("x.a.test")}/y`],
          ["OPTIONS *", "localhost", 308, `${to("localhost")}/`],
          ["GET /\\evil.test", "localhost", 400, null],
          ["GET /", "evil.test", 421, null],
          ["GET /", "x.y.a.test", 421, null],
          ["GET http://evil.test/", "evil.test", 421, null],
          ["GET /", "127.0.0.1", 421, null],
          ["GET /", "", 400, null],
          ["GET /.well-known/acme-challenge/token", "localhost", 301, undefined],
        ] as const
      ) {
        using client = await RawClient.connect(port);
        await client.send(`${line} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 0\r\n\r\n`);
        const answer = await client.receive(line.startsWith("HEAD") ? "head" : "response");
        assertEquals(answer.status, status, `${line} ${host}`);
        if (location !== undefined) {
          assertEquals(answer.headers.get("location"), location, `${line} ${host}`);
        }
      }
      using client = await RawClient.connect(proxied);
      await client.send(`PROXY TCP4 192.0.2.1 127.0.0.1 1 80\r\n${get("/p")}`);
      assertEquals((await client.receive()).headers.get("location"), `${to("localhost")}/p`);
      using forwarded = await RawClient.connect(port);
      await forwarded.send(
        "GET /f HTTP/1.1\r\nhost: proxy.test\r\nx-forwarded-for: 192.0.2.7\r\n" +
          "x-forwarded-host: x.a.test\r\n\r\n",
      );
      assertEquals((await forwarded.receive()).headers.get("location"), `${to("x.a.test")}/f`);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
      const lines = Deno.readTextFileSync(`${folder}/access.log`).trimEnd().split("\n")
        .map((line) => JSON.parse(line));
      assertEquals(
        lines.map(({ status }) => status),
        [301, 301, 308, 308, 301, 308, 400, 421, 421, 421, 421, 400, 301, 301, 301],
      );
      assertEquals(new Set(lines.map(({ mount }) => mount)), new Set([""]));
      assertEquals(lines.slice(13).map(({ client, target }) => [client, target]), [
        ["192.0.2.1", "/p"],
        ["192.0.2.7", "/f"],
      ]);
    }),
});

for (
  const [args, message] of [
    [["--cert=a.pem"], "each --cert needs a --key: there are 2 of the one and 1 of the other"],
    [
      ["--cert=b.pem", "--key=a.key"],
      /^--cert \S+b\.pem with --key \S+a\.key cannot be used: /,
    ],
    [["--cert=no.pem", "--key=a.key"], /^--cert \S+no\.pem cannot be read: /],
    [["--acme=a.test"], "--acme needs --redirect-http :80, or --http :80"],
    [["--acme=a.test", "--http=0"], "--acme needs --acme-agree-terms"],
    [["--acme=*.a.test"], "names with a star cannot be proved over HTTP"],
    [["--acme=ä.test"], "write it in ASCII, as xn--..."],
    [["--acme=127.0.0.1"], "--acme takes names of hosts"],
    [["--acme=a.test,,b.test"], "--acme takes names of hosts"],
    [["--acme-directory=http://a.test/"], "--acme-directory takes a URL with https:"],
    [["--acme-contact=a,b@c"], "--acme-contact takes an address of mail"],
    [
      ["--acme=a.test", "--http=0", "--acme-agree-terms", "--acme-state=a.pem"],
      /^--acme cannot use the folder \S+a\.pem\S+: .*name another one with --acme-state/,
    ],
  ] as [string[], string | RegExp][]
) {
  Deno.test({
    ...LINUX,
    name: `${args.join(" ")} is refused`,
    fn: () =>
      inFolder(FILES, async (folder) => {
        writePair(folder, "a", await ownKeyPair(["localhost"]));
        writePair(folder, "b", await ownKeyPair(["localhost"]));
        const inHere = (arg: string) => arg.replace(/=(\w+\.(?:pem|key))$/, `=${folder}/$1`);
        const common = ["--cert=a.pem", "--key=a.key", "--https=0"];
        const error = await assertRejects(
          async () => {
            const command = parseCommandLine(["app.js", ...[...common, ...args].map(inHere)]);
            assert(command.kind === "serve");
            (await Certificates.open(command.settings, takeSurroundings(), () => {}))[
              Symbol.dispose
            ]();
          },
          ConfigError,
        );
        if (typeof message === "string") assert(error.message.includes(message), error.message);
        else assertMatch(error.message, message);
      }),
  });
}
