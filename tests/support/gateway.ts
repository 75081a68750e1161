/** Starts the `gatehouse` command as a process, and talks to it. */

import { linesOf } from "./streams.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;

/** A running `gatehouse` process. */
export interface GatewayProcess extends AsyncDisposable {
  /** Its process id. */
  readonly pid: number;
  /** Base URL of its first TCP endpoint, without a final slash. */
  readonly url: string;
  /** Port of its first TCP endpoint. */
  readonly port: number;
  /** All lines that were written to standard error so far. */
  readonly log: readonly string[];
  /** Waits until a line of the log matches; one of those after the first `before`, if that is given. */
  logged(
    pattern: RegExp,
    options?: { readonly timeoutMs?: number; readonly before?: number },
  ): Promise<string>;
  /** Sends a signal. */
  kill(signal: Deno.Signal): void;
  /** The exit status. */
  readonly status: Promise<Deno.CommandStatus>;
}

/** Command and first arguments that run gatehouse: from source, unless others are given. */
export const FROM_SOURCE: readonly string[] = [
  Deno.execPath(),
  "run",
  "-A",
  "--no-check",
  "--no-lock",
  CLI,
];

/** Starts gatehouse with `args` (and a free port, if they name no endpoint), and waits until it is ready. */
export async function startGateway(
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly cwd?: string;
    readonly command?: readonly string[];
  } = {},
): Promise<GatewayProcess> {
  const [program, ...first] = options.command ?? FROM_SOURCE;
  const named = ["dispatch", "reap", "respond"].includes(args[0]) ||
    args.some((arg) => /^--(?:https?|port|fastcgi|mongrel2)(?:=|$)/.test(arg));
  const child = new Deno.Command(program, {
    args: [...first, ...args, ...(named ? [] : ["--http", "127.0.0.1:0"])],
    env: { NO_COLOR: "1", ...options.env },
    cwd: options.cwd,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const log: string[] = [];
  let waiters: (() => void)[] = [];
  let ended = false;
  const wake = () => {
    for (const waiter of waiters) waiter();
    waiters = [];
  };
  const reading = (async () => {
    for await (const line of linesOf(child.stderr)) {
      log.push(line);
      wake();
    }
    ended = true;
    wake();
  })();
  const logged: GatewayProcess["logged"] = async (pattern, options = {}) => {
    const { timeoutMs = 90_000, before = 0 } = options;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const line = log.find((each, index) => index >= before && pattern.test(each));
      if (line !== undefined) return line;
      if (ended || Date.now() > deadline) {
        throw new Error(`no line of the log matches ${pattern}:\n${log.join("\n")}`);
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        waiters.push(resolve);
        timer = setTimeout(resolve, 1_000);
      });
      clearTimeout(timer);
    }
  };
  const stop = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await child.status;
    await reading;
  };
  try {
    await logged(/^ready$|"message":"ready"/);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = log.find((line) => /^listening https?:\/\//.test(line))?.slice("listening ".length) ??
    "";
  return {
    pid: child.pid,
    url,
    port: Number(/:(\d+)$/.exec(url)?.[1] ?? 0),
    log,
    logged,
    kill: (signal) => child.kill(signal),
    status: child.status,
    [Symbol.asyncDispose]: stop,
  };
}

/** Lets a gateway load its apps anew, and returns what it says of that. */
export async function reloadOf(gateway: GatewayProcess): Promise<string[]> {
  const before = gateway.log.length;
  gateway.kill("SIGHUP");
  await gateway.logged(/^generation \d+ (?:serves|goes on serving)$/, { before });
  return gateway.log.slice(before);
}

/** Runs gatehouse with `args` to its end. */
export async function runGateway(
  args: readonly string[],
  command: readonly string[] = FROM_SOURCE,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program, ...first] = command;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...first, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
