import { assertEquals } from "../support/assert.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";
import { cutConnection, peerAddress } from "../../src/zmq/peer.ts";
import { ZmqContext } from "../../src/zmq/socket.ts";

const ignore = libzmqIsMissing();

/** What a socket is bound to, where others connect to, and what is before the port of their addresses. */
const cases: Record<string, [string, string, string]> = {
  "IPv4": ["tcp://127.0.0.1:*", "127.0.0.1", "127.0.0.1:"],
  "IPv4, of a socket that takes both": ["tcp://*:*", "127.0.0.1", "127.0.0.1:"],
  "IPv6": ["tcp://[::1]:*", "::1", "[::1]:"],
};
for (const [what, [endpoint, hostname, expected]] of Object.entries(cases)) {
  Deno.test({
    name: `the other end of a connection is known, and can be cut off (${what})`,
    ignore,
    async fn() {
      await using context = new ZmqContext();
      await using pull = context.socket("pull");
      pull.setOption("ipv6", 1);
      pull.bind(endpoint);
      const port = Number(/\d+$/.exec(String(pull.getOption("lastEndpoint")))![0]);
      await using push = context.socket("push");
      push.setOption("ipv6", 1);
      push.setOption("reconnectInterval", -1);
      push.connect(`tcp://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`);
      push.send(new Uint8Array(1));
      await eventually(() => pull.receivePart());
      const descriptor = pull.sourceDescriptor;
      assertEquals(peerAddress(descriptor)?.replace(/\d+$/, ""), expected);
      assertEquals(cutConnection(descriptor), true);
    },
  });
}

Deno.test({
  name: "a descriptor of nothing has no other end",
  ignore,
  fn() {
    assertEquals(peerAddress(-1), null);
    assertEquals(cutConnection(-1), false);
  },
});
