/**
 * What an app returns or throws may itself throw when it is looked at, or be more than can be sent: the
 * one request gets 500 (RFC 9110 15.6.1), or a response that breaks off, and its neighbours notice nothing.
 */
import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { broken, faults } from "./faulty_responses_app.ts";

const APP = new URL("./faulty_responses_app.ts", import.meta.url).pathname;

/** What comes of a request: the status, or that the response broke off. */
async function outcome(url: string): Promise<number | "broken off"> {
  const response = await fetch(url);
  try {
    await response.text();
    return response.status;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return "broken off";
  }
}

for (const workers of ["0", "1"]) {
  Deno.test(`what cannot be sent costs its own request alone (--workers ${workers})`, async (test) => {
    await using gateway = await startGateway([APP, "--workers", workers]);
    const at = (name: string) => `${gateway.url}/${encodeURIComponent(name)}`;
    const instance = await (await fetch(at("instance"))).text();
    const neighbour = fetch(at("wait"));
    for (const way of ["at once", "in a promise"]) {
      for (const [kinds, expected] of [[faults, 500], [broken, "broken off"]] as const) {
        for (const kind of Object.keys(kinds)) {
          await test.step(`${kind}, ${way}: ${expected}`, async () => {
            assertEquals(await outcome(at(`${way}: ${kind}`)), expected);
            assertEquals(await (await fetch(at("instance"))).text(), instance);
          });
        }
      }
    }
    assertEquals(await (await fetch(at("work that throws what throws"))).text(), "done");
    // What can be sent is: such a proxy stands for its response.
    assertEquals(await (await fetch(at("a proxy without traps"))).text(), "part");
    assertEquals(await (await fetch(at("release"))).text(), "1");
    const waited = await neighbour;
    assertEquals([waited.status, await waited.text()], [200, "waited"]);
    assert(!gateway.log.some((line) => /died|uncaught exception/i.test(line)));
    assert(gateway.log.every((line) => line.length < 100_000), "a line of the log has no end");
  });
}
