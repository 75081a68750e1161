/** An app that says itself what is shared memory, and counts what it is asked about. `GET /` tells how often. */

const isInstance = Function.prototype[Symbol.hasInstance];
let seen = 0;

Object.defineProperty(SharedArrayBuffer, Symbol.hasInstance, {
  configurable: true,
  value(this: SharedArrayBufferConstructor, value: unknown): boolean {
    const isShared = isInstance.call(this, value);
    if (isShared) seen++;
    return isShared;
  },
});

export default (request: Request): Response => {
  if (request.headers.get("upgrade") !== "websocket") return new Response(`${seen}`);
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
};
