import { assert } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { residentBytes } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

/** Heads are kept one after another in pieces of memory of this size. */
const SLAB_BYTES = 65_536;
const IDLE_CONNECTIONS = 500;
const APP = `export default () => new Response("hello");`;
const LARGE = `GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${"x".repeat(8_000)}\r\n\r\n`;

Deno.test({
  name: "an idle connection does not keep the memory of requests that came over others",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await inFolder({ "app.js": APP }, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.js`, "--workers=0"]);
      using busy = await RawClient.connect(gateway.port);
      const ask = async (client: RawClient, request: string) => {
        await client.send(request);
        await client.receive();
      };
      const fillSlab = async () => {
        for (let bytes = 0; bytes < SLAB_BYTES; bytes += 8_000) await ask(busy, LARGE);
      };
      const idle: RawClient[] = [];
      try {
        for (let i = 0; i < 200; i++) await fillSlab();
        const before = residentBytes(gateway.pid);
        while (idle.length < IDLE_CONNECTIONS) {
          const client = await RawClient.connect(gateway.port);
          idle.push(client);
          await ask(client, get("/"));
          await fillSlab();
        }
        const more = residentBytes(gateway.pid) - before;
        // The connections themselves, and steps of V8's heap, take up to half as much.
        assert(more < IDLE_CONNECTIONS * SLAB_BYTES * 3 / 4, `${more / 1_048_576} MiB more`);
      } finally {
        for (const client of idle) client[Symbol.dispose]();
      }
    });
  },
});
