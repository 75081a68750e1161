/**
 * The server that `bench` starts: gatehouse once more, as this process was started.
 *
 * @module
 */

import { ConnectError } from "../base/errors.ts";
import { messageOf } from "../base/error_message.ts";
import { LineSplitter } from "../base/line_splitter.ts";
import { passOn } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { Target } from "../client/target.ts";
import { parseTarget } from "../client/target.ts";
import type { BenchProtocol } from "../config/bench_options.ts";
import { ownCommand } from "../supervisor/command.ts";

/** What is served, and how. */
export interface BenchServerPlan {
  /** App and middleware. */
  readonly apps: readonly string[];
  /** Further options of `serve`. */
  readonly args: readonly string[];
  /** Protocol that it is asked over. */
  readonly protocol: BenchProtocol;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** Longer lines of its output are cut, in characters. */
const MAX_LINE_CHARS = 65_536;
/** Time that it gets to end by itself. */
const END_MS = 35_000;

/** A server in a process of its own, on a port of the loopback interface. */
export class BenchServer implements AsyncDisposable {
  /** Where it is, by its protocol. */
  readonly target: Target;
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<unknown>;

  private constructor(target: Target, process: Deno.ChildProcess, output: Promise<unknown>) {
    this.target = target;
    this.#process = process;
    this.#output = output;
  }

  /** Number of its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Starts a server, and resolves when it is ready.
   *
   * @throws {ConnectError} if it ends before that
   */
  static async start(plan: BenchServerPlan, surroundings: Surroundings): Promise<BenchServer> {
    const { apps, args, protocol, signal } = plan;
    const { program, first } = ownCommand(surroundings);
    const option = protocol === "fastcgi" ? "--fastcgi" : "--http";
    const words = [...first, "serve", option, "127.0.0.1:0", ...args, "--", ...apps];
    const process = spawned(program, words, surroundings);
    const urls: string[] = [];
    const ready = Promise.withResolvers<void>();
    const onLine = (line: string) => {
      const [, url] = /^listening (\S+)$/.exec(line) ?? [];
      if (url !== undefined) urls.push(url);
      else if (line === "ready") ready.resolve();
      else passOn("server: ", "stderr", line);
    };
    const output = Promise.all([
      readLines(process.stderr, onLine),
      readLines(process.stdout, (line) => passOn("server: ", "stderr", line)),
    ]);
    const onAbort = () => ready.reject(new ConnectError("ended before the server was ready"));
    signal.addEventListener("abort", onAbort);
    process.status.then(({ code }) =>
      ready.reject(new ConnectError(`the server ended before it was ready, with status ${code}`))
    );
    try {
      await ready.promise;
      const start = protocol === "fastcgi" ? "fastcgi:" : "http:";
      const url = urls.find((each) => each.startsWith(start));
      if (url === undefined) throw new ConnectError("the server has not said where it listens");
      return new BenchServer(targetOf(url, protocol), process, output);
    } catch (error) {
      await end(process, output);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#process, this.#output);
  }
}

function spawned(
  program: string,
  args: string[],
  { cwd, env }: Surroundings,
): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      args,
      cwd,
      env,
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    throw new ConnectError(`the server cannot be started: ${messageOf(error)}`);
  }
}

function targetOf(url: string, protocol: BenchProtocol): Target {
  if (protocol === "fastcgi") return parseTarget(url.replace(/^fastcgi:/, "fcgi:"));
  return parseTarget(protocol === "websocket" ? url.replace(/^http:/, "ws:") : url);
}

async function end(process: Deno.ChildProcess, output: Promise<unknown>): Promise<void> {
  const kill = (signal: Deno.Signal) => {
    try {
      process.kill(signal);
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  };
  kill("SIGTERM");
  const timer = setTimeout(() => kill("SIGKILL"), END_MS);
  await process.status;
  clearTimeout(timer);
  await output;
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const lines = new LineSplitter(MAX_LINE_CHARS, onLine);
  for await (const chunk of stream) lines.push(chunk);
  lines.end();
}
