/** Sends each message back, and `all` to everybody who is there: with sockets that the gateway keeps. */

import type { App, AppSocket } from "../../mod.ts";

export default {
  fetch(request, context) {
    return context.upgrade(request) ?? new Response("Hello World");
  },
  websocket: {
    idleTimeout: 0,
    open: (socket: AppSocket) => socket.subscribe("all"),
    message(socket: AppSocket, message) {
      if (message === "all") socket.publish("all", message);
      socket.send(message);
    },
  },
} satisfies App;
