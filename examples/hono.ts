/**
 * A Hono app, unchanged.
 *
 *     gatehouse examples/hono.ts
 */
import { Hono } from "npm:hono@4.13.19";
import { setCookie } from "npm:hono@4.13.19/cookie";

const app = new Hono();

app.get("/", (c) => c.text("Hello from Hono"));
app.get(
  "/users/:name",
  (c) => c.json({ name: c.req.param("name"), agent: c.req.header("x-agent") }),
);
app.post("/users", async (c) => c.json(await c.req.json(), 201));
app.get("/old", (c) => c.redirect("/"));
app.get("/login", (c) => {
  setCookie(c, "session", "secret", { httpOnly: true });
  return c.text("welcome");
});
app.get("/fail", () => {
  throw new Error("on purpose");
});
app.notFound((c) => c.json({ error: `nothing at ${c.req.path}` }, 404));
app.onError((error, c) => c.json({ error: error.message }, 500));

export default app;
