import { assert, assertRejects } from "../support/assert.ts";
import { firstResponse } from "../../bench/loads/first_response.ts";
import { freePort } from "../../bench/measuring/harness.ts";

/** A server that is started by `script`, where `PORT` is a port that is free. */
function contestantOf(script: string) {
  const port = freePort();
  const code = script.replace("PORT", String(port));
  return { name: "x", port, command: [Deno.execPath(), "eval", "--no-check", code] };
}

Deno.test("a start takes until the first response, and the server ends then", async () => {
  const contestant = contestantOf(
    `Deno.serve({ port: PORT, hostname: "127.0.0.1" }, () => new Response("Hello"))`,
  );
  const { startMs, cpuMs } = await firstResponse(contestant, "Hello");
  assert(startMs > 0 && cpuMs > 0);
  await assertRejects(
    () => Deno.connect({ hostname: "127.0.0.1", port: contestant.port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("a server that does not start says why", async () => {
  const contestant = contestantOf(`console.error("one"); console.error("two"); Deno.exit(1)`);
  await assertRejects(() => firstResponse(contestant, "Hello"), Error, "x has ended: two");
});

Deno.test("another response than the one that is expected is none", async () => {
  const contestant = contestantOf(
    `Deno.serve({ port: PORT, hostname: "127.0.0.1" }, () => new Response("Bye"))`,
  );
  await assertRejects(() => firstResponse(contestant, "Hello"), Error, "not the response");
});
