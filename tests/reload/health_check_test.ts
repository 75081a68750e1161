import { assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { allAtOnce, ReloadLab } from "../support/reloading.ts";
import { LoadError } from "../../src/base/errors.ts";
import { checkHealth } from "../../src/gateway/health_check.ts";
import type { Exchange } from "../../src/message/exchange.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { latin1Of } from "../../src/message/latin1.ts";
import type { JobWorker } from "../../src/pool/cron_duty.ts";
import type { OpeningWorker } from "../../src/pool/descriptor_watch.ts";
import type { WorkerPool } from "../../src/pool/pool.ts";
import { isOnDuty } from "../../src/sandbox/cron_duty.ts";

/** An app whose health is what `answer`, an expression, says; everything else is 200. */
function appWith(answer: string): string {
  return `export default (request) =>
    new URL(request.url).pathname === "/health" ? ${answer} : new Response("bad");`;
}

const unfit: Record<string, [string, RegExp]> = {
  "answers 503": ["new Response(null, { status: 503 })", /was answered 503$/],
  "answers 404": ["new Response(null, { status: 404 })", /was answered 404$/],
  "throws": ["(() => { throw new Error('unfit'); })()", /was answered 500$/],
  "ends its worker": [
    "(queueMicrotask(() => self.close()), new Promise(() => {}))",
    /was answered 50/,
  ],
};

Deno.test("a generation that is not fit never serves", (test) =>
  allAtOnce(test, unfit, async ([answer, reason]) => {
    await using lab = await ReloadLab.start({ healthCheck: "/health" });
    assertEquals(await lab.ask("/?token=a"), [200, "1", "1 a"]);
    await Deno.writeTextFile(lab.path("app.ts"), appWith(answer));
    const outcome = await lab.reload("an unfit version");
    assertEquals(outcome.kind, "failed");
    if (outcome.kind === "failed") assertMatch(outcome.error.message, reason);
    assertEquals(await lab.ask("/?token=b"), [200, "1", "1 b"]);
    await lab.version(3);
    assertEquals((await lab.reload("a fit one")).kind, "reloaded");
    assertEquals(await lab.ask("/?token=c"), [200, "3", "3 c"]);
  }));

const fit: Record<string, string> = {
  "answers at once": "new Response('ok')",
  "redirects": "new Response(null, { status: 302, headers: { location: '/' } })",
  "answers without end": `new Response(new ReadableStream({
      pull(controller) { controller.enqueue(new Uint8Array(100_000)); },
    }))`,
  "takes its time": "new Promise((done) => setTimeout(() => done(new Response()), 50))",
};

Deno.test("a generation that is fit serves", (test) =>
  allAtOnce(test, fit, async (answer) => {
    await using lab = await ReloadLab.start({ healthCheck: "/health" });
    await Deno.writeTextFile(lab.path("app.ts"), appWith(answer));
    assertEquals((await lab.reload("another version")).kind, "reloaded");
    assertEquals(await lab.ask("/"), [200, "2", "bad"]);
  }));

Deno.test("a first generation that is not fit does not start", async () => {
  const answers = [404, 500].map((status) => `/status?code=${status}`);
  for (const healthCheck of answers) {
    await assertRejects(() => ReloadLab.start({ healthCheck }), LoadError, "was answered");
  }
});

Deno.test("a first generation runs no jobs before it is known to be fit", async () => {
  const onDuty = (workers: readonly JobWorker[]) =>
    workers.filter(({ cronDuty }) => isOnDuty(new Int32Array(cronDuty))).length;
  const counts: number[] = [];
  await using lab = await ReloadLab.start({
    workers: 2,
    healthCheck(handler) {
      counts.push(onDuty((handler as WorkerPool).allWorkers));
      return Promise.resolve();
    },
  });
  counts.push(onDuty(lab.generations.allWorkers as (OpeningWorker & JobWorker)[]));
  assertEquals(counts, [0, 1]);
});

Deno.test("a check asks for the path as a client would, and leaves when it knows", async () => {
  const events: string[] = [];
  await checkHealth(
    {
      handle(exchange: Exchange) {
        const { head } = exchange;
        const text = (start: number, end: number) => latin1Of(head.block, start, end);
        events.push(`${head.method} ${text(head.targetStart, head.targetEnd)}`);
        events.push(text(head.authorityStart, head.authorityEnd));
        events.push(text(head.fieldsStart, head.fieldsEnd).split("\r\n")[0]);
        exchange.receiver = { ...exchange.receiver, onAbort: (reason) => events.push(reason) };
        exchange.respond({ status: 204, fieldLines: "", bodyLength: UNKNOWN_LENGTH }, null);
      },
    },
    ["/health?a=1"],
    10_000,
  );
  await null;
  assertEquals(events, ["GET /health?a=1", "localhost", "host: localhost", "client-gone"]);
});

Deno.test("an app that does not answer in time is not fit, and is told that nobody waits", async () => {
  let told = "";
  const silent = {
    handle(exchange: Exchange) {
      exchange.receiver = { ...exchange.receiver, onAbort: (reason) => told = reason };
    },
  };
  await assertRejects(() => checkHealth(silent, ["/"], 20), LoadError, "no answer within 0.02 s");
  assertEquals(told, "timeout");
});

Deno.test("of several paths each is asked for, and all that are not fit are told of", async () => {
  const asked: string[] = [];
  const handler = {
    handle(exchange: Exchange) {
      const { block, targetStart, targetEnd } = exchange.head;
      const path = latin1Of(block, targetStart, targetEnd);
      asked.push(path);
      exchange.respond({
        status: path.startsWith("/bad") ? 503 : 200,
        fieldLines: "",
        bodyLength: WHOLE_BODY,
      }, "text");
    },
  };
  await checkHealth(handler, ["/a", "/b"], 10_000);
  const error = await assertRejects(
    () => checkHealth(handler, ["/bad", "/a", "/bad/too"], 10_000),
    LoadError,
  );
  assertEquals(asked, ["/a", "/b", "/bad", "/a", "/bad/too"]);
  assertMatch(error.message, /check \/bad was answered 503\n.*check \/bad\/too was answered 503$/);
});

Deno.test("what is an answer, and what is none", async (test) => {
  for (const [status, isFit] of [[200, true], [399, true], [400, false], [599, false]] as const) {
    await test.step(String(status), async () => {
      const handler = {
        handle: (exchange: Exchange) =>
          exchange.respond({ status, fieldLines: "", bodyLength: WHOLE_BODY }, "text"),
      };
      if (isFit) await checkHealth(handler, ["/"], 10_000);
      else await assertRejects(() => checkHealth(handler, ["/"], 10_000), LoadError);
    });
  }
  await test.step("a WebSocket", async () => {
    const handler = {
      handle: (exchange: Exchange) =>
        exchange.upgrade({
          kind: "websocket",
          protocol: "websocket",
          fieldLines: "",
          idleTimeoutMs: 0,
        }),
    };
    await assertRejects(() => checkHealth(handler, ["/"], 10_000), LoadError, "was answered 101");
  });
  await test.step("nothing", async () => {
    const handler = { handle: (exchange: Exchange) => exchange.fail(0) };
    await assertRejects(() => checkHealth(handler, ["/"], 10_000), LoadError, "without an answer");
  });
});
