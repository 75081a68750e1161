/** The least that an app of `node:http` can do. */
import { createServer } from "node:http";

createServer((_, response) => {
  response.setHeader("content-type", "text/plain;charset=UTF-8");
  response.end("Hello World");
}).listen(Number(Deno.env.get("BENCH_PORT") ?? 0), "127.0.0.1");
