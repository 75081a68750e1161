/** Programs that the tests talk to. Missing ones are a loud skip, and a failure in CI. */

import { halfClose } from "../../src/zmq/half_close.ts";
import { zmqVersion } from "../../src/zmq/library.ts";
import { cutConnection } from "../../src/zmq/peer.ts";

/** Whether `program` can be run; says so if not. */
export function isMissing(program: string): boolean {
  if (isInstalled(program)) return false;
  if (Deno.env.get("CI")) {
    throw new Error(`${program} is not installed: see scripts/install-peers.sh`);
  }
  console.error(`SKIPPED: ${program} is not installed: see scripts/install-peers.sh`);
  return true;
}

/** Whether `program` is there. */
export function isInstalled(program: string): boolean {
  const folders = `${Deno.env.get("PATH")}:/usr/sbin:/usr/local/sbin`.split(":");
  return folders.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

/** Whether libzmq can be loaded; says so if not. It stays loaded, so ask before tests begin. */
export function libzmqIsMissing(): boolean {
  try {
    zmqVersion();
    // Whoever leaves a server loads another library: it stays loaded, too.
    halfClose(-1);
    cutConnection(-1);
    return false;
  } catch (error) {
    if (Deno.env.get("CI")) throw error;
    console.error(`SKIPPED: ${error instanceof Error ? error.message : error}`);
    return true;
  }
}

/** Runs a program to its end; its standard output as text, byte by byte. */
export async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** Ports that no system gives to who asks for any: other tests do so all the time. */
const LOWEST_PORT = 10_000;
const HIGHEST_PORT = 32_000;

/** A port that nobody listens on at the moment. */
export function freePort(): number {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    try {
      using _listener = Deno.listen({ hostname: "127.0.0.1", port });
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
