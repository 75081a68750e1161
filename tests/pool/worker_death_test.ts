import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

/** Sends `path` again and again until it is answered with 200; the statuses before that. */
async function untilAnswered(url: string, path: string): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < 100; i++) {
    const response = await fetch(`${url}${path}`);
    await response.body?.cancel();
    if (response.status === 200) return statuses;
    statuses.push(response.status);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never answered: ${statuses}`);
}

const DEATHS: readonly [path: string, log: RegExp][] = [
  ["/crash", /^error: worker \d has an error that nobody catches; .* Error: uncaught on purpose/],
  ["/close", /^error: worker \d died: .*self\.close\(\)/],
];

for (const [path, log] of DEATHS) {
  Deno.test(`a worker that dies (${path}) costs its own requests 502, and is replaced`, async () => {
    await using gateway = await startGateway([APP, "--workers", "2"]);
    const { url, port } = gateway;
    // Both workers have requests in flight; one of them dies.
    const slow: Promise<number>[] = [];
    for (let i = 0; i < 8; i++) {
      slow.push(
        fetch(`${url}/slow?ms=3000`).then(async (response) => {
          await response.body?.cancel();
          return response.status;
        }),
      );
      // One that is slow to begin gets none for a moment.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    using streaming = await RawClient.connect(port);
    await streaming.send(get("/stream?count=40&ms=50"));
    await new Promise((resolve) => setTimeout(resolve, 150));
    const fatal = await fetch(`${url}${path}`);
    assertEquals(fatal.status, 502);
    assertStringIncludes(await fatal.text(), "502");
    await gateway.logged(log);
    // The other worker does not notice; the dead one's requests get 502.
    assertEquals([...new Set(await Promise.all(slow))].sort(), [200, 502]);
    await gateway.logged(/worker \d is ready again/);
    // The stream either ended well or broke off, without its last chunk.
    const text = await streaming.receive().then(({ body }) => body, () => "broken");
    assert(text === "broken" || text.includes("part 39"));
    const workers = new Set<string>();
    for (let i = 0; i < 10; i++) workers.add(await (await fetch(`${url}/worker`)).text());
    assertEquals(workers.size, 2);
  });
}

Deno.test("an error that nobody catches costs no other request of its worker, and is logged with its place", async () => {
  await using gateway = await startGateway([APP, "--workers", "1"]);
  const { url } = gateway;
  const first = await (await fetch(`${url}/worker`)).text();
  const slow = fetch(`${url}/slow?ms=1000`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const fatal = fetch(`${url}/crash`);
  await gateway.logged(
    /^error: worker 1 has an error that nobody catches; it finishes its requests and is replaced: Error: uncaught on/,
  );
  const [second, others] = await Promise.all([fetch(`${url}/worker`), slow]);
  await others.body?.cancel();
  assertEquals([second.status, others.status], [200, 200]);
  assert(await second.text() !== first, "another worker has taken over");
  const failed = await fatal;
  await failed.body?.cancel();
  assertEquals(failed.status, 502);
  await gateway.logged(/at .*fixtures\/app\.ts:\d+/);
});

Deno.test("a response that has begun when its worker dies is broken off", async () => {
  await using gateway = await startGateway([APP, "--workers", "1"]);
  using streaming = await RawClient.connect(gateway.port);
  await streaming.send(get("/stream?count=1000&ms=20"));
  await new Promise((resolve) => setTimeout(resolve, 150));
  const fatal = await fetch(`${gateway.url}/crash`);
  assertEquals(fatal.status, 502);
  await fatal.body?.cancel();
  const text = await streaming.rest();
  assertStringIncludes(text, "part 0");
  assert(!text.includes("\r\n0\r\n\r\n"));
});

Deno.test("with its only worker dead, requests wait for the next one, while that is near", async () => {
  await using gateway = await startGateway([APP, "--workers", "1"]);
  const { url } = gateway;
  const first = await fetch(`${url}/crash`);
  assertEquals(first.status, 502);
  await first.body?.cancel();
  const posted = await fetch(`${url}/text`, { method: "POST", body: "kept while it waited" });
  assertEquals([posted.status, await posted.text()], [200, "kept while it waited"]);
});

Deno.test("a worker that dies again and again is replaced after growing delays", async () => {
  await using gateway = await startGateway([APP, "--workers", "1"]);
  const { url } = gateway;
  const delays: string[] = [];
  for (let i = 0; i < 5; i++) {
    const response = await fetch(`${url}/crash`);
    await response.body?.cancel();
    delays.push(await gateway.logged(new RegExp(`restarts in ${0.1 * 2 ** i} s`)));
    const statuses = await untilAnswered(url, "/");
    assert(statuses.every((status) => status === 503), String(statuses));
  }
  assertEquals(delays.length, 5);
  // With 1.6 s to go, waiting was no use: the client was told when to come back.
  const fatal = fetch(`${url}/crash`).then((response) => response.body?.cancel());
  await gateway.logged(/restarts in 3\.2 s/);
  const refused = await fetch(`${url}/`);
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  await refused.body?.cancel();
  await fatal;
});

Deno.test("a request goes to the worker with the fewest in flight, not to the next in turn", async () => {
  await using gateway = await startGateway([APP, "--workers", "2"]);
  const { url } = gateway;
  const hang = new AbortController();
  const pending = fetch(`${url}/hang`, { signal: hang.signal }).catch(() => "aborted");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const workers = new Set<string>();
  for (let i = 0; i < 20; i++) workers.add(await (await fetch(`${url}/worker`)).text());
  assertEquals(workers.size, 1, "one worker is busier than the other all the time");
  hang.abort();
  await pending;
});

Deno.test("fast requests are answered while another one blocks its worker's thread", async () => {
  await using gateway = await startGateway([APP, "--workers", "2"]);
  const { url } = gateway;
  let blocked = true;
  const spin = fetch(`${url}/spin?ms=1500`).then(async (response) => {
    blocked = false;
    return await response.text();
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (let i = 0; i < 10; i++) assertEquals(await (await fetch(`${url}/`)).text(), "hello");
  assert(blocked, "ten fast requests were answered before the slow one");
  assertEquals(await spin, "spun");
});
