import { assert, assertEquals } from "../support/assert.ts";
import { hostApp } from "../support/hosted_app.ts";

const APP = new URL("./trusted_app.ts", import.meta.url);

Deno.test("apps that may do everything have all that the platform has", async () => {
  await using app = await hostApp(APP);
  assertEquals(await (await fetch(app.url, { client: app.client })).json(), {
    caches: "object",
    handles: "function",
    internals: "object",
    args: Deno.args.length,
    channel: "name",
    threads: true,
  });
});

Deno.test("apps that may not do everything have less, and are told so when they ask", async () => {
  await using app = await hostApp(APP, { permissions: { net: true } });
  const response = await fetch(app.url, { client: app.client });
  assertEquals(response.status, 500);
  await response.body?.cancel();
  const told = app.log.join("\n");
  assert(/process\.binding\("tcp_wrap"\) is not available to apps in workers/.test(told), told);
});
