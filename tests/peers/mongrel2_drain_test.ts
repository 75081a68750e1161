import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { becomes } from "./front_checks.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

const SETTINGS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "by default": {},
  "with flow control": { "download.flow_control": 1 },
  "with uploads that are streamed": { "upload.stream": 1 },
};

for (const [how, settings] of Object.entries(SETTINGS)) {
  Deno.test({
    name: `what a drain cuts off is closed in Mongrel2, logged, and exits 1 (${how})`,
    ignore: isMissing("mongrel2"),
    async fn() {
      await using server = await Mongrel2Server.start({ settings });
      await using gateway = await startGateway([
        APP,
        ...["--mongrel2", server.spec(), "--workers=1", "--drain-timeout=1s"],
      ]);
      const requests = {
        "that waits": get("/hang"),
        "that was answered in part": get(`/gated?file=${server.folder}/never`),
        "that streams": get("/stream?count=1000000&ms=20"),
        "with a body": "POST /hang HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "with an upload": "POST /hang HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" +
          "x".repeat(30_000),
        "that has another behind it": get("/hang") + get("/"),
      };
      const clients = new Map<string, RawClient>();
      const answers = new Map<string, string>();
      const ends: Promise<unknown>[] = [];
      for (const [what, request] of Object.entries(requests)) {
        const client = await RawClient.connect(server.port);
        clients.set(what, client);
        await client.send(request);
        ends.push(client.rest().then((answer) => answers.set(what, answer)));
      }
      const active = async () => (await (await fetch(`${server.url}/tally`)).json()).active;
      assertEquals(await active(), 0);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 1);
      const line = `warning: mongrel2: requests cut off: ${clients.size + 1}`;
      assert(gateway.log.includes(line), gateway.log.join("\n"));
      assert(await becomes(() => answers.size === clients.size), [...answers.keys()].join());
      await Promise.all(ends);
      for (const client of clients.values()) client[Symbol.dispose]();
      assertEquals(await server.uploadedFiles(), []);
    },
  });
}
