import type { Exchange } from "../../src/message/exchange.ts";
import { NOBODY, WHOLE_BODY } from "../../src/message/exchange.ts";
import { Mongrel2Endpoint } from "../../src/mongrel2/endpoint.ts";
import { DEFAULT_REQUEST_LIMITS } from "../../src/message/request_limits.ts";
import { assertEquals, assertMatch } from "../support/assert.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";

const ignore = libzmqIsMissing() || Deno.build.os === "windows";

/** A server with a folder for uploads, and the exchanges that came of its requests, with what they were told. */
interface Site {
  readonly server: FakeMongrel2;
  readonly endpoint: Mongrel2Endpoint;
  readonly exchanges: Exchange[];
  readonly told: string[];
  /** Says that an upload in chunks has begun, whose file has this text so far. */
  begin(connId: number, text: string): Promise<void>;
}

function test(name: string, fn: (site: Site) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using cleanUp = new AsyncDisposableStack();
      const folder = await Deno.realPath(await Deno.makeTempDir());
      cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
      const server = cleanUp.use(new FakeMongrel2());
      const exchanges: Exchange[] = [];
      const told: string[] = [];
      const { send, recv } = server;
      const endpoint = cleanUp.use(
        new Mongrel2Endpoint({
          spec: { send, recv, uploads: folder, uploadsStart: "early" },
          limits: DEFAULT_REQUEST_LIMITS,
          log() {},
          handler: {
            handle(exchange) {
              exchanges.push(exchange);
              exchange.receiver = {
                ...NOBODY,
                onBody: (chunk) => told.push(new TextDecoder().decode(chunk)),
                onEnd: () => told.push("end"),
                onAbort: (reason) => told.push(reason),
              };
            },
          },
        }),
      );
      await fn({
        ...{ server, endpoint, exchanges, told },
        async begin(connId, text) {
          const path = `${folder}/m2.${connId}`;
          await Deno.writeTextFile(path, text);
          await server.request(connId, "/upload", {
            METHOD: "POST",
            "transfer-encoding": "chunked",
            "x-mongrel2-upload-start": path,
          });
        },
      });
    },
  });
}

function answer(exchange: Exchange): void {
  exchange.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, "hello");
}

test("an upload in chunks is complete if its client has asked for more already", async (site) => {
  const { server, endpoint, exchanges, told } = site;
  await server.request(1, "/before");
  await eventually(() => exchanges.length === 1);
  await site.begin(1, "all");
  await server.request(1, "/after");
  await eventually(() => endpoint.counts.messages === 3);
  answer(exchanges[0]);
  assertMatch(await server.reply(), /hello$/);
  // Word of its end went to another handler.
  await eventually(() => told.includes("end"));
  assertEquals(told, ["all", "end"]);
});
