import { assertEquals } from "../support/assert.ts";
import { serve } from "gatehouse";

const APP = `
import { AsyncLocalStorage } from "node:async_hooks";
const local = new AsyncLocalStorage();
let waiting = [];
// Every request waits for the others: each goes on in the middle of another one's work.
const together = (count) => new Promise((resolve) => {
  waiting.push(resolve);
  if (waiting.length < count) return;
  for (const wake of waiting) wake();
  waiting = [];
});
const told = async () => {
  await together(3);
  await new Promise((resolve) => setTimeout(resolve, 0));
  return local.getStore();
};
export default (request) =>
  local.run(new URL(request.url).pathname, async () => new Response(await told()));
`;

for (const workers of [0, 1]) {
  Deno.test(`what a request keeps in an AsyncLocalStorage stays its own (workers: ${workers})`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/app.js`, APP);
      await using server = await serve({ app: `${folder}/app.js`, http: "127.0.0.1:0", workers });
      const { port } = server.addresses[0] as Deno.NetAddr;
      const paths = ["/a", "/b", "/c"];
      for (let round = 0; round < 3; round++) {
        const answers = await Promise.all(
          paths.map(async (path) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()),
        );
        assertEquals(answers, paths);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
