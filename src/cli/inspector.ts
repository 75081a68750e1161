/**
 * Lets debuggers on this machine look into the process.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import type { Log } from "../log.ts";

/** Where debuggers look first. */
const PORT = 9_229;

/**
 * Opens V8's inspector, on the loopback interface only. A debugger that attaches to it is shown the
 * workers, too; apps in them need no permission for that, and get none.
 *
 * @throws {ConfigError} if this version of Deno has none that can be opened
 */
export async function openInspector(log: Log): Promise<void> {
  const { default: inspector } = await import("node:inspector");
  try {
    inspector.open(PORT, "127.0.0.1");
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    // That of another process.
    inspector.open(0, "127.0.0.1");
  }
  const url = inspector.url();
  if (!url) {
    throw new ConfigError(
      `--inspect: Deno ${Deno.version.deno} has no inspector that can be opened while it runs: ` +
        "start gatehouse with deno run --inspect=127.0.0.1:9229 …",
    );
  }
  log("info", `inspector ${url} (whoever can connect to it can do all that gatehouse may do)`);
}
