/** An app that tells what it has of what apps are kept from. */

import process from "node:process";
import threads from "node:worker_threads";

// deno-lint-ignore no-explicit-any
type Any = any;

export default (): Response =>
  Response.json({
    caches: typeof caches,
    handles: typeof (process as Any).binding("tcp_wrap").TCP,
    internals: typeof (Deno as Any)[(Deno as Any).internal].core,
    args: Deno.args.length,
    channel: new BroadcastChannel("name").name,
    threads: /native|class/.test(String(threads.Worker)),
  });
