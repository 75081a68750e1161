/**
 * What the benches have in common: servers as processes, and what these cost.
 *
 * @module
 */

/** A server under measurement. */
export interface ServerProcess extends AsyncDisposable {
  /** Its process id. */
  readonly pid: number;
}

/** Milliseconds of CPU time that a process, all its threads, has used. The system counts in steps of 10. */
export function cpuMsOf(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Memory of a process that is in RAM, in bytes. */
export function residentBytesOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

/** File descriptors that a process has open. */
export function openDescriptorsOf(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

/** A port where nobody listens. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Starts a server with `deno ARGS`; it is killed when it is disposed of. */
export function startDeno(args: readonly string[]): ServerProcess {
  return startProcess(Deno.execPath(), args);
}

/** Starts a server by `program`; it is killed when it is disposed of. */
export function startProcess(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ServerProcess {
  const child = new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** Resolves when `url` answers. */
export async function untilAnswered(url: string, client?: Deno.HttpClient): Promise<void> {
  for (let i = 0; i < 400; i++) {
    try {
      await (await fetch(url, { client })).body?.cancel();
      return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await delay(50);
    }
  }
  throw new Error(`${url} does not answer`);
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of all values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Runs a program to its end, and gives what it printed. */
export async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
