/** A cache that the executable and gatehouse from source share, though their runtimes differ. */

import { assertEquals } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { executable } from "./executable_path.ts";

Deno.test({
  name: "what the executable has loaded has the runtime's exports of another version from source",
  ignore: executable === null,
  fn: () =>
    inFolder({
      "app.js": `import * as threads from "node:worker_threads";
        export default () => Response.json(Object.keys(threads).sort());`,
    }, async (folder) => {
      const answers: string[][] = [];
      for (const command of [[executable!], FROM_SOURCE]) {
        await using gateway = await startGateway(
          [`${folder}/app.js`, "--workers=1", "--app-allow-all"],
          { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
        );
        answers.push(await (await fetch(gateway.url)).json());
      }
      assertEquals(answers[1], Object.keys(await import("node:worker_threads")).sort());
      assertEquals(answers[0].every((name) => answers[1].includes(name)), true);
    }),
});
