import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("./app.ts", import.meta.url).pathname;

async function text(url: string): Promise<[number, string]> {
  const response = await fetch(url);
  return [response.status, await response.text()];
}

function countOf(gateway: GatewayProcess, pattern: RegExp): number {
  return gateway.log.filter((line) => pattern.test(line)).length;
}

/** Asks for `path` again and again until `done`; all answers have to be good ones. */
async function askUntil(done: () => boolean, url: string): Promise<Set<string>> {
  const workers = new Set<string>();
  for (const deadline = Date.now() + 60_000; !done();) {
    assert(Date.now() < deadline, "it takes too long");
    const [status, worker] = await text(url);
    assertEquals(status, 200);
    workers.add(worker);
  }
  return workers;
}

Deno.test("workers are replaced after so many requests, and none is lost", async () => {
  await using gateway = await startGateway([APP, "--workers=2", "--max-worker-requests=40"]);
  const replaced = () => countOf(gateway, /^worker \d is replaced$/) >= 6;
  const clients = Array.from({ length: 8 }, () => askUntil(replaced, `${gateway.url}/worker`));
  const workers = new Set((await Promise.all(clients)).flatMap((each) => [...each]));
  assert(workers.size >= 6, `${workers.size}`);
  const reason = await gateway.logged(/^worker \d is replaced: /);
  assertStringIncludes(reason, "requests (--max-worker-requests)");
  const problems = gateway.log.filter((line) => /^(?:error|warning)/.test(line));
  assertEquals(problems, []);
  gateway.kill("SIGTERM");
  assertEquals((await gateway.status).code, 0);
});

Deno.test("a worker that is replaced finishes its streams", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--max-worker-requests=3"]);
  const { url } = gateway;
  const [, first] = await text(`${url}/worker`);
  const stream = text(`${url}/stream?ms=3000`);
  await askUntil(() => countOf(gateway, /^worker 1 is replaced$/) > 0, `${url}/worker`);
  const [, second] = await text(`${url}/worker`);
  assert(second !== first);
  assertEquals(await stream, [200, `${first} end`]);
  await gateway.logged(/^worker 1 is replaced$/);
});

Deno.test("a worker that is replaced and does not finish in time is cut off", async () => {
  await using gateway = await startGateway(
    [APP, "--workers=1", "--max-worker-requests=2", "--drain-timeout=1"],
  );
  using client = await RawClient.connect(gateway.port);
  await client.send(get("/stream-until-aborted"));
  assertEquals((await client.receive("head")).status, 200);
  await askUntil(() => countOf(gateway, /^worker 1 is replaced$/) > 0, `${gateway.url}/worker`);
  await gateway.logged(/^warning: worker 1 was replaced, and is cut off/);
  assert(!(await client.rest()).endsWith("0\r\n\r\n"));
  assertEquals((await text(gateway.url))[0], 200);
});

Deno.test("workers are replaced at their age, though nobody asks them anything", async () => {
  await using gateway = await startGateway([APP, "--workers=2", "--max-worker-age=1"]);
  for (const number of [1, 2]) {
    await gateway.logged(
      new RegExp(`^worker ${number} is replaced: it is 1 s old \\(--max-worker-age\\)$`),
    );
    await gateway.logged(new RegExp(`^worker ${number} is replaced$`));
  }
  assertEquals((await text(gateway.url))[0], 200);
});

const leaks: Record<string, string> = {
  "one whose buffers grow": "/leak?bytes=1000000",
  "one that is idle between requests": "/leak?bytes=30000000",
};
for (const [name, path] of Object.entries(leaks)) {
  Deno.test(`a worker that uses too much memory is replaced: ${name}`, async () => {
    await using gateway = await startGateway([APP, "--workers=1", "--max-worker-memory=64m"]);
    const { url } = gateway;
    const [, first] = await text(`${url}/worker`);
    let asked = 0;
    for (; asked < 80e6; asked += Number(path.split("=")[1])) {
      assertEquals(await text(url + path), [200, first]);
    }
    const reason = await gateway.logged(/^worker 1 is replaced: /);
    assertStringIncludes(reason, "MiB of memory (--max-worker-memory 64.0 MiB)");
    await gateway.logged(/^worker 1 is replaced$/);
    const [status, second] = await text(`${url}/worker`);
    assertEquals([status, second === first], [200, false]);
  });
}

Deno.test("an app that needs more memory than its limit from the outset is not loaded without end", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--max-worker-memory=1k"]);
  await gateway.logged(/^worker 1 is replaced: it uses /);
  const until = Date.now() + 6_000;
  await askUntil(() => Date.now() > until, `${gateway.url}/sleep?ms=10`);
  // The delays between them add up to 6.3 s after six.
  const replaced = countOf(gateway, /^worker 1 is replaced$/);
  assert(replaced >= 1 && replaced <= 7, `${replaced}`);
});
