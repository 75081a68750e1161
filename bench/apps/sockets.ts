/** Sends each message back, and `all` to everybody who is there. */

const sockets = new Set<WebSocket>();

export default {
  fetch(request: Request): Response {
    if (request.headers.get("upgrade") === null) return new Response("Hello World");
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.onopen = () => sockets.add(socket);
    socket.onclose = () => sockets.delete(socket);
    socket.onmessage = ({ data }) => {
      if (data !== "all") socket.send(data);
      else for (const each of sockets) if (each.readyState === WebSocket.OPEN) each.send(data);
    };
    return response;
  },
};
