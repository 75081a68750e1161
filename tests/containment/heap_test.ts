import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

const APP = new URL("./app.ts", import.meta.url).pathname;

/** An environment with so many MiB for V8's old objects, in each thread. */
function withHeapOf(mebibytes: number): Record<string, string> {
  return { DENO_V8_FLAGS: `--max-old-space-size=${mebibytes}` };
}

Deno.test("a worker that exhausts V8's heap ends the process, and not with 0", async () => {
  await using gateway = await startGateway([APP, "--workers=2"], { env: withHeapOf(48) });
  const asking = fetch(`${gateway.url}/exhaust`).then(() => "answered", () => "broken off");
  const { code } = await gateway.status;
  assert(code !== 0);
  assertEquals(await asking, "broken off");
});

Deno.test("with --processes, the others go on, and the process is started again", async () => {
  await using gateway = await startGateway(
    [APP, "--workers=1", "--processes=2"],
    { env: withHeapOf(48) },
  );
  const { url } = gateway;
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const asking = fetch(`${url}/exhaust`, { client }).then(() => "answered", () => "broken off");
  const ended = gateway.logged(/^error: process \d \(\d+\) ended/);
  assertEquals(await asking, "broken off");
  assertStringIncludes(await ended, "process");
  await gateway.logged(/^process \d \(\d+\) is ready again$/);
  for (let i = 0; i < 10; i++) {
    const response = await fetch(url, { client });
    assertEquals([response.status, await response.text()], [200, "hello"]);
  }
  gateway.kill("SIGTERM");
  assertEquals((await gateway.status).code, 0);
});

Deno.test("--max-worker-memory replaces a slowly leaking worker before that", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // Objects of V8's own heap, to which its limit applies.
    await Deno.writeTextFile(
      `${folder}/app.js`,
      `const kept = [];
      export default async () => {
        for (let i = 0; i < 10_000; i++) kept.push({ i });
        await new Promise((resolve) => setTimeout(resolve, 10));
        return new Response("kept");
      };`,
    );
    await using gateway = await startGateway(
      [`${folder}/app.js`, "--workers=1", "--max-worker-memory=32m"],
      { env: withHeapOf(160) },
    );
    const replaced = () => gateway.log.filter((line) => line === "worker 1 is replaced").length;
    for (let i = 0; i < 10_000 && replaced() < 2; i++) {
      const response = await fetch(gateway.url);
      assertEquals([response.status, await response.text()], [200, "kept"]);
    }
    assertEquals(replaced(), 2);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
