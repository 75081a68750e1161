/**
 * Reloads under load: keeps a gateway busy over HTTP, FastCGI and Mongrel2, on TCP and unix sockets,
 * with connections that are kept and new ones, while its app is loaded anew again and again, in
 * another version each time. Counts what is lost.
 *
 *     deno task bench:reload [--reloads N] [--lanes N] [--loader own|native]
 *
 * Refused are connections that could not be made, reset those that ended before the answer did, and
 * wrong the answers that were not to their request, not of the version that belongs to the generation
 * that they name, or of a generation that another one had taken over from when they were asked for.
 * "Outlasting" are streams that ended, whole, after a later generation had begun to answer.
 *
 * @module
 */

import { Mongrel2Server } from "../tests/peers/mongrel2_server.ts";
import { isMissing, libzmqIsMissing } from "../tests/support/peers.ts";
import { reloadUnderLoad } from "../tests/support/reload_load.ts";
import { commandLine, text, whole } from "./command_line.ts";
import type { LoadReport } from "../tests/support/reload_load.ts";

const { reloads, lanes, loader: chosen } = commandLine({
  usage: "bench:reload",
  about: "Reloads an app under load over all protocols, and counts what is lost.",
  options: {
    reloads: whole(100, "reloads with each loader"),
    lanes: whole(2, "lanes of each kind"),
    loader: text("own|native", "only with this loader"),
  },
});
const loaders = chosen === undefined ? ["own", "native"] : [chosen];

async function measure(loader: "own" | "native"): Promise<LoadReport> {
  await using server = noMongrel2 ? null : await Mongrel2Server.start();
  return await reloadUnderLoad({
    loader,
    protocols: ["http", "fastcgi"],
    mongrel2: server === null ? undefined : { spec: server.spec(), port: server.port },
    reloads,
    lanes,
    onReload: (count) => {
      if (count % 10 === 0) console.error(`${loader} loader: ${count} reloads`);
    },
  });
}

function print(loader: string, { tallies, faults, reloads }: LoadReport, seconds: number): number {
  console.log(`\n${loader} loader: ${reloads} reloads in ${seconds.toFixed(0)} s`);
  const columns = ["requests", "streams", "outlasting", "refused", "reset", "wrong"] as const;
  const width = Math.max(...tallies.map(({ name }) => name.length));
  console.log(["".padEnd(width), ...columns.map((name) => name.padStart(10))].join(" "));
  for (const tally of tallies) {
    const counts = columns.map((column) => String(tally[column]).padStart(10));
    console.log([tally.name.padEnd(width), ...counts].join(" "));
  }
  for (const fault of faults) console.log(fault);
  return tallies.reduce((sum, { refused, reset, wrong }) => sum + refused + reset + wrong, 0);
}

const noMongrel2 = isMissing("mongrel2") || isMissing("m2sh") || libzmqIsMissing();
let lost = 0;
for (const loader of loaders) {
  if (loader !== "own" && loader !== "native") throw new TypeError(`no loader is called ${loader}`);
  const start = performance.now();
  const report = await measure(loader);
  lost += print(loader, report, (performance.now() - start) / 1_000);
}
if (lost > 0) Deno.exit(1);
