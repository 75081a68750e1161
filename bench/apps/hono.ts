/** The hello of `routed.ts`, with a framework. */
import { Hono } from "npm:hono@4.13.19";

const app = new Hono();
app.get("/", (context) => context.text("Hello World", 200, { "x-app": "hono" }));
app.post("/json", async (context) => context.json(await context.req.json()));

export default app;
