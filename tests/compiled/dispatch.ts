/** The executable as a dispatcher, and as its handlers. */

import { assertEquals, assertMatch } from "../support/assert.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { startGateway } from "../support/gateway.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { executable as found } from "./executable_path.ts";

const ignore = found === null || libzmqIsMissing();
const command = [found ?? ""];

Deno.test({
  name: "requests of Mongrel2 pass through the executable as a dispatcher, and as a handler",
  ignore,
  async fn() {
    const app = `export default (request) => new Response(new URL(request.url).pathname);`;
    await inFolder({ "app.js": app }, async (folder) => {
      await using server = new FakeMongrel2();
      const source = `${server.send},recv=${server.recv}`;
      const out = ["tcp://127.0.0.1:0", "--sticky"];
      await using dispatcher = await startGateway(["dispatch", source, ...out], { command });
      const line = await dispatcher.logged(/^listening dispatch/);
      await using handler = await startGateway(
        [`${folder}/app.js`, "--workers=1", "--mongrel2", line.replace("listening ", "")],
        { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
      );
      for (const id of [1, 2, 3]) {
        await server.request(id, `/${id}`);
        assertMatch(
          await server.reply(),
          new RegExp(`^server 1:${id}, HTTP/1\\.1 200 [^]*/${id}$`),
        );
      }
      for (const each of [handler, dispatcher]) {
        each.kill("SIGTERM");
        assertEquals((await each.status).code, 0);
      }
    });
  },
});
