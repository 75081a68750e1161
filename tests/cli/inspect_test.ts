import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const FILES = { "app.js": 'export default () => new Response("hello");' };

/** What a debugger is told of workers when it attaches. */
async function workersSeenBy(url: string): Promise<string[]> {
  const socket = new WebSocket(url);
  const titles: string[] = [];
  const closed = new Promise((resolve) => socket.onclose = resolve);
  await new Promise<void>((resolve, reject) => {
    socket.onerror = reject;
    socket.onopen = () =>
      socket.send(JSON.stringify({
        id: 1,
        method: "Target.setAutoAttach",
        params: { autoAttach: true, waitForDebuggerOnStart: false, flatten: true },
      }));
    socket.onmessage = ({ data }) => {
      const { method, params } = JSON.parse(data);
      if (method !== "Target.attachedToTarget") return;
      titles.push(params.targetInfo.url);
      resolve();
    };
  });
  socket.close();
  await closed;
  return titles;
}

const [major, minor] = Deno.version.deno.split(".").map(Number);
const ignore = major === 2 && minor < 9;

for (const option of ["--inspect", "--inspect=worker"]) {
  Deno.test({
    name: `${option} opens an inspector on the loopback interface, which shows the workers`,
    ignore,
    fn: () =>
      inFolder(FILES, async (folder) => {
        await using gateway = await startGateway([`${folder}/app.js`, "--workers=1", option]);
        const line = await gateway.logged(/^inspector ws:\/\/127\.0\.0\.1:\d+\/\S+ /);
        const workers = await workersSeenBy(line.split(" ")[1]);
        assert(workers.some((url) => url.endsWith("/worker/main.ts")), workers.join());
        assertEquals(await (await fetch(gateway.url)).text(), "hello");
      }),
  });
}

Deno.test("--inspect takes nothing else", async () => {
  const { code, stderr } = await runGateway(["a.js", "--inspect=all"]);
  assertEquals(code, 2);
  assertMatch(stderr, /--inspect takes gateway or worker, not "all"/);
});
