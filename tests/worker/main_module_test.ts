import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

/** An app that serves itself if it is the main module, as under `deno serve` and `deno run`. */
const APP = `
import process from "node:process";
import { main as other } from "./lib.js";
const tell = [import.meta.main, other, Deno.mainModule, process.argv[1], process.argv.length];
if (import.meta.main) Deno.serve(() => Response.json(tell));
`;
const LIB = "export const main = import.meta.main;";
const MIDDLEWARE = `export default (next) => async (request, context) => {
  const response = await next(request, context);
  response.headers.set("x-middleware-main", import.meta.main);
  return response;
};`;

for (const workers of ["1", "0"]) {
  Deno.test(`an app is the main module, and nothing else is (--workers ${workers})`, () =>
    inFolder({ "app.js": APP, "lib.js": LIB, "middleware.js": MIDDLEWARE }, async (folder) => {
      const app = `${folder}/app.js`;
      await using gateway = await startGateway([
        app,
        `${folder}/middleware.js`,
        `--workers=${workers}`,
      ]);
      const response = await fetch(gateway.url);
      const [main, other, mainModule, program, length] = await response.json();
      assertEquals([main, other, mainModule, program], [true, false, `file://${app}`, app]);
      if (workers !== "0") assertEquals(length, 2);
      assertEquals(response.headers.get("x-middleware-main"), "false");
    }));
}

Deno.test("an app from a URL is the main module, where a redirect leads it, too", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/app.js") return Response.redirect(new URL("/v1/app.js", request.url));
    return new Response(pathname.endsWith("lib.js") ? LIB : APP, {
      headers: { "content-type": "text/javascript" },
    });
  });
  const app = `http://127.0.0.1:${server.addr.port}/app.js`;
  await using gateway = await startGateway([app, "--workers=1", "--reload"]);
  assertEquals(await (await fetch(gateway.url)).json(), [true, false, app, app, 2]);
});

Deno.test("of several apps, each is a main module", () =>
  inFolder(
    { "a/app.js": APP, "a/lib.js": LIB, "b/app.js": APP, "b/lib.js": LIB },
    async (folder) => {
      await using gateway = await startGateway([
        "--workers=1",
        "--app-allow-all",
        ...["a", "b"].flatMap((name) => ["--mount", `/${name}=${folder}/${name}/app.js`]),
      ]);
      for (const name of ["a", "b"]) {
        const [main] = await (await fetch(`${gateway.url}/${name}`)).json();
        assertEquals(main, true);
      }
    },
  ));
