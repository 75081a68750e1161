/**
 * A shutdown that cannot wait for all requests. Told: how many were cut off, by protocol, and in the exit
 * status. Lost: these, and no other.
 */
import { assertEquals, assertMatch } from "../support/assert.ts";
import { RawFastCgiClient, request } from "../support/fastcgi.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { ThreeProtocols } from "./three_protocols.ts";

const APP = `
let arrived = 0;
export default (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/arrived") return new Response(String(arrived));
  arrived++;
  if (pathname === "/never") return new Promise(() => {});
  return new Response(new ReadableStream({ start: (it) => it.enqueue(new Uint8Array(10)) }));
};
`;

for (const processes of [0, 1]) {
  Deno.test(`requests that a shutdown cuts off are counted: exit status 1 (--processes ${processes})`, () =>
    inFolder({ "app.js": APP }, async (folder) => {
      await using lab = await ThreeProtocols.start([
        `${folder}/app.js`,
        "--workers=1",
        `--processes=${processes}`,
        "--drain-timeout=1",
      ]);
      const { gateway, protocols } = lab;
      using idle = await RawClient.connect(lab.port("http"));
      await idle.send(get("/arrived"));
      assertEquals((await idle.receive()).body, "0");
      using clients = new DisposableStack();
      // One is answered by nobody, the other not in full.
      for (const protocol of protocols) {
        for (const path of protocol === "mongrel2" ? ["/never"] : ["/never", "/endless"]) {
          if (protocol === "fastcgi") {
            const client = clients.use(await RawFastCgiClient.connect(lab.port(protocol)));
            await client.send(request(1, path));
          } else {
            const client = clients.use(await RawClient.connect(lab.port(protocol)));
            await client.send(get(path));
          }
        }
      }
      const count = protocols.length * 2 - (protocols.includes("mongrel2") ? 1 : 0);
      while ((await lab.ask("http", "/arrived")).body !== String(count));
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 1);
      const log = gateway.log.join("\n");
      assertMatch(log, /warning: http: requests cut off: 2$/m);
      assertMatch(log, /warning: fastcgi: requests cut off: 2$/m);
      if (protocols.includes("mongrel2")) {
        assertMatch(log, /warning: mongrel2: requests cut off: 1$/m);
      }
    }));
}

Deno.test("a shutdown that nothing is lost in says nothing of that: exit status 0", () =>
  inFolder({ "app.js": APP }, async (folder) => {
    await using lab = await ThreeProtocols.start([`${folder}/app.js`, "--workers=1"]);
    const { gateway, protocols } = lab;
    using kept = await RawClient.connect(lab.port("http"));
    await kept.send(get("/arrived"));
    await kept.receive();
    assertEquals((await lab.askAll("/arrived")).map(({ body }) => body), protocols.map(() => "0"));
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    assertEquals(gateway.log.filter((line) => line.includes("cut off")), []);
  }));
