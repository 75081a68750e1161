/** `Deno.serve` over TLS, which `deno serve` has no options for: PORT CERT KEY. */
import app from "./app.ts";

const [port, cert, key] = Deno.args;
Deno.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  cert: Deno.readTextFileSync(cert),
  key: Deno.readTextFileSync(key),
}, app.fetch);
