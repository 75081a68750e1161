/** The hello and JSON of `apps/routed.ts`, on `node:http`. */
import { createServer } from "node:http";

const large = "x".repeat(1_048_576);
const bytes = new TextEncoder().encode(large);

createServer((request, response) => {
  const { pathname } = new URL(request.url!, "http://127.0.0.1");
  response.setHeader("x-app", "node");
  if (request.method === "POST") {
    let length = 0;
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk) => {
      length += chunk.length;
      if (pathname === "/json") chunks.push(chunk);
    });
    request.on("end", () => {
      if (pathname !== "/json") return response.end(String(length));
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(JSON.parse(chunks.join(""))));
    });
    return;
  }
  response.setHeader("content-type", "text/plain;charset=UTF-8");
  response.end(pathname === "/bytes" ? bytes : pathname === "/text" ? large : "Hello World");
}).listen(Number(Deno.args[0]), "127.0.0.1");
