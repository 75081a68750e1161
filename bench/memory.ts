/**
 * What gatehouse takes of memory, beside `deno serve` with the same app: at rest, for each worker, after
 * load, for connections that are idle, and for clients that are slow.
 *
 *     deno task bench:memory [--executable FILE] [--seconds N] [--only TEXT]
 *
 * One server runs at a time, anew for each case. Counted is what is in RAM, of the whole process, parts of
 * files included ("RSS"), and what of it is the process's own ("own"); growth is that of the own.
 *
 * @module
 */

import { commandLine, text, whole } from "./command_line.ts";
import type { ServerProcess } from "./harness.ts";
import { delay, freePort, median, startProcess, untilAnswered } from "./harness.ts";

const options = commandLine({
  usage: "bench:memory",
  about: "Memory of gatehouse beside deno serve with the same app.",
  options: {
    executable: text("FILE", "measure this executable, too"),
    seconds: whole(10, "seconds of load, and of rest after it"),
    only: text("TEXT", "only cases whose names have this in them"),
  },
});

const here = (path: string) => new URL(path, import.meta.url).pathname;
const MEBIBYTE = 1_048_576;
/** How long a server is left alone before it is looked at, in milliseconds. */
const SETTLE_MS = 2_000;
const IDLE_CONNECTIONS = 1_000;
const SLOW_CLIENTS = 500;

const APP = `const large = new Uint8Array(${MEBIBYTE});
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/large") return new Response(large);
    if (pathname === "/upload") {
      let bytes = 0;
      for await (const chunk of request.body) bytes += chunk.length;
      return new Response(String(bytes));
    }
    return new Response("Hello, world!", { headers: { "x-own": "1" } });
  },
};
`;

/** A server: its name, and the program and arguments that make it listen at `PORT`. */
interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
}

/** Memory of a process, in bytes. */
interface Memory {
  readonly resident: number;
  readonly own: number;
}

function memoryOf(pid: number): Memory {
  const rollup = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)![1]) * 1024;
  return { resident: bytes("Rss"), own: bytes("Anonymous") + sharedBytesOf(rollup) };
}

/** Shared memory between threads is anonymous here, too; a process that shares it has it as its own. */
function sharedBytesOf(rollup: string): number {
  return Number(/^Pss_Shmem:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
}

const folder = await Deno.makeTempDir({ prefix: "gatehouse-bench-" });
const app = `${folder}/app.js`;
await Deno.writeTextFile(app, APP);

const deno: Contestant = {
  name: "deno serve",
  command: [
    Deno.execPath(),
    ...["serve", "-A", "--no-check", "--no-lock", "--host=127.0.0.1", "--port=PORT", app],
  ],
};

function gatehouse(workers: number): Contestant[] {
  const args = [app, "--http=127.0.0.1:PORT", `--workers=${workers}`];
  const source = [Deno.execPath(), "run", "-A", "--no-check", here("../cli.ts")];
  const contestants = [{ name: `gatehouse, workers ${workers}`, command: [...source, ...args] }];
  const { executable } = options;
  if (executable !== undefined) {
    const command = [executable, ...args];
    contestants.push({ name: `executable, workers ${workers}`, command });
  }
  return contestants;
}

/** Runs `measure` with a server that answers. */
async function running<Result>(
  { command }: Contestant,
  measure: (server: ServerProcess, port: number) => Promise<Result>,
): Promise<Result> {
  const port = freePort();
  const [program, ...args] = command.map((part) => part.replace("PORT", String(port)));
  await using server = startProcess(program, args, { GATEHOUSE_CACHE: `${folder}/cache` });
  await untilAnswered(`http://127.0.0.1:${port}/`);
  await delay(SETTLE_MS);
  return await measure(server, port);
}

function mebibytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(1).padStart(7);
}

async function atRest(): Promise<void> {
  console.log("at rest (MiB)                  RSS  ratio     own  ratio");
  const known = new Map<string, Memory>();
  const contestants = [deno, ...[0, 1, 2, 3].flatMap(gatehouse)];
  for (const contestant of contestants) {
    const samples: Memory[] = [];
    for (let i = 0; i < 3; i++) {
      samples.push(await running(contestant, ({ pid }) => Promise.resolve(memoryOf(pid))));
    }
    const memory = {
      resident: median(samples.map(({ resident }) => resident)),
      own: median(samples.map(({ own }) => own)),
    };
    known.set(contestant.name, memory);
    const basis = known.get(deno.name)!;
    const ratio = (key: keyof Memory) => (memory[key] / basis[key]).toFixed(2).padStart(7);
    console.log(
      contestant.name.padEnd(26) + mebibytes(memory.resident) + ratio("resident") +
        mebibytes(memory.own) + ratio("own"),
    );
  }
  for (const kind of ["gatehouse", "executable"]) {
    const [one, three] = [1, 3].map((count) => known.get(`${kind}, workers ${count}`));
    if (one === undefined || three === undefined) continue;
    const each = (three.resident - one.resident) / 2;
    console.log(`${kind}: each further worker ${mebibytes(each).trim()} MiB (RSS)`);
  }
}

