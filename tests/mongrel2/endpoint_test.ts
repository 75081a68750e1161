import type { Exchange } from "../../src/exchange.ts";
import { NOBODY, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/exchange.ts";
import { Mongrel2Endpoint } from "../../src/mongrel2/endpoint.ts";
import { DEFAULT_REQUEST_LIMITS } from "../../src/request_limits.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";

const ignore = libzmqIsMissing();
const MAX_BODY_BYTES = 1_000;
const PIECE = new Uint8Array(262_144);

/** A server, an endpoint, and the exchanges that came of its requests, with what they were told. */
interface Site {
  readonly server: FakeMongrel2;
  readonly endpoint: Mongrel2Endpoint;
  readonly exchanges: Exchange[];
  readonly told: string[];
}

function test(name: string, fn: (site: Site) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using server = new FakeMongrel2();
      const exchanges: Exchange[] = [];
      const told: string[] = [];
      await using endpoint = new Mongrel2Endpoint({
        spec: server,
        limits: { ...DEFAULT_REQUEST_LIMITS, maxBodyBytes: MAX_BODY_BYTES },
        log() {},
        handler: {
          handle(exchange) {
            exchanges.push(exchange);
            exchange.receiver = {
              ...NOBODY,
              onBody: (chunk) => told.push(`${chunk.length} bytes`),
              onEnd: () => told.push("end"),
              onAbort: (reason) => told.push(reason),
            };
          },
        },
      });
      await fn({ server, endpoint, exchanges, told });
    },
  });
}

/** Part of an upload of the client 1. */
function uploadPart(server: FakeMongrel2, offset: number, body: string, more = {}): Promise<void> {
  const headers = JSON.stringify({ UPLOAD_STREAM: String(offset), ...more });
  return server.sendRaw(`server 1 / ${headers.length}:${headers},${body.length}:${body},`);
}

const CHUNKED = { METHOD: "POST", "transfer-encoding": "chunked", UPLOAD_STREAM: "0" };

test("a streamed upload of unknown length may be as large as the limit", async (site) => {
  const { server, exchanges, told } = site;
  await server.request(1, "/", CHUNKED);
  assertEquals(await server.reply(), "server 3:X 1, 29:3:ctl,19:7:credits,6:262144#}]");
  await uploadPart(server, 0, "x".repeat(MAX_BODY_BYTES - 1));
  await uploadPart(server, MAX_BODY_BYTES - 1, "x", { UPLOAD_STREAM_DONE: "1" });
  await eventually(() => told.length === 3);
  assertEquals(told, ["999 bytes", "1 bytes", "end"]);
  exchanges[0].respond({ status: 204, fieldLines: "", bodyLength: WHOLE_BODY }, null);
  assert((await server.reply()).startsWith("server 1:1, HTTP/1.1 204 "));
});

test("a streamed upload of unknown length that is too large is answered 413", async (site) => {
  const { server, told } = site;
  await server.request(1, "/", CHUNKED);
  assertEquals(await server.reply(), "server 3:X 1, 29:3:ctl,19:7:credits,6:262144#}]");
  await uploadPart(server, 0, "x".repeat(MAX_BODY_BYTES));
  await uploadPart(server, MAX_BODY_BYTES, "x");
  assert((await server.reply()).startsWith("server 1:1, HTTP/1.1 413 "));
  assertEquals(await server.reply(), "server 1:1, ");
  await uploadPart(server, MAX_BODY_BYTES + 1, "x", { UPLOAD_STREAM_DONE: "1" });
  assertEquals(await server.replyWithin(50), null);
  assertEquals(told, ["1000 bytes", "bad-request"]);
  assertEquals(site.endpoint.clientCount, 0);
});

test("a client that asks ahead is sent no more at once than another", async (site) => {
  const { server, exchanges } = site;
  await server.request(1, "/first");
  await server.request(1, "/second");
  await eventually(() => exchanges.length === 1);
  exchanges[0].respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, "first");
  assert((await server.reply()).endsWith("\r\n\r\nfirst"));
  await eventually(() => exchanges.length === 2);
  // Time goes by without anything to send.
  assertEquals(await server.replyWithin(1_000), null);
  const second = exchanges[1];
  second.receiver = { ...NOBODY, onCredit: () => second.write(PIECE) };
  const begin = performance.now();
  second.respond({ status: 200, fieldLines: "", bodyLength: UNKNOWN_LENGTH }, PIECE);
  let messages = 0;
  while (performance.now() - begin < 100) messages += await server.replyWithin(10) === null ? 0 : 1;
  const paced = 8 + (performance.now() - begin) / 25;
  assert(messages <= paced + 2, `${messages} messages instead of ${paced}`);
});
