/**
 * Lets debuggers look into the process.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { ServeSettings } from "../config/settings.ts";
import { InspectorProxy } from "./inspector_proxy.ts";

/** An inspector that is open. */
export interface OpenInspector extends Disposable {
  /** The ports that it can be reached at on this machine. */
  readonly ports: readonly number[];
}

/**
 * Opens V8's inspector at `address`, or at another port if that is taken. A debugger that attaches to it
 * is shown the workers, too; apps in them need no permission for that, and get none.
 *
 * Deno's inspector gets a port of its own on the loopback interface, since some versions of it
 * ignore the `Host` field: web pages could reach it by a name of theirs that resolves to this
 * machine.
 *
 * @throws {ConfigError} if this version of Deno has none that can be opened
 * @throws {ListenError} if the address cannot be used
 */
export async function openInspector(
  address: NonNullable<ServeSettings["inspect"]>,
  log: Log,
): Promise<OpenInspector> {
  const { default: inspector } = await import("node:inspector");
  inspector.open(0, "127.0.0.1");
  const text = inspector.url();
  if (!text) {
    throw new ConfigError(
      `--inspect: Deno ${Deno.version.deno} cannot open its inspector while it runs: ` +
        "start gatehouse with deno run --inspect=127.0.0.1:9229 …",
    );
  }
  const url = new URL(text);
  const ownPort = Number(url.port);
  const proxy = await InspectorProxy.listen(address, ownPort);
  const { hostname, port } = proxy.address;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  log(
    "info",
    `inspector ws://${host}:${port}${url.pathname} ` +
      "(anyone who can connect to it can do all that gatehouse may do)",
  );
  if (!/^(?:127(?:\.\d+){3}|::1)$/.test(hostname)) {
    log(
      "warning",
      `--inspect: the inspector listens at ${host}:${port}, which other machines can reach too: ` +
        "anyone who connects can do all that gatehouse may do",
    );
  }
  return {
    ports: [port, ownPort],
    [Symbol.dispose]: () => proxy[Symbol.dispose](),
  };
}
