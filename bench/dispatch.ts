/**
 * What a dispatcher costs: the same gatehouse behind a real Mongrel2, directly and through `gatehouse
 * dispatch`, by turns. Prints rates, their ratio, and each process's CPU time for a request; and what the
 * dispatcher takes while nothing happens. Needs mongrel2 and wrk.
 *
 *     deno task bench:dispatch [ROUNDS] [SECONDS] [CLIENTS]
 *
 * @module
 */

import { median } from "./measuring/harness.ts";
import { startGateway } from "../tests/support/gateway.ts";
import type { GatewayProcess } from "../tests/support/gateway.ts";
import { Mongrel2Server } from "../tests/peers/mongrel2_server.ts";
import { cpuMs } from "../tests/support/sockets.ts";

const [rounds, seconds, clients] = [5, 4, 32].map((standard, i) =>
  Number(Deno.args[i] ?? standard)
);
const APP = new URL("./apps/routed.ts", import.meta.url).pathname;
const IDLE_MS = 5_000;

/** A way from Mongrel2 to an app. */
interface Way {
  readonly name: string;
  readonly server: Mongrel2Server;
  readonly processes: Readonly<Record<string, { readonly pid: number }>>;
}

interface Figures {
  readonly rate: number;
  /** CPU time for a request, in microseconds, by process. */
  readonly cpuUs: Readonly<Record<string, number>>;
}

async function main(): Promise<void> {
  await using cleanUp = new AsyncDisposableStack();
  const started = async (args: readonly string[]): Promise<GatewayProcess> =>
    cleanUp.use(await startGateway(args));
  const direct = cleanUp.use(await Mongrel2Server.start());
  const dispatched = cleanUp.use(await Mongrel2Server.start());
  const handler = (spec: string) => started([APP, "--workers=1", "--mongrel2", spec]);
  const dispatcher = await started(["dispatch", dispatched.spec("main", {}), "tcp://127.0.0.1:0"]);
  const line = await dispatcher.logged(/^listening /);
  const ways: Way[] = [
    {
      name: "direct",
      server: direct,
      processes: { mongrel2: direct, gatehouse: await handler(direct.spec()) },
    },
    {
      name: "dispatched",
      server: dispatched,
      processes: {
        mongrel2: dispatched,
        dispatcher,
        gatehouse: await handler(line.replace("listening ", "")),
      },
    },
  ];
  for (const way of ways) await put(way, 1);
  const all = new Map(ways.map((way): [Way, Figures[]] => [way, []]));
  for (let round = 0; round < rounds; round++) {
    for (const way of ways) all.get(way)!.push(await put(way, seconds));
  }
  for (const [{ name, processes }, figures] of all) {
    const cpu = Object.keys(processes).map((process) =>
      `${process} ${median(figures.map(({ cpuUs }) => cpuUs[process])).toFixed(1)}`
    );
    console.log(
      `${name}: ${median(figures.map(({ rate }) => rate)).toFixed(0)} requests a second; ` +
        `microseconds of CPU for one: ${cpu.join(", ")}`,
    );
  }
  const [plain, through] = [...all.values()];
  const ratios = plain.map(({ rate }, i) => through[i].rate / rate);
  console.log(
    `ratio: ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ` +
      `${Math.max(...ratios).toFixed(2)})`,
  );
  const before = cpuMs(dispatcher.pid);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const idleMs = cpuMs(dispatcher.pid) - before;
  console.log(`the dispatcher at rest: ${(idleMs / IDLE_MS * 100).toFixed(1)} % of a core`);
}

/** Puts load on a way for so long. */
async function put({ server, processes }: Way, forSeconds: number): Promise<Figures> {
  const names = Object.keys(processes);
  const before = names.map((name) => cpuMs(processes[name].pid));
  const { stdout } = await new Deno.Command("wrk", {
    args: ["-t1", `-c${clients}`, `-d${forSeconds}s`, `${server.url}/`],
  }).output();
  const text = new TextDecoder().decode(stdout);
  const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
  if (!(requests > 0) || /Non-2xx|Socket errors/.test(text)) throw new Error(text);
  const cpuUs = names.map((name, i): [string, number] => [
    name,
    (cpuMs(processes[name].pid) - before[i]) * 1_000 / requests,
  ]);
  return { rate: requests / forSeconds, cpuUs: Object.fromEntries(cpuUs) };
}

await main();
