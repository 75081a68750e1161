/** Fetches `url` with the clients of an environment, after an app has named its own proxy at `evil`. */

import { HttpClients } from "../../src/loader/fetch/http_clients.ts";
import { environmentOf } from "../../src/base/surroundings.ts";

const [address, evil, env, when] = Deno.args;
const url = new URL(address);
const setProxies = () => {
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"]) {
    Deno.env.set(name, evil);
  }
};
if (when === "before") setProxies();
using clients = new HttpClients(environmentOf(JSON.parse(env)));
setProxies();
const { signal } = new AbortController();
console.log(await (await clients.fetch(url, { headers: {}, signal })).text());