async function afterLoad(): Promise<void> {
  const { seconds } = options;
  console.log(`load for ${seconds} s, and rest for as long (RSS, MiB)   before    after   ratio`);
  for (const contestant of [deno, ...[0, 1].flatMap(gatehouse)]) {
    await running(contestant, async ({ pid }, port) => {
      const before = memoryOf(pid);
      for (const path of ["/", "/large"]) {
        const { success } = await new Deno.Command("wrk", {
          args: [
            ...["-t1", "-c32", `-d${Math.ceil(seconds / 2)}s`],
            `http://127.0.0.1:${port}${path}`,
          ],
          stdout: "null",
        }).output();
        if (!success) throw new Error("wrk failed");
      }
      await delay(seconds * 1_000);
      const after = memoryOf(pid);
      console.log(
        contestant.name.padEnd(44) + mebibytes(before.resident).padStart(9) +
          mebibytes(after.resident).padStart(9) +
          (after.resident / before.resident).toFixed(2).padStart(8),
      );
    });
  }
}

/** Connections that a case has opened. */
async function withConnections(
  port: number,
  count: number,
  begin: (connection: Deno.Conn) => Promise<void>,
  measure: () => Promise<void>,
): Promise<void> {
  const connections: Deno.Conn[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      connections.push(connection);
      await begin(connection);
    }
    await measure();
  } finally {
    for (const connection of connections) connection.close();
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function send(connection: Deno.Conn, message: string): Promise<number> {
  return connection.write(encoder.encode(message));
}

async function idle(): Promise<void> {
  console.log(`${IDLE_CONNECTIONS} idle connections, after a request each (own, KiB for each)`);
  for (const contestant of [deno, ...[0, 1].flatMap(gatehouse)]) {
    await running(contestant, async ({ pid }, port) => {
      const buffer = new Uint8Array(4_096);
      const ask = async (connection: Deno.Conn) => {
        await send(connection, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = "";
        while (!answer.endsWith("Hello, world!")) {
          answer += decoder.decode(buffer.subarray(0, await connection.read(buffer) ?? 0));
        }
      };
      // What is made once, and what garbage there may be, is there before.
      await withConnections(port, 50, ask, () => delay(SETTLE_MS));
      const before = memoryOf(pid);
      await withConnections(port, IDLE_CONNECTIONS, ask, async () => {
        await delay(SETTLE_MS);
        const each = (memoryOf(pid).own - before.own) / IDLE_CONNECTIONS / 1_024;
        console.log(contestant.name.padEnd(26) + each.toFixed(1).padStart(7));
      });
    });
  }
}

async function slow(): Promise<void> {
  console.log(`${SLOW_CLIENTS} slow clients (own, MiB in all)          before    more`);
  const kinds: Record<string, string> = {
    "ask for 1 MiB, read nothing": "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "send a byte of a body": "POST /upload HTTP/1.1\r\nHost: localhost\r\n" +
      "Content-Length: 1000000\r\n\r\nx",
    "send half a head": "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
  };
  for (const [kind, message] of Object.entries(kinds)) {
    for (const contestant of [deno, ...[0, 1].flatMap(gatehouse)]) {
      await running(contestant, async ({ pid }, port) => {
        const before = memoryOf(pid);
        const begin = async (connection: Deno.Conn) => {
          await send(connection, message);
        };
        await withConnections(port, SLOW_CLIENTS, begin, async () => {
          await delay(SETTLE_MS);
          const more = memoryOf(pid).own - before.own;
          console.log(
            `${kind}: `.padEnd(30) + contestant.name.padEnd(24) + mebibytes(before.own) +
              mebibytes(more),
          );
        });
      });
    }
  }
}

const cases = { "at rest": atRest, "after load": afterLoad, "idle": idle, "slow": slow };
try {
  console.log(
    `Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores, load average ` +
      `${Deno.loadavg()[0].toFixed(2)}`,
  );
  for (const [name, measure] of Object.entries(cases)) {
    if (options.only !== undefined && !name.includes(options.only)) continue;
    console.log();
    await measure();
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
