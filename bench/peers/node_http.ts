/** The same as `app.ts`, on `node:http`. */
import { createServer } from "node:http";

const large = "x".repeat(1_048_576);

createServer((request, response) => {
  if (request.method === "POST") {
    let text = "";
    request.on("data", (chunk) => text += chunk);
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(JSON.parse(text)));
    });
    return;
  }
  response.setHeader("content-type", "text/plain;charset=UTF-8");
  response.end(request.url === "/large" ? large : "Hello World");
}).listen(Number(Deno.args[0]), "127.0.0.1");
