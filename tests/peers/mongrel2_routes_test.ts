/** Routes of a real Mongrel2 that are mounts of apps. */

import { assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { RawClient } from "../support/raw_client.ts";
import type { HandlerProtocol } from "./mongrel2_server.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const APP = new URL("../fixtures/place.ts", import.meta.url).pathname;
const ignore = isMissing("mongrel2");

/** What the app says of a request for `path` as it is, or the status. */
async function placeOf({ port }: Mongrel2Server, path: string): Promise<unknown> {
  using client = await RawClient.connect(port);
  await client.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const { status, body } = await client.receive();
  return status === 200 ? JSON.parse(body) : status;
}

type Place = [url: string, mount: string, scriptName: string, pathInfo: string] | number;

/** Paths, and what the app is told with `route=mount` and with `route=strip`. */
const PLACES: [path: string, mounted: Place, stripped: Place][] = [
  ["/", ["/", "", "", "/"], ["/", "", "", "/"]],
  ["/other/x", ["/other/x", "", "", "/other/x"], ["/other/x", "", "", "/other/x"]],
  ["/app/", ["/app/", "/app", "/app", "/"], ["/", "/app", "/app", "/"]],
  ["/app/x/y?q=1", ["/app/x/y?q=1", "/app", "/app", "/x/y"], ["/x/y?q=1", "/app", "/app", "/x/y"]],
  ["/app/a%20b", ["/app/a%20b", "/app", "/app", "/a b"], ["/a%20b", "/app", "/app", "/a b"]],
  ["/app/a%2Fb", ["/app/a%2Fb", "/app", "/app", "/a%2Fb"], ["/a%2Fb", "/app", "/app", "/a%2Fb"]],
  ["/app//x", ["/app//x", "/app", "/app", "//x"], ["//x", "/app", "/app", "//x"]],
  ["/app/./x", ["/app/x", "/app", "/app", "/x"], ["/x", "/app", "/app", "/x"]],
  // Nobody agrees on whose these are.
  ["/app/../x", 400, 400],
  ["/app/%2e%2e/x", 400, 400],
  ["/app/..%2fx", 400, 400],
  ["/app/x/..%2f..%2fy", 400, 400],
  ["/app/..%5cx", 400, 400],
  ["/num-12/z", ["/num-12/z", "", "", "/num-12/z"], ["/num-12/z", "", "", "/num-12/z"]],
];

for (const protocol of ["json", "tnetstring"] satisfies HandlerProtocol[]) {
  for (const [workers, use] of [["0", "mount"], ["1", "mount"], ["1", "strip"]]) {
    Deno.test({
      name: `what a route has before its parenthesis is a mount (${protocol}, route=${use}, ` +
        `--workers ${workers})`,
      ignore,
      async fn() {
        await using server = await Mongrel2Server.start({
          protocol,
          routes: { "/": "main", "/app/(.*)": "main", "/other": "main" },
        });
        await using _gateway = await startGateway([
          APP,
          `--workers=${workers}`,
          "--mongrel2",
          server.spec("main", { route: use }),
        ]);
        for (const [path, mounted, stripped] of PLACES) {
          // Routes without a parenthesis are mounts as a whole.
          const whole: Place = use === "mount"
            ? ["/other/x", "/other", "/other", "/x"]
            : ["/x", "/other", "/other", "/x"];
          const expected = path === "/other/x" ? whole : use === "mount" ? mounted : stripped;
          assertEquals(await placeOf(server, path), expected, path);
        }
      },
    });
  }
}

Deno.test({
  name: "a mount of the gateway below a route is the app's, and one above it is not",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start({
      routes: { "/app/": "main", "/b/c/": "main" },
    });
    await using gateway = await startGateway([
      APP,
      "--mount",
      `/app/api=${APP},strip`,
      "--mount",
      `/b=${APP},strip`,
      "--workers=1",
      "--mongrel2",
      server.spec("main", { route: "mount" }).replace("tcp://", "tcp://me@"),
    ]);
    const places = {
      "/app/x": ["/app/x", "/app", "/app", "/x"],
      "/app/api/x": ["/x", "/app/api", "/app/api", "/x"],
      "/b/c/x": ["/c/x", "/b/c", "/b/c", "/x"],
    };
    for (const [path, place] of Object.entries(places)) {
      assertEquals(await placeOf(server, path), place);
    }
    const note = gateway.log.find((line) => line.includes("identity before the host"));
    assertMatch(note ?? "", /write tcp:\/\/127\.0\.0\.1:\d+,ident=me$/);
  },
});

Deno.test({
  name: "without route=mount, routes are part of the path",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start({ routes: { "/app/(.*)": "main" } });
    await using _gateway = await startGateway([APP, "--workers=1", "--mongrel2", server.spec()]);
    assertEquals(await placeOf(server, "/app/x"), ["/app/x", "", "", "/app/x"]);
  },
});

Deno.test({
  name: "routes are mounts where Mongrel2's configuration says the rest",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start({ routes: { "/app/(.*)": "main" } });
    await using _gateway = await startGateway([
      APP,
      "--workers=1",
      `--mongrel2-config=${server.database},uploads-start=early,route=strip`,
    ]);
    assertEquals(await placeOf(server, "/app/x"), ["/x", "/app", "/app", "/x"]);
  },
});

Deno.test({
  name: "routes are mounts for handlers of a dispatcher, too, if it is asked for",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start({ routes: { "/app/(.*)": "main" } });
    const source = server.spec("main", {});
    await using dispatcher = await startGateway(["dispatch", source, "tcp://127.0.0.1:0"]);
    const line = await dispatcher.logged(/^listening dispatch/);
    const spec = `${line.replace("listening ", "")},route=strip`;
    await using _gateway = await startGateway([APP, "--workers=1", "--mongrel2", spec]);
    assertEquals(await placeOf(server, "/app/x"), ["/x", "/app", "/app", "/x"]);
  },
});
