import { assertEquals } from "../support/assert.ts";
import { BridgedSocket, OpenSockets } from "../../src/worker/serving/node_socket.ts";

function socket(): BridgedSocket {
  return new BridgedSocket(null, false, {} as never);
}

Deno.test("open sockets are those that were added, and not forgotten since, in any order", () => {
  const open = new OpenSockets();
  const sockets = Array.from({ length: 5 }, socket);
  for (const each of sockets) open.add(each);
  assertEquals(open.size, 5);
  for (const i of [0, 4, 2, 2]) open.delete(sockets[i]);
  open.delete(socket());
  assertEquals(open.size, 2);
  open.add(sockets[0]);
  open.destroyAll();
  assertEquals(sockets.map(({ destroyed }) => destroyed), [true, true, false, true, false]);
});

Deno.test("sockets that are forgotten while all are destroyed do not keep others open", () => {
  const open = new OpenSockets();
  const sockets = Array.from({ length: 3 }, socket);
  for (const each of sockets) {
    open.add(each);
    each.own({
      onSocketEnded: () => open.delete(each),
      onSocketTimeout: () => false,
      onListenerError() {},
    });
  }
  open.destroyAll();
  assertEquals(open.size, 0);
  assertEquals(sockets.map(({ destroyed }) => destroyed), [true, true, true]);
});
