import { Mongrel2Server } from "../peers/mongrel2_server.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { isMissing, libzmqIsMissing } from "../support/peers.ts";
import { reloadUnderLoad } from "../support/reload_load.ts";
import type { LoadReport } from "../support/reload_load.ts";

const RELOADS = 5;
const LANES = 2;

const noMongrel2 = isMissing("mongrel2") || isMissing("m2sh") || libzmqIsMissing();

function assertNothingIsLost({ tallies, faults, log }: LoadReport): void {
  assertEquals(faults, []);
  for (const { name, requests, streams, refused, reset, wrong } of tallies) {
    assertEquals([name, refused, reset, wrong], [name, 0, 0, 0]);
    assert(requests > RELOADS && streams > 0, `${name}: ${requests} requests, ${streams} streams`);
  }
  assert(tallies.some(({ outlasting }) => outlasting > 0), "no stream went on during a reload");
  assertEquals(log.filter((line) => /error|warning|cut off|died/.test(line)), []);
}

for (const loader of ["own", "native"] as const) {
  Deno.test(`reloads lose no request over HTTP and FastCGI, TCP and unix sockets (${loader} loader)`, async () => {
    const options = { loader, reloads: RELOADS, lanes: LANES };
    assertNothingIsLost(await reloadUnderLoad({ ...options, protocols: ["http", "fastcgi"] }));
  });
}

Deno.test({
  name: "reloads lose no request over Mongrel2",
  ignore: noMongrel2,
  fn: async () => {
    await using server = await Mongrel2Server.start();
    const mongrel2 = { spec: server.spec(), port: server.port };
    const options = { loader: "native", reloads: RELOADS, lanes: LANES } as const;
    assertNothingIsLost(await reloadUnderLoad({ ...options, protocols: [], mongrel2 }));
  },
});
