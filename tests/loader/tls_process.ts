/** Loads URLs, and says of which content type they are or why not: `tls_process.ts ROOT URL…`. */

import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { HttpClients } from "../../src/loader/fetch/http_clients.ts";
import { environmentOf } from "../../src/base/surroundings.ts";
import { DEFAULT_FETCH_LIMITS, ModuleFetcher } from "../../src/loader/fetch/fetcher.ts";

const [root, ...urls] = Deno.args;
const clients = new HttpClients(environmentOf(Deno.env.toObject()));
for (const url of urls) {
  const fetcher = new ModuleFetcher(new ModuleCache(root), {
    reload: "all",
    cachePolicy: "use",
    allowImport: "any",
    allowHttp: "loopback",
    limits: DEFAULT_FETCH_LIMITS,
    lock: null,
    clients,
  });
  try {
    console.log((await fetcher.load(url)).contentType);
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
  }
}
