/**
 * A Fastify app, unchanged: the gateway listens in its place.
 *
 *     gatehouse examples/fastify.ts
 */
import { Readable } from "node:stream";
import Fastify from "npm:fastify@5.6.1";

const app = Fastify();

app.get("/", () => "Hello from Fastify");

app.get<{ Params: { name: string } }>("/users/:name", (request, reply) => {
  reply.header("set-cookie", ["seen=1", "twice=2"]);
  return { name: request.params.name, query: request.query, ip: request.ip };
});

app.post("/users", {
  schema: {
    body: { type: "object", required: ["name"], properties: { name: { type: "string" } } },
  },
}, (request, reply) => {
  reply.code(201);
  return request.body;
});

app.get("/ticks", (_request, reply) => {
  reply.type("text/plain");
  return reply.send(Readable.from(["tick 0\n", "tick 1\n", "tick 2\n"]));
});

app.get("/fail", () => {
  throw new Error("on purpose");
});

await app.listen({ port: 3000 });
