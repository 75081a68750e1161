import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const APP = `
import { Worker } from "node:worker_threads";
const CODE = 'require("node:worker_threads").parentPort.postMessage("alive")';
const limits = { code: { codeRangeSizeMb: 1e9 }, heap: { maxOldGenerationSizeMb: 1 } };
export default (request) => {
  const { pathname } = new URL(request.url);
  const resourceLimits = limits[pathname.slice(1)];
  const thread = new Worker(CODE, { eval: true, resourceLimits });
  return new Promise((resolve) => {
    thread.on("message", (text) => resolve(new Response(text)));
    thread.on("error", (error) => resolve(new Response(String(error))));
  });
};
`;

Deno.test("limits of V8 that a thread asks for end no process", async () => {
  await inFolder({ "app.mjs": APP }, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.mjs`, "--workers=1"]);
    for (const name of ["code", "heap"]) {
      assertEquals(await (await fetch(`${gateway.url}/${name}`)).text(), "alive", name);
    }
  });
});
