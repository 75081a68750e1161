import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { until } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("./app.ts", import.meta.url).pathname;
const HANGS = /^error: worker \d died: it gave no sign of life for 2 s \(--hang-timeout\)/;

async function text(url: string): Promise<[number, string]> {
  const response = await fetch(url);
  return [response.status, await response.text()];
}

async function endsInOrder(gateway: GatewayProcess): Promise<void> {
  gateway.kill("SIGTERM");
  assertEquals((await gateway.status).code, 0);
}

const hangs: Record<string, string> = {
  "a loop without end": "/loop",
  "a wait without end": "/wait",
  "microtasks without end": "/microtasks",
};
Deno.test("a hang costs its worker's requests 504, and the worker is replaced", async (test) => {
  await using gateway = await startGateway([APP, "--workers=2", "--hang-timeout=2"]);
  const { url } = gateway;
  const count = (pattern: RegExp) => gateway.log.filter((line) => pattern.test(line)).length;
  let found = 0;
  for (const [name, path] of Object.entries(hangs)) {
    await test.step(name, async () => {
      const hanging = text(`${url}${path}`);
      // Each worker has a request; those that come meanwhile are answered by the other one.
      for (let i = 0; i < 10; i++) assertEquals(await text(url), [200, "hello"]);
      assertEquals((await hanging)[0], 504);
      found++;
      await until(() => count(HANGS) === found && count(/^worker \d is ready again$/) === found);
      const workers = new Set<string>();
      for (let i = 0; i < 10; i++) workers.add((await text(`${url}/worker`))[1]);
      assertEquals(workers.size, 2);
    });
  }
  await endsInOrder(gateway);
});

Deno.test("a worker that hangs after its answer is found out, though it has no request", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--hang-timeout=2"]);
  const { url } = gateway;
  assertEquals(await text(`${url}/hang-later`), [200, "later"]);
  await gateway.logged(HANGS);
  assertEquals(await text(url), [200, "hello"]);
  await endsInOrder(gateway);
});

Deno.test("a request that waited for its worker to start, and hangs it, is found out, too", async () => {
  const path = await Deno.makeTempFile({ suffix: ".js" });
  await Deno.writeTextFile(
    path,
    `await new Promise((resolve) => setTimeout(resolve, 1_500));
    export default {
      fetch({ url }) {
        if (url.endsWith("/hang")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        queueMicrotask(() => { throw new Error("crash"); });
        return new Promise(() => {});
      },
    };`,
  );
  try {
    await using gateway = await startGateway([path, "--workers=1", "--hang-timeout=2"]);
    const { url } = gateway;
    assertEquals((await text(`${url}/crash`))[0], 502);
    assertEquals((await text(`${url}/hang`))[0], 504);
    await gateway.logged(HANGS);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a response that has begun when its worker hangs is broken off", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--hang-timeout=2"]);
  using client = await RawClient.connect(gateway.port);
  await client.send(get("/stream-then-hang"));
  const received = await client.rest();
  assertMatch(received, /^HTTP\/1\.1 200 [\s\S]*begun/);
  assert(!received.endsWith("0\r\n\r\n"));
});

const busy: Record<string, (url: string) => Promise<[number, string]>[]> = {
  "computes for long, but in pieces": (url) => [text(`${url}/pieces?ms=6000`)],
  "has a request that waits for long": (url) => [text(`${url}/sleep?ms=5000`)],
  "answers many requests that each block it for a while": (url) =>
    Array.from({ length: 15 }, () => text(`${url}/block?ms=300`)),
};
for (const [name, ask] of Object.entries(busy)) {
  Deno.test(`a worker that ${name} is not taken for one that hangs`, async () => {
    await using gateway = await startGateway([APP, "--workers=1", "--hang-timeout=2"]);
    const [, worker] = await text(`${gateway.url}/worker`);
    const answers = await Promise.all(ask(gateway.url));
    assertEquals(answers, answers.map(() => [200, worker]));
    assert(!gateway.log.some((line) => line.includes("died")), gateway.log.join("\n"));
  });
}

Deno.test("a gateway that was stopped itself does not blame its workers", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--hang-timeout=1"]);
  const [, worker] = await text(`${gateway.url}/worker`);
  const answer = text(`${gateway.url}/sleep?ms=2500`);
  await new Promise((resolve) => setTimeout(resolve, 500));
  gateway.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  gateway.kill("SIGCONT");
  assertEquals(await answer, [200, worker]);
  assert(!gateway.log.some((line) => line.includes("died")), gateway.log.join("\n"));
});

Deno.test("without a limit of its own, a worker may block for any time", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--hang-timeout=0"]);
  const [, worker] = await text(`${gateway.url}/worker`);
  assertEquals(await text(`${gateway.url}/block?ms=3000`), [200, worker]);
});

Deno.test("a worker that is blocked gets no requests while others have time", async () => {
  await using gateway = await startGateway(
    [APP, "--workers=2", "--request-timeout=3", "--hang-timeout=60"],
  );
  const { url } = gateway;
  // Its request has timed out, so that it looks as if it had nothing to do.
  assertEquals((await text(`${url}/wait`))[0], 504);
  for (let i = 0; i < 20; i++) assertEquals(await text(url), [200, "hello"]);
});
