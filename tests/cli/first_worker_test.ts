import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { FROM_SOURCE } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { linesOf } from "../support/streams.ts";

/** A gateway with two workers: the second one asks before it goes on loading. */
interface StartingGateway {
  readonly child: Deno.ChildProcess;
  readonly client: RawClient;
  /** Resolves when the second worker has asked. */
  readonly asked: Promise<void>;
  /** Resolves when the work after a response to `/later` was done. */
  readonly workDone: Promise<void>;
  /** Answers it. */
  answer(status: 200 | 500): void;
}

/** Starts a gateway, and connects to it once it listens. */
async function withStarting(body: (gateway: StartingGateway) => Promise<void>): Promise<void> {
  let count = 0;
  const onPort = Promise.withResolvers<number>();
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<Response>();
  const workDone = Promise.withResolvers<void>();
  await using control = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      if (request.method === "POST") {
        onPort.resolve(Number(await request.text()));
        return new Response();
      }
      if (request.method === "PUT") {
        workDone.resolve();
        return new Response();
      }
      if (++count === 1) return new Response("first");
      asked.resolve();
      return await answered.promise;
    },
  );
  const url = `http://127.0.0.1:${control.addr.port}/`;
  const app = `
    const answer = await fetch(${JSON.stringify(url)});
    if (!answer.ok) throw new Error("told not to load");
    export default {
      fetch(request, context) {
        if (request.url.endsWith("/later")) {
          context.waitUntil(new Promise((resolve) => setTimeout(resolve, 500))
            .then(() => fetch(${JSON.stringify(url)}, { method: "PUT" })));
        }
        return new Response("served");
      },
      onListen: ({ port }) => fetch(${JSON.stringify(url)}, { method: "POST", body: port }),
    };`;
  const path = await Deno.makeTempFile({ suffix: ".js" });
  await Deno.writeTextFile(path, app);
  const child = new Deno.Command(FROM_SOURCE[0], {
    args: [...FROM_SOURCE.slice(1), path, "--http=127.0.0.1:0", "--workers=2", "--app-allow-all"],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  try {
    using client = await RawClient.connect(await onPort.promise);
    await body({
      child,
      client,
      asked: asked.promise,
      workDone: workDone.promise,
      answer: (status) => answered.resolve(new Response(null, { status })),
    });
  } finally {
    answered.resolve(new Response());
    await Deno.remove(path);
  }
}

async function served(client: RawClient): Promise<string> {
  await client.send(get("/"));
  return (await client.receive()).body;
}

Deno.test("the first worker serves while the others are loading", () =>
  withStarting(async ({ child, client, asked, answer }) => {
    assertEquals(await served(client), "served");
    await asked;
    assertEquals(await served(client), "served");
    answer(200);
    for await (const line of linesOf(child.stderr)) if (line === "ready") child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
  }));

Deno.test("a later worker that cannot load the app ends the start", () =>
  withStarting(async ({ child, client, asked, answer }) => {
    assertEquals(await served(client), "served");
    await asked;
    answer(500);
    const { code, stderr } = await child.output();
    assertEquals(code, 1);
    assertStringIncludes(new TextDecoder().decode(stderr), "told not to load");
    assert(await client.closed());
  }));

Deno.test("a signal while the other workers are loading lets the first one finish, and exits 1", () =>
  withStarting(async ({ child, client, asked }) => {
    await asked;
    assertEquals(await served(client), "served");
    child.kill("SIGTERM");
    const { code, stderr } = await child.output();
    assertEquals(code, 1);
    assertStringIncludes(new TextDecoder().decode(stderr), "stopped before it was ready");
    assert(await client.closed());
  }));

Deno.test("what an app does after its response is done to the end, though another worker is loading", () =>
  withStarting(async ({ child, client, asked, workDone }) => {
    await asked;
    await client.send(get("/later"));
    assertEquals((await client.receive()).body, "served");
    child.kill("SIGTERM");
    await workDone;
    await child.stderr.cancel();
    await child.status;
  }));
