/** Asks admin listeners, in whatever form. */

import { RawClient } from "./raw_client.ts";
import type { RawResponse } from "./raw_client.ts";
import type { AdminRoute } from "../../src/monitor/admin_routes.ts";
import { AdminServer } from "../../src/monitor/admin_server.ts";

/** An admin server at a free port, and its port. */
export async function adminServer(
  routes: readonly AdminRoute[],
  log: string[] = [],
): Promise<AsyncDisposable & { readonly port: number }> {
  const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
  const server = await AdminServer.open([{ address, routes }], (level, text) => {
    log.push(`${level}: ${text}`);
  });
  const { port } = server.addresses[0] as Deno.NetAddr;
  return { port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** What a listener at `port` answers to a request. */
export async function ask(
  port: number,
  path: string,
  options: {
    readonly method?: string;
    readonly host?: string;
    readonly fields?: Readonly<Record<string, string>>;
  } = {},
): Promise<RawResponse> {
  const { method = "GET", host = `127.0.0.1:${port}`, fields = {} } = options;
  using client = await RawClient.connect(port);
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  await client.send(`${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${lines}\r\n`);
  return await client.receive(method === "HEAD" ? "head" : "response");
}
