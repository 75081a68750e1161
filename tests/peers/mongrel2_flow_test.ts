import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { text } from "./front_checks.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const SIZES = [1_000_000, 102_401, 5, 1_000_000];
const CLIENTS = 4;

const ignore = isMissing("mongrel2");
const settings = { "download.flow_control": 1 };

function startHandler(server: Mongrel2Server, handler?: string): Promise<GatewayProcess> {
  return startGateway([APP, "--mongrel2", server.spec(handler), "--workers=1"]);
}

/** Connections on which the first request, the only one with DOWNLOAD_CREDITS, was answered. */
async function connections(server: Mongrel2Server): Promise<RawClient[]> {
  return await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const client = await RawClient.connect(server.port);
    await client.send(get("/"));
    assertEquals((await client.receive()).body, "hello");
    return client;
  }));
}

/** Asks for large responses on each of the connections at once, streamed and at one go. */
async function largeOnesArrive(clients: readonly RawClient[]): Promise<void> {
  await Promise.all(clients.map(async (client) => {
    for (const size of SIZES) {
      for (const path of ["/bytes", "/large"]) {
        await client.send(get(`${path}?n=${size}`));
        const { body } = await client.receive();
        assertEquals(body.length, size, path);
      }
    }
  }));
}

Deno.test({
  name:
    "with flow control, responses arrive whole while gateways share what Mongrel2 says, and one leaves",
  ignore,
  async fn(test) {
    await using server = await Mongrel2Server.start({ settings });
    await using first = await startHandler(server);
    const clients = await connections(server);
    await using _second = await startHandler(server);
    await test.step("both are there", () => largeOnesArrive(clients));
    await test.step("one leaves while it sends a response", async () => {
      const bytes = 4_000_000;
      // Each gets one.
      const responses = await Promise.all(
        Array.from({ length: 2 }, () => fetch(`${server.url}/bytes?n=${bytes}`)),
      );
      first.kill("SIGTERM");
      for (const response of responses) assertEquals((await response.bytes()).length, bytes);
      assertEquals((await first.status).code, 0);
      assertEquals(await text(fetch(`${server.url}/`)), "hello");
    });
    await test.step("one has left with which the connections began", () =>
      largeOnesArrive(clients));
    for (const client of clients) client[Symbol.dispose]();
  },
});

Deno.test({
  name: "with flow control, responses on connections that began with another route arrive whole",
  ignore,
  async fn() {
    const routes = { "/": "main", "/bytes": "other", "/large": "other" };
    await using server = await Mongrel2Server.start({ settings, routes });
    await using _main = await startHandler(server);
    await using _other = await startHandler(server, "other");
    const clients = await connections(server);
    await largeOnesArrive(clients);
    for (const client of clients) client[Symbol.dispose]();
  },
});

Deno.test({
  name: "without flow control, the first response of all arrives whole, however large",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start();
    await using _gateway = await startHandler(server);
    const response = await fetch(`${server.url}/bytes?n=4194304`);
    assert((await response.bytes()).length === 4_194_304);
  },
});
