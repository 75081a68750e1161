import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";

const GOOD = `export default () => new Response("good");`;
const WAITS = `await new Promise(() => {}); ${GOOD}`;

/** Calls `body` with a folder that has `source` as its app. */
async function withApp(source: string, body: (app: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/app.js`, source);
    await body(`${folder}/app.js`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function text(url: string): Promise<[number, string]> {
  const response = await fetch(url);
  return [response.status, await response.text()];
}

const stuck: Record<string, [source: string, args: string[]]> = {
  "a wait without end": [WAITS, ["--workers=2"]],
  "a wait without end, with the built-in loader": [WAITS, ["--workers=1", "--loader=own"]],
  "a wait without end, without workers": [WAITS, ["--workers=0"]],
  "a loop without end": [`for (;;); ${GOOD}`, ["--workers=1"]],
  "a factory that is never done": [
    "export default () => new Promise(() => {});",
    ["--workers=1", "--factory"],
  ],
};
for (const [name, [source, args]] of Object.entries(stuck)) {
  Deno.test(`an app that is stuck in its start ends the gateway's start: ${name}`, async () => {
    await withApp(source, async (app) => {
      const { code, stderr } = await runGateway(
        [app, ...args, "--load-timeout=2", "--http=127.0.0.1:0"],
      );
      assertEquals(code, 1);
      const lines = stderr.trim().split("\n").filter((line) => line.includes("--load-timeout"));
      assertEquals(lines, [
        `gatehouse: cannot load file://${app}: loading took longer than 2 s (--load-timeout); does ` +
        "it wait for something that never happens, or block its thread?",
      ]);
    });
  });
}

Deno.test("of several apps, those are named that are stuck", async () => {
  await withApp(GOOD, async (good) => {
    await withApp(WAITS, async (waits) => {
      const { code, stderr } = await runGateway([
        `--mount=/=${good}`,
        `--mount=/waits=${waits}`,
        "--workers=1",
        "--load-timeout=2",
        "--http=127.0.0.1:0",
      ]);
      assertEquals(code, 1);
      assertStringIncludes(stderr, `cannot load file://${waits}: loading took longer`);
    });
  });
});

Deno.test("an app that is stuck at a reload leaves the workers that serve", async () => {
  await withApp(GOOD, async (app) => {
    await using gateway = await startGateway([app, "--workers=1", "--load-timeout=2"]);
    await Deno.writeTextFile(app, WAITS);
    gateway.kill("SIGHUP");
    await gateway.logged(/^error: cannot load .*\(--load-timeout\)/);
    await gateway.logged(/generation 1 goes on serving/);
    assertEquals(await text(gateway.url), [200, "good"]);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  });
});

const broken: Record<string, [source: string, reason: RegExp]> = {
  "is stuck": [WAITS, /^error: cannot load .*\(--load-timeout\)/],
  "cannot be loaded": ["throw new Error('broken');", /^error: cannot load .*broken/],
};
for (const [name, [source, reason]] of Object.entries(broken)) {
  Deno.test(`a replacement that ${name} is tried again, and the worker serves meanwhile`, async () => {
    await withApp(GOOD, async (app) => {
      await using gateway = await startGateway(
        // With Deno's loader, a new worker loads the files as they are by then.
        [app, "--loader=native", "--workers=1", "--load-timeout=1", "--max-worker-requests=3"],
      );
      const { url } = gateway;
      await Deno.writeTextFile(app, source);
      for (let i = 0; i < 5; i++) assertEquals(await text(url), [200, "good"]);
      await gateway.logged(reason);
      // The delays grow.
      for (const delay of ["0.1", "0.2", "0.4"]) {
        await gateway.logged(new RegExp(`^worker 1 restarts in ${delay} s$`));
        assertEquals(await text(url), [200, "good"]);
      }
      await Deno.writeTextFile(app, GOOD.replace("good", "mended"));
      await gateway.logged(/^worker 1 is ready again$/);
      assertEquals(await text(url), [200, "mended"]);
      assert(!gateway.log.some((line) => line.includes("died")), gateway.log.join("\n"));
    });
  });
}
