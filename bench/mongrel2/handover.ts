/**
 * What is lost when gateways take over from each other as the handler of a Mongrel2 under load.
 *
 *     deno task bench:handover [--handovers N] [--clients N] [--rate N] [--only clients|rate]
 *
 * Clients that ask one thing after the other, and clients that ask at a rate, whatever is answered.
 *
 * @module
 */

import { startGateway } from "../../tests/support/gateway.ts";
import type { GatewayProcess } from "../../tests/support/gateway.ts";
import { get, RawClient } from "../../tests/support/raw_client.ts";
import { Mongrel2Server } from "../../tests/peers/mongrel2_server.ts";
import { commandLine, text, whole } from "../command_line.ts";
import { delay } from "../measuring/harness.ts";

const { handovers, clients, rate, only } = commandLine({
  usage: "bench:handover",
  about:
    "Gateways take over from each other as Mongrel2's handler under load: counts what is lost.",
  options: {
    handovers: whole(20, "how often"),
    clients: whole(64, "clients that ask one thing after the other"),
    rate: whole(300, "requests a second of the others"),
    only: text("clients|rate", "only these clients"),
  },
});
/** Time after which a request is taken for lost, in milliseconds. */
const LOST_MS = 5_000;
/** Time that each gateway serves before the next one comes. */
const SERVING_MS = 500;

const APP = new URL("../apps/trivial.ts", import.meta.url).pathname;

let sent = 0;
let lost = 0;

/** Asks once on a connection of its own or the one given; the connection, if it can be used again. */
async function ask(port: number, client: RawClient | null): Promise<RawClient | null> {
  const connection = client ?? await RawClient.connect(port);
  sent++;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), LOST_MS));
  const asked = connection.send(get("/")).then(() => connection.receive()).catch(() => null);
  const answer = await Promise.race([asked, late]);
  clearTimeout(timer);
  if (answer?.status === 200) return connection;
  lost++;
  connection[Symbol.dispose]();
  return null;
}

async function measure(
  what: string,
  load: (port: number, isOver: () => boolean) => Promise<void>,
): Promise<void> {
  await using server = await Mongrel2Server.start();
  const start = () => startGateway([APP, "--mongrel2", server.spec(), "--workers=1"]);
  let gateway: GatewayProcess = await start();
  let isOver = false;
  sent = lost = 0;
  const loading = load(server.port, () => isOver);
  const counts: number[] = [];
  let longestMs = 0;
  for (let i = 0; i < handovers; i++) {
    await delay(SERVING_MS);
    const next = await start();
    const since = performance.now();
    gateway.kill("SIGTERM");
    const { code } = await gateway.status;
    longestMs = Math.max(longestMs, performance.now() - since);
    if (code !== 0) console.log(`exit status ${code}: ${gateway.log.join("; ")}`);
    gateway = next;
    counts.push(lost);
  }
  await delay(SERVING_MS);
  isOver = true;
  await loading;
  gateway.kill("SIGKILL");
  await gateway.status;
  console.log(`| ${what} | ${sent} | ${lost} | ${longestMs.toFixed(0)} |`);
}

console.log("| load | requests | lost | longest leave, ms |\n| --- | --- | --- | --- |");
if (only !== "rate") {
  await measure(`${clients} clients, one request after the other`, async (port, isOver) => {
    await Promise.all(Array.from({ length: clients }, async () => {
      let client: RawClient | null = null;
      while (!isOver()) {
        client = await ask(port, client);
      }
      client?.[Symbol.dispose]();
    }));
  });
}
if (only !== "clients") {
  await measure(`${rate} requests a second`, async (port, isOver) => {
    const idle: (RawClient | null)[] = [];
    const asked = new Set<Promise<void>>();
    const since = performance.now();
    for (let i = 0; !isOver(); i++) {
      await delay(Math.max(since + i * 1_000 / rate - performance.now(), 0));
      const asking = ask(port, idle.pop() ?? null).then((client) => {
        if (client !== null) idle.push(client);
        asked.delete(asking);
      });
      asked.add(asking);
    }
    await Promise.all(asked);
    for (const client of idle) client?.[Symbol.dispose]();
  });
}
