/** The same with the package `ws` and `node:http`. The port is the first argument. */

import { createServer } from "node:http";
import { WebSocketServer } from "ws";

/** What is used here of the package's sockets. */
interface PackageSocket {
  on(type: "message", listener: (data: unknown, isBinary: boolean) => void): void;
  send(data: unknown, options: { binary: boolean }): void;
}

const server = createServer((_request, response) => response.end("Hello World"));
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket: PackageSocket) => {
  socket.on("message", (data, isBinary) => {
    if (String(data) !== "all") socket.send(data, { binary: isBinary });
    else for (const each of sockets.clients) each.send(data, { binary: isBinary });
  });
});
server.listen(Number(Deno.args[0]), "127.0.0.1");
