/** The least that an app of Express can do. */
// @ts-types="npm:@types/express@5.0.3"
import express from "npm:express@5.1.0";
import type { Request, Response } from "npm:@types/express@5.0.3";

const app = express();
app.get("/", (_: Request, response: Response) => {
  response.send("Hello World");
});
app.listen(Number(Deno.env.get("BENCH_PORT") ?? 0), "127.0.0.1");
