/**
 * The clock is set back, or ahead, or runs backwards. Told: nothing, there is nothing wrong. Lost: nothing.
 * What takes time goes by a clock that nobody can set; the `Date` of responses is that of the clock
 * (RFC 9110 6.6.1).
 */
import { assert, assertEquals } from "../support/assert.ts";
import { FROM_SOURCE } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { ThreeProtocols } from "./three_protocols.ts";

const HOUR_MS = 3_600_000;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const APP = `
export default async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/never") return new Promise(() => {});
  if (pathname === "/slow") await new Promise((resolve) => setTimeout(resolve, 600));
  return new Response("ok");
};
`;
const command = [
  ...FROM_SOURCE.slice(0, -1),
  new URL("./moved_clock.ts", import.meta.url).pathname,
];

Deno.test("a clock that is moved keeps no request from its answer", (test) =>
  inFolder({ "app.js": APP, clock: "0" }, async (folder) => {
    const clock = `${folder}/clock`;
    await using lab = await ThreeProtocols.start(
      [`${folder}/app.js`, "--workers=1", "--request-timeout=1"],
      { command, env: { TEST_CLOCK: clock } },
    );
    const { gateway, protocols } = lab;
    using kept = await RawClient.connect(lab.port("http"));
    const dateOf = async () => {
      await kept.send(get("/"));
      return Date.parse((await kept.receive()).headers.get("date")!);
    };
    assert(Math.abs(await dateOf() - Date.now()) < 60_000);
    for (const moved of [-HOUR_MS, HOUR_MS, -24 * 365 * HOUR_MS]) {
      await test.step(`by ${moved / HOUR_MS} h`, async () => {
        const slow = lab.askAll("/slow");
        const never = lab.askAll("/never");
        await Deno.writeTextFile(clock, String(moved));
        // The connection goes on, and soon says the new time.
        while (Math.abs(await dateOf() - Date.now() - moved) > 60_000) await sleep(20);
        assertEquals((await slow).map(({ body }) => body), protocols.map(() => "ok"));
        assertEquals((await never).map(({ status }) => status), protocols.map(() => 504));
        assertEquals((await lab.askAll()).map(({ body }) => body), protocols.map(() => "ok"));
        assertEquals(lab.problems, []);
      });
    }
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  }));

Deno.test("a clock that runs backwards holds up neither requests, nor reloads, nor the end", () =>
  inFolder({ "app.js": APP, clock: "backwards" }, async (folder) => {
    await using lab = await ThreeProtocols.start([`${folder}/app.js`, "--workers=1"], {
      command,
      env: { TEST_CLOCK: `${folder}/clock` },
    });
    const { gateway, protocols } = lab;
    const slow = lab.askAll("/slow");
    assertEquals((await lab.askAll()).map(({ body }) => body), protocols.map(() => "ok"));
    gateway.kill("SIGHUP");
    await gateway.logged(/^generation 2 serves$/);
    gateway.kill("SIGTERM");
    assertEquals((await slow).map(({ body }) => body), protocols.map(() => "ok"));
    assertEquals((await gateway.status).code, 0);
  }));
