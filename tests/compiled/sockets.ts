import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { executable } from "./executable_path.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url).pathname;

/** What a socket at `path` sends back of `messages`, and the code that it closes with. */
function echoed(url: string, messages: readonly string[]): Promise<unknown[]> {
  const socket = new WebSocket(url);
  const received: unknown[] = [];
  socket.onopen = () => {
    for (const message of messages) socket.send(message);
  };
  socket.onmessage = ({ data }) => {
    if (received.push(data) === messages.length) socket.close(3456);
  };
  return new Promise((resolve) => {
    socket.onclose = ({ code }) => resolve([...received, code]);
  });
}

for (const app of ["echo_sockets.ts", "hono_sockets.ts", "node_sockets.ts"]) {
  for (const workers of ["0", "1"]) {
    Deno.test({
      name: `the executable has WebSockets (${app}, --workers ${workers})`,
      ignore: executable === null,
      async fn() {
        await using gateway = await startGateway([
          ...[`${FIXTURES}${app}`, `--workers=${workers}`, "--compress-messages=each"],
        ], { command: [executable!] });
        const messages = ["hello", "large ".repeat(100_000), ""];
        const url = `${gateway.url.replace("http", "ws")}/${
          app === "hono_sockets.ts" ? "ws" : "a"
        }`;
        const prefix = app === "hono_sockets.ts" ? "Hono heard " : "";
        const expected = messages.map((message) => prefix + message);
        assertEquals(await echoed(url, messages), [...expected, 3456]);
      },
    });
  }
}
