/** The least that an app of Fastify can do. */
import Fastify from "npm:fastify@5.6.1";

const app = Fastify();
app.get("/", () => "Hello World");
await app.listen({ port: Number(Deno.env.get("BENCH_PORT") ?? 0), host: "127.0.0.1" });
