/**
 * An Express app, unchanged: the gateway listens in its place.
 *
 *     gatehouse examples/express.ts
 */
// @ts-types="npm:@types/express@5.0.3"
import express from "npm:express@5.1.0";
import type { NextFunction, Request, Response } from "npm:@types/express@5.0.3";

const app = express();
app.use(express.json());

app.get("/", (_request: Request, response: Response) => {
  response.send("Hello from Express");
});

app.get("/users/:name", (request: Request, response: Response) => {
  response.cookie("seen", request.params.name).cookie("from", request.ip);
  response.json({ name: request.params.name, query: request.query });
});

app.post("/users", (request: Request, response: Response) => {
  response.status(201).json(request.body);
});

app.get("/ticks", async (_request: Request, response: Response) => {
  response.type("text");
  for (let i = 0; i < 3; i++) {
    response.write(`tick ${i}\n`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  response.end();
});

app.get("/fail", () => {
  throw new Error("on purpose");
});

app.use((error: Error, _request: Request, response: Response, _next: NextFunction) => {
  response.status(500).json({ error: error.message });
});

app.listen(3000);
