import { assert, assertEquals } from "../support/assert.ts";
import { RawFastCgiClient, startFastCgi } from "../support/fastcgi.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { startGateway } from "../support/gateway.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("./app.ts", import.meta.url).pathname;

/** Asks for `path` over the one connection that there is. */
type Ask = (path: string) => Promise<{ status: number; body: string }>;

const protocols: Record<
  string,
  (args: string[], test: (ask: Ask) => Promise<void>) => Promise<void>
> = {
  HTTP: async (args, test) => {
    await using gateway = await startGateway(args);
    using client = await RawClient.connect(gateway.port);
    await test(async (path) => {
      await client.send(get(path));
      return await client.receive();
    });
  },
  FastCGI: async (args, test) => {
    await using gateway = await startFastCgi(args);
    using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
    let id = 0;
    await test((path) => client.ask(++id, path));
  },
  Mongrel2: async (args, test) => {
    await using server = new FakeMongrel2();
    const { send, recv } = server;
    await using _ = await startGateway([...args, `--mongrel2=${send},recv=${recv}`]);
    await test(async (path) => {
      await server.request(7, path);
      const [, status, body] = /HTTP\/1\.1 (\d+) [\s\S]*?\r\n\r\n([\s\S]*)$/.exec(
        await server.reply(),
      )!;
      return { status: Number(status), body };
    });
  },
};

for (const [protocol, serve] of Object.entries(protocols)) {
  for (const workers of [1, 0]) {
    Deno.test({
      name:
        `over ${protocol}, with --workers ${workers}, a request that takes too long gets 504, ` +
        "its app is told, and the connection goes on",
      ignore: protocol === "Mongrel2" && libzmqIsMissing(),
      async fn() {
        await serve([APP, `--workers=${workers}`, "--request-timeout=1"], async (ask) => {
          const { body: worker } = await ask("/worker");
          for (let i = 1; i <= 3; i++) {
            const { status, body } = await ask("/until-aborted");
            assertEquals(status, 504);
            assert(!body.includes("too late"));
            // What the app answers after all is in nobody's way, and its worker is the same.
            const after = await ask("/reasons");
            const reasons = Array.from({ length: i }, () => "TimeoutError");
            assertEquals(JSON.parse(after.body), { worker, reasons });
          }
        });
      },
    });
  }
}
