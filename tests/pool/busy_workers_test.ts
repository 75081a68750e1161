import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { RawClient } from "../support/raw_client.ts";

const APP = new URL("./blocking_app.ts", import.meta.url).pathname;

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A request that blocks the thread of its worker. */
interface Blocker {
  readonly status: Promise<number>;
  readonly isAnswered: boolean;
  /** Lets the worker go on. */
  end(): Promise<void>;
}

/** What came of a request. */
interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A gateway with two workers, both of which are blocked. */
class Blocked {
  readonly gateway: GatewayProcess;
  readonly blockers: readonly Blocker[];
  readonly #folder: string;

  private constructor(gateway: GatewayProcess, blockers: readonly Blocker[], folder: string) {
    this.gateway = gateway;
    this.blockers = blockers;
    this.#folder = folder;
  }

  static async start(...args: readonly string[]): Promise<Blocked> {
    const folder = await Deno.makeTempDir({ prefix: "gatehouse-test-" });
    const access = [`--app-allow-read=${folder}`, `--app-allow-write=${folder}`];
    const gateway = await startGateway([APP, "--workers=2", ...access, ...args]);
    const blockers = [
      await block(gateway, `${folder}/first`),
      await block(gateway, `${folder}/second`),
    ];
    // The gateway is to see that they do not go on.
    await delay(50);
    return new Blocked(gateway, blockers, folder);
  }

  /** Sends a request, and gives it the time to come. */
  async send(path: string, body?: BodyInit): Promise<{ answer: Promise<Answer> }> {
    const method = body === undefined ? "GET" : "POST";
    const answer = fetch(`${this.gateway.url}${path}`, { method, body })
      .then(async (response) => ({ status: response.status, text: await response.text() }));
    await delay(20);
    return { answer };
  }

  /** What the app has begun in a worker that is free. */
  async begun(): Promise<string[]> {
    return JSON.parse((await (await this.send("/begun")).answer).text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const blocker of this.blockers) await blocker.end();
    await this.gateway[Symbol.asyncDispose]();
    await Promise.all(this.blockers.map(({ status }) => status));
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function block(gateway: GatewayProcess, file: string): Promise<Blocker> {
  let isAnswered = false;
  const status = fetch(`${gateway.url}/block?file=${file}`).then(async (response) => {
    isAnswered = true;
    await response.body?.cancel();
    return response.status;
  }, () => 0);
  while (!await Deno.stat(`${file}.begun`).catch(() => null)) await delay(10);
  return {
    status,
    get isAnswered() {
      return isAnswered;
    },
    end: () => Deno.writeTextFile(file, ""),
  };
}

for (const free of [0, 1]) {
  Deno.test(`requests go, in order, to the first worker that goes on: number ${free + 1}`, async () => {
    await using blocked = await Blocked.start();
    const tokens = Array.from({ length: 12 }, (_, i) => String(i));
    const answers: Promise<Answer>[] = [];
    for (const token of tokens) answers.push((await blocked.send(`/?token=${token}`)).answer);
    await blocked.blockers[free].end();
    for (const answer of answers) assertEquals((await answer).status, 200);
    assertEquals(await blocked.blockers[free].status, 200);
    assert(!blocked.blockers[1 - free].isAnswered, "the other worker was blocked all the time");
    assertEquals(await blocked.begun(), tokens);
  });
}

Deno.test("a request whose client leaves before a worker is free is never begun", async () => {
  await using blocked = await Blocked.start();
  const leaving = await RawClient.connect(blocked.gateway.port);
  await leaving.send("POST /?token=leaves HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
  const { answer } = await blocked.send("/?token=stays");
  leaving[Symbol.dispose]();
  await delay(50);
  await blocked.blockers[0].end();
  assertEquals((await answer).status, 200);
  assertEquals(await blocked.begun(), ["stays"]);
});

Deno.test("a body that comes before a worker is free, and after, is whole", async () => {
  await using blocked = await Blocked.start();
  const parts = ["a", "b", "c"].map((letter) => letter.repeat(100_000));
  using client = await RawClient.connect(blocked.gateway.port);
  await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${parts[0]}`);
  await delay(50);
  await client.send(parts[1]);
  await delay(50);
  await blocked.blockers[1].end();
  await client.send(parts[2]);
  const { status, body } = await client.receive();
  assertEquals([status, body === parts.join("")], [200, true]);
});

Deno.test("pipelined requests that wait for a worker are answered in their order", async () => {
  await using blocked = await Blocked.start();
  using client = await RawClient.connect(blocked.gateway.port);
  const numbers = Array.from({ length: 6 }, (_, i) => `n${i}`);
  await client.send(
    numbers.map((n) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n${n}`).join(""),
  );
  await delay(50);
  await blocked.blockers[0].end();
  const bodies: string[] = [];
  for (const _ of numbers) bodies.push((await client.receive()).body);
  assertEquals(bodies, numbers);
});

Deno.test("requests outlive the workers that they waited for", async () => {
  await using blocked = await Blocked.start("--hang-timeout=1");
  const { answer } = await blocked.send("/?token=a");
  assertEquals((await answer).status, 200);
  assertEquals(await Promise.all(blocked.blockers.map(({ status }) => status)), [504, 504]);
});

Deno.test("requests that wait for blocked workers go to new ones after a reload", async () => {
  await using blocked = await Blocked.start();
  const { answer } = await blocked.send("/?token=a");
  blocked.gateway.kill("SIGHUP");
  assertEquals((await answer).status, 200);
  assert(blocked.blockers.every(({ isAnswered }) => !isAnswered));
});

Deno.test("requests that wait for blocked workers are answered before the gateway ends", async () => {
  await using blocked = await Blocked.start();
  const { answer } = await blocked.send("/?token=a");
  blocked.gateway.kill("SIGTERM");
  await delay(100);
  for (const blocker of blocked.blockers) await blocker.end();
  assertEquals((await answer).status, 200);
  assertEquals((await blocked.gateway.status).code, 0);
});

Deno.test("workers that only wait have any number of requests at a time", async () => {
  await using blocked = await Blocked.start();
  const count = 100;
  await blocked.blockers[0].end();
  await blocked.blockers[0].status;
  const { url } = blocked.gateway;
  const leave = new AbortController();
  const pending = Array.from(
    { length: count },
    (_, i) => fetch(`${url}/wait?token=${i}`, { signal: leave.signal }).catch(() => {}),
  );
  // They are in the one worker that is free, and it has begun all of them.
  while ((await blocked.begun()).length < count);
  assert(!blocked.blockers[1].isAnswered);
  leave.abort();
  await Promise.all(pending);
});
