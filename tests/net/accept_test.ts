import { assert, assertEquals } from "../support/assert.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import { RawFastCgiClient, startFastCgi } from "../support/fastcgi.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { inFolder, until } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { canReset, isStopped, openSockets, resetConnections } from "../support/sockets.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const needsOpenssl = isMissing("openssl");
const isLinux = Deno.build.os === "linux";
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A gateway on one port, and how it is asked whether it is well. */
interface Endpoint {
  readonly gateway: GatewayProcess;
  readonly port: number;
  ask(): Promise<string>;
}

const http = async (port: number) => {
  using client = await RawClient.connect(port);
  await client.send(get("/"));
  return (await client.receive()).body;
};

const endpoints: Record<string, (folder: string) => Promise<Endpoint>> = {
  async http() {
    const gateway = await startGateway([APP, "--workers=1"]);
    return { gateway, port: gateway.port, ask: () => http(gateway.port) };
  },
  async https(folder) {
    const { certFile, keyFile, cert } = await makeOwnCertificate(folder);
    const gateway = await startGateway([
      ...[APP, "--workers=1", "--https=127.0.0.1:0"],
      ...[`--cert=${certFile}`, `--key=${keyFile}`],
    ]);
    return { gateway, port: gateway.port, ask: () => https(gateway.port, cert) };
  },
  async fastcgi() {
    const gateway = await startFastCgi([APP, "--workers=1"]);
    const { fastcgiPort: port } = gateway;
    return { gateway, port, ask: () => fastcgi(port) };
  },
};

async function https(port: number, cert: string): Promise<string> {
  const conn = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [cert] });
  using client = new RawClient(conn);
  await client.send(get("/"));
  return (await client.receive()).body;
}

async function fastcgi(port: number): Promise<string> {
  using client = await RawFastCgiClient.connect(port);
  return (await client.ask(1, "/")).body;
}

for (const [name, start] of Object.entries(endpoints)) {
  Deno.test({
    name: `clients that are gone before they are accepted hold up nobody: ${name}`,
    ignore: !canReset || (name === "https" && needsOpenssl),
    async fn() {
      await inFolder({}, async (folder) => {
        const { gateway, port, ask } = await start(folder);
        await using _gateway = gateway;
        assertEquals(await ask(), "hello");
        // It finds all of them, and a client behind them, in its queue.
        gateway.kill("SIGSTOP");
        await until(() => isStopped(gateway.pid));
        resetConnections(port, 150);
        const asking = ask();
        await sleep(50);
        resetConnections(port, 150);
        gateway.kill("SIGCONT");
        assertEquals(await asking, "hello");
        assertEquals(await ask(), "hello");
        // Deno finds out with the first read, where there is TLS.
        const faults = name === "https" ? 0 : 300;
        const told = () =>
          gateway.log.map((line) => /cannot accept (?:a|(\d+)) connections?: /.exec(line))
            .filter((match) => match !== null);
        await until(() =>
          told().reduce((sum, [, count = "1"]) => sum + Number(count), 0) === faults
        );
        // Told of in a line a second: it took nothing like a tenth of a second for each.
        assert(told().length <= 5, gateway.log.join("\n"));
      });
    },
  });
}

Deno.test({
  name: "TLS clients that stall hold up nobody, and are cut off in time",
  ignore: needsOpenssl || !isLinux,
  async fn(test) {
    await inFolder({}, async (folder) => {
      const { certFile, keyFile, cert } = await makeOwnCertificate(folder);
      await using gateway = await startGateway([
        ...[APP, "--workers=1", "--https=127.0.0.1:0", `--cert=${certFile}`, `--key=${keyFile}`],
        ...["--header-timeout=500ms", "--body-timeout=500ms"],
      ]);
      const { port, pid } = gateway;
      const before = openSockets(pid);
      const clientHello = Uint8Array.of(22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3);
      const starts: Record<string, Uint8Array> = {
        "say nothing": new Uint8Array(0),
        "begin their handshake": clientHello,
        "begin a record": clientHello.subarray(0, 3),
      };
      for (const [what, bytes] of Object.entries(starts)) {
        await test.step(`that ${what}`, async () => {
          const stalled = await Promise.all(
            Array.from({ length: 20 }, () => RawClient.connect(port)),
          );
          for (const each of stalled) await each.send(bytes);
          assertEquals(await https(port, cert), "hello");
          await until(() => openSockets(pid) === before);
          for (const each of stalled) each[Symbol.dispose]();
        });
      }
      await test.step("that read nothing of their answer", async () => {
        const conns = await Promise.all(
          Array.from(
            { length: 5 },
            () => Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [cert] }),
          ),
        );
        const clients = conns.map((conn) => new RawClient(conn));
        for (const each of clients) await each.send(get("/bytes?n=100000000"));
        await until(() => openSockets(pid) > before);
        await until(() => openSockets(pid) === before);
        assertEquals(await https(port, cert), "hello");
        for (const each of clients) each[Symbol.dispose]();
      });
    });
  },
});

Deno.test({
  name: "the sockets of clients that read nothing are closed in time",
  ignore: !isLinux,
  async fn() {
    await using gateway = await startGateway([APP, "--workers=1", "--body-timeout=500ms"]);
    const { port, pid } = gateway;
    const before = openSockets(pid);
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(port)));
    for (const each of clients) await each.send(get("/bytes?n=100000000"));
    await until(() => openSockets(pid) === before + 5);
    await until(() => openSockets(pid) === before);
    for (const each of clients) each[Symbol.dispose]();
  },
});
