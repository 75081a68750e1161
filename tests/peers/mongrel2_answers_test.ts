/** Each request of a client gets one answer, whatever it looks like. */
import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

/** A POST with a field that tells of an upload, and is the client's. */
function forged(fields: string): string {
  return `POST /text HTTP/1.1\r\nHost: a\r\n${fields}X-Mongrel2-Upload-Start: /tmp/x\r\n\r\n`;
}

/** Requests, and the status and body of what they are answered. */
const REQUESTS: Record<string, [string, number, RegExp]> = {
  "the method JSON": [get("/info").replace("GET", "JSON"), 200, /"method":"JSON"/],
  "the method JSON of HTTP/1.0": ["JSON /info HTTP/1.0\r\n\r\n", 200, /"method":"JSON"/],
  "the method WEBSOCKET": [get("/info").replace("GET", "WEBSOCKET"), 200, /"method":"WEBSOCKET"/],
  "an upload that begins with the length 0": [forged("Content-Length: 0\r\n"), 400, /upload/],
  "one with no number": [forged("Content-Length: abc\r\n"), 400, /upload/],
  "one with a number too large for Mongrel2": [
    forged("Content-Length: 2147483648\r\n"),
    400,
    /upload/,
  ],
  "one with a length behind another": [
    forged("Content-Length: 0\r\nContent-Length: 30000\r\n"),
    400,
    /upload/,
  ],
  "one with a coding that is none to Mongrel2": [
    forged("Transfer-Encoding: Chunked\r\n"),
    400,
    /upload/,
  ],
  "one in chunks with a length": [
    forged("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
    400,
    /upload/,
  ],
  "one without any body": [forged(""), 400, /upload/],
};

Deno.test({
  name: "each request of a client of Mongrel2 gets one answer",
  ignore: isMissing("mongrel2"),
  async fn(test) {
    await using server = await Mongrel2Server.start();
    await using _gateway = await startGateway([APP, "--mongrel2", server.spec(), "--workers=1"]);
    for (const [what, [request, status, body]] of Object.entries(REQUESTS)) {
      await test.step(what, async () => {
        using client = await RawClient.connect(server.port);
        await client.send(request);
        const response = await client.receive();
        assertEquals(
          [response.status, body.test(response.body) || response.body],
          [status, true],
        );
        // Nothing else comes: either the connection ends, or what is asked next is answered next.
        if (response.headers.get("connection") === "close") {
          assertEquals(await client.closed(), true);
        } else {
          await client.send(get("/"));
          assertEquals((await client.receive()).body, "hello");
        }
      });
    }
    await test.step("a thousand requests that are sent at once", async () => {
      using client = await RawClient.connect(server.port);
      const post = (text: string) =>
        `POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
      const sending = client.send(Array.from({ length: 1_000 }, (_, i) => post(`${i}`)).join(""));
      for (let i = 0; i < 1_000; i++) {
        const { status, body } = await client.receive();
        assertEquals([status, body], [200, `${i}`]);
      }
      await sending;
    });
  },
});
