/**
 * Rates of gatehouse beside `deno serve`, `node:http` and a bare read/write loop, with wrk.
 *
 *     deno task bench:http [--rounds N] [--seconds N] [--only SCENARIO]
 *
 * All servers run at once; rounds are interleaved, and the first one is a warm-up. Printed are the
 * median rate, the CPU time per request of the whole process, and the median of the ratios to
 * `deno serve` in the same round: on a noisy machine, only the ratios mean anything.
 *
 * @module
 */

// @ts-types="../src/types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";

const options = parseArgs(Deno.args, { string: ["rounds", "seconds", "only"] });
const rounds = Number(options.rounds ?? 5);
const seconds = Number(options.seconds ?? 2);

const here = (path: string) => new URL(path, import.meta.url).pathname;
const CLI = here("../cli.ts");
const APP = here("./peers/app.ts");

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly args: readonly string[];
}

const contestants: Contestant[] = [
  { name: "gatehouse --workers 1", args: ["run", "-A", CLI, APP, "--workers=1", "--http=PORT"] },
  { name: "gatehouse --workers 0", args: ["run", "-A", CLI, APP, "--workers=0", "--http=PORT"] },
  { name: "deno serve", args: ["serve", "-A", "--host=127.0.0.1", "--port=PORT", APP] },
  { name: "node:http", args: ["run", "-A", here("./peers/node_http.ts"), "PORT"] },
  { name: "bare loop", args: ["run", "-A", here("./peers/bare.ts"), "PORT"] },
].map(({ name, args }) => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  return { name, port, args: args.map((arg) => arg.replace("PORT", String(port))) };
});

interface Scenario {
  readonly name: string;
  readonly path: string;
  readonly connections: number;
  /** A Lua script for wrk. */
  readonly script?: string;
  /** Contestants that cannot take part. */
  readonly without?: readonly string[];
}

const POST_JSON = `wrk.method = "POST"
wrk.body = '{"data":"' .. string.rep("a", 1000) .. '","numbers":[1,2,3]}'
wrk.headers["content-type"] = "application/json"`;
const PIPELINE = `init = function()
  local requests = {}
  for i = 1, 16 do requests[i] = wrk.format(nil, "/") end
  all = table.concat(requests)
end
request = function() return all end`;

const scenarios: Scenario[] = [
  { name: "hello", path: "/", connections: 64 },
  { name: "json", path: "/", connections: 64, script: POST_JSON, without: ["bare loop"] },
  { name: "large", path: "/large", connections: 16 },
  { name: "pipeline", path: "/", connections: 64, script: PIPELINE },
].filter(({ name }) => options.only === undefined || options.only === name);

/** CPU time that a process has used, in clock ticks of 10 ms. */
function cpuTicks(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function untilReady(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/`)).body?.cancel();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`nobody listens on port ${port}`);
}

async function measure(
  { port }: Contestant,
  pid: number,
  scenario: Scenario,
  scriptFile: string,
): Promise<{ rate: number; cpuMicroseconds: number }> {
  const before = cpuTicks(pid);
  const { stdout } = await new Deno.Command("wrk", {
    args: [
      "-t1",
      `-c${scenario.connections}`,
      `-d${seconds}s`,
      ...(scenario.script === undefined ? [] : ["-s", scriptFile]),
      `http://127.0.0.1:${port}${scenario.path}`,
    ],
  }).output();
  const report = new TextDecoder().decode(stdout);
  if (/Non-2xx|Socket errors/.test(report)) throw new Error(report);
  const requests = Number(/(\d+) requests in/.exec(report)![1]);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(report)![1]);
  return { rate, cpuMicroseconds: (cpuTicks(pid) - before) * 10_000 / requests };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

const processes = contestants.map(({ args }) =>
  new Deno.Command(Deno.execPath(), { args: [...args], stdout: "null", stderr: "null" }).spawn()
);
const scriptFile = await Deno.makeTempFile({ suffix: ".lua" });
try {
  await Promise.all(contestants.map(({ port }) => untilReady(port)));
  for (const scenario of scenarios) {
    await Deno.writeTextFile(scriptFile, scenario.script ?? "");
    const taking = contestants.filter(({ name }) => !scenario.without?.includes(name));
    const rates = new Map<string, number[]>();
    const cpu = new Map<string, number[]>();
    for (let round = 0; round <= rounds; round++) {
      for (const contestant of taking) {
        const { pid } = processes[contestants.indexOf(contestant)];
        const { rate, cpuMicroseconds } = await measure(contestant, pid, scenario, scriptFile);
        if (round === 0) continue;
        rates.set(contestant.name, [...rates.get(contestant.name) ?? [], rate]);
        cpu.set(contestant.name, [...cpu.get(contestant.name) ?? [], cpuMicroseconds]);
      }
    }
    console.log(`${scenario.name} (${scenario.connections} connections, ${rounds} rounds)`);
    const reference = rates.get("deno serve")!;
    for (const { name } of taking) {
      const own = rates.get(name)!;
      const ratio = median(own.map((rate, round) => rate / reference[round]));
      console.log(
        `  ${name.padEnd(24)}${median(own).toFixed(0).padStart(8)}/s` +
          `${median(cpu.get(name)!).toFixed(1).padStart(9)} µs CPU` +
          `${ratio.toFixed(2).padStart(8)} of deno serve`,
      );
    }
  }
} finally {
  for (const process of processes) {
    process.kill("SIGKILL");
    await process.status;
  }
  await Deno.remove(scriptFile);
}
