/** An app that tries to listen at a unix socket of its gateway: `GET /API?PATH` makes one attempt. */

import http from "node:http";
import net from "node:net";

// deno-lint-ignore no-explicit-any
type Any = any;

function listening(server: Any, ...args: unknown[]): Promise<string> {
  const outcome = new Promise<string>((resolve, reject) => {
    server.once("listening", () => resolve("LISTENS"));
    server.once("error", reject);
  });
  outcome.catch(() => {});
  server.listen(...args);
  return outcome;
}

const handler = () => new Response("STOLEN");

const apis: Record<string, (path: string) => unknown> = {
  "Deno.listen": (path) => Deno.listen({ transport: "unix", path } as Any),
  "Deno.listenDatagram": (path) => (Deno as Any).listenDatagram({ transport: "unixpacket", path }),
  "Deno.serve": (path) => Deno.serve({ path, onListen() {} } as Any, handler),
  "net": (path) => listening(net.createServer(), path),
  "net of options": (path) => listening(net.createServer(), { path }),
  "http": (path) => listening(http.createServer(), path),
};

export default async (request: Request): Promise<Response> => {
  const { pathname, search } = new URL(request.url);
  const api = decodeURIComponent(pathname.slice(1));
  if (api === "names") return Response.json(Object.keys(apis));
  const path = decodeURIComponent(search.slice(1));
  await Deno.remove(path).catch(() => {});
  try {
    return new Response(await apis[api](path) === undefined ? "nothing" : "LISTENS");
  } catch (error) {
    return new Response(`${error}`);
  }
};
