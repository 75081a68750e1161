/**
 * All file descriptors are used up. Told: how many connections there is room for. Lost: nothing; new
 * connections wait, and clients of Mongrel2 need none. By itself: they are served when others end.
 */
import { assert, assertEquals } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { inFolder, until } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { ThreeProtocols } from "./three_protocols.ts";

const APP = `
const waiting = [];
export default (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/wait") return new Promise((resolve) => waiting.push(resolve));
  if (pathname === "/count") return new Response(String(waiting.length));
  if (pathname === "/release") for (const resolve of waiting) resolve(new Response("waited"));
  return new Response("ok");
};
`;

Deno.test({
  name: "without a descriptor left, new connections wait for one, and none is refused",
  ignore: Deno.build.os !== "linux" || isMissing("prlimit"),
  fn: () =>
    inFolder({ "app.js": APP }, async (folder) => {
      await using lab = await ThreeProtocols.start([`${folder}/app.js`, "--workers=1"], {
        command: ["prlimit", "--nofile=100:100", ...FROM_SOURCE],
      });
      const { gateway } = lab;
      const line = await gateway.logged(/^accepting at most \d+ connections at a time/);
      const room = Number(/\d+/.exec(line)![0]);
      assert(room > 5 && room < 100, line);
      // It releases the others, and so it has to be there before them.
      using control = await RawClient.connect(lab.port("http"));
      const told = async (path: string) => {
        await control.send(get(path));
        return (await control.receive()).body;
      };
      assertEquals(await told("/count"), "0");
      using crowd = new DisposableStack();
      const held: RawClient[] = [];
      for (let i = 1; i < room; i++) {
        const client = crowd.use(await RawClient.connect(lab.port("http")));
        await client.send(get("/wait"));
        held.push(client);
      }
      while (await told("/count") !== String(room - 1));
      // The one that tells is busy, too, from now on: an idle one would make room.
      let answered = 0;
      const late = ["http", "fastcgi", "http", "fastcgi"].map(async (protocol) => {
        const { status, body } = await lab.ask(protocol as "http", "/late");
        answered++;
        return [status, body];
      });
      if (lab.protocols.includes("mongrel2")) {
        assertEquals((await lab.ask("mongrel2", "/late")).body, "ok");
        assertEquals(await lab.ask("mongrel2", "/release").then(({ body }) => body), "ok");
      } else {
        await told("/release");
      }
      for (const client of held) {
        assertEquals((await client.receive()).body, "waited");
        client[Symbol.dispose]();
      }
      for (const answer of await Promise.all(late)) assertEquals(answer, [200, "ok"]);
      await until(() => answered === late.length);
      const answers = await lab.askAll();
      assertEquals(answers.map(({ body }) => body), lab.protocols.map(() => "ok"));
      assertEquals(gateway.log.filter((each) => /died|uncaught/i.test(each)), []);
    }),
});

const TAKER = `
const taken = [];
export default (request, context) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/take") {
    try {
      for (;;) taken.push(Deno.openSync(new URL(import.meta.url)));
    } catch (error) {
      if (!/too many/i.test(error.message)) throw error;
    }
  }
  const response = pathname === "/plain" ? new Response("ok") : context.sendFile(new URL("a.txt", import.meta.url));
  if (pathname === "/give") while (taken.length > 0) taken.pop().close();
  return response;
};
`;

Deno.test({
  name: "an app that takes all descriptors, and then sends its first file, ends no gateway",
  ignore: Deno.build.os !== "linux" || isMissing("prlimit"),
  fn: () =>
    inFolder({ "app.js": TAKER, "a.txt": "text" }, async (folder) => {
      await using gateway = await startGateway(
        [`${folder}/app.js`, "--http=127.0.0.1:0", "--workers=1", `--app-allow-read=${folder}`],
        { command: ["prlimit", "--nofile=200:200", ...FROM_SOURCE] },
      );
      using client = await RawClient.connect(gateway.port);
      const ask = async (path: string) => {
        await client.send(get(path));
        const { status, body } = await client.receive();
        return [status, body];
      };
      assert([200, 503].includes((await ask("/take"))[0] as number));
      assertEquals(await ask("/plain"), [200, "ok"]);
      await ask("/give");
      assertEquals(await ask("/file"), [200, "text"]);
    }),
});
