import { assertEquals } from "../support/assert.ts";
import { FastCgiClient, serve } from "../../mod.ts";

const PATHS: Record<string, [scriptName: string, pathInfo: string]> = {
  "/api/a%20b/c?q=1": ["/api", "/a b/c"],
  "/api": ["/api", ""],
  "/api/": ["/api", "/"],
  "/apis": ["", "/apis"],
  "/": ["", "/"],
};

for (const [path, place] of Object.entries(PATHS)) {
  Deno.test(`SCRIPT_NAME and PATH_INFO of ${path} are the mount and the rest, over HTTP and FastCGI`, async () => {
    const app = (
      _request: Request,
      { env, mount }: { env: Record<string, string>; mount: string },
    ) => Response.json([mount, env.SCRIPT_NAME, env.PATH_INFO]);
    await using server = await serve({
      http: "127.0.0.1:0",
      fastcgi: "127.0.0.1:0",
      mounts: { "/": app, "/api": app },
      log() {},
    });
    const [http, fastcgi] = server.addresses as Deno.NetAddr[];
    const client = Deno.createHttpClient({});
    try {
      const response = await fetch(`http://127.0.0.1:${http.port}${path}`, { client });
      assertEquals(await response.json(), [place[0], ...place]);
    } finally {
      client.close();
    }
    await using front = new FastCgiClient(`127.0.0.1:${fastcgi.port}`);
    const params = { SCRIPT_NAME: "", PATH_INFO: decodeURI(path.replace(/\?.*/, "")) };
    const response = await front.fetch(`http://localhost${path}`, { params });
    assertEquals(await response.json(), [place[0], ...place]);
  });
}
