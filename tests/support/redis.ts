/** A Redis or Valkey server of its own for a test. */

import { freePort, isInstalled, isMissing } from "./peers.ts";

/** Programs of which one is run. */
export type RedisProgram = "redis-server" | "valkey-server";

/** Those that are tested with: Valkey, which Debian 12 has in its backports alone, where it is there. */
export const REDIS_PROGRAMS: readonly RedisProgram[] = [
  ...isMissing("redis-server") ? [] : ["redis-server"] as const,
  ...isInstalled("valkey-server") ? ["valkey-server"] as const : [],
];

/** A running server. */
export class RedisServer implements AsyncDisposable {
  /** Its port on 127.0.0.1. */
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  readonly #program: RedisProgram;
  #child: Deno.ChildProcess;

  private constructor(
    program: RedisProgram,
    port: number,
    folder: string,
    args: readonly string[],
  ) {
    this.#program = program;
    this.port = port;
    this.#folder = folder;
    this.#args = args;
    this.#child = this.#spawn();
  }

  /** Starts `program` with the options `args`, and waits until it accepts. */
  static async start(program: RedisProgram, ...args: string[]): Promise<RedisServer> {
    const server = new RedisServer(program, freePort(), await Deno.makeTempDir(), args);
    await server.#ready();
    return server;
  }

  /** Has it do a command whose words have no blanks. */
  async command(...words: string[]): Promise<void> {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
    await conn.write(new TextEncoder().encode(`${words.join(" ")}\r\n`));
    await conn.read(new Uint8Array(64));
  }

  /** Kills it, and starts it again with what it has written. */
  async killAndRestart(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    // Clients are to notice.
    await new Promise((resolve) => setTimeout(resolve, 200));
    this.#child = this.#spawn();
    await this.#ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }

  #spawn(): Deno.ChildProcess {
    const own = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    return new Deno.Command(this.#program, {
      args: [...own, "--save", "", "--appendonly", "yes", ...this.#args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  async #ready(): Promise<void> {
    for (let attempt = 0; attempt < 500; attempt++) {
      try {
        using conn = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
        await conn.write(new TextEncoder().encode("PING\r\n"));
        const buffer = new Uint8Array(64);
        const text = new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
        // One that loads its data, or wants a password, is there.
        if (/^(?:\+PONG|-NOAUTH)/.test(text)) return;
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${this.#program} does not accept connections`);
  }
}
