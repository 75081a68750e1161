/**
 * Other FastCGI servers that say hello: Go's package, php-fpm, and libfcgi.
 *
 * @module
 */

import type { Contestant } from "../measuring/processes.ts";
import { freePort, run } from "../measuring/harness.ts";

const here = (path: string) => new URL(path, import.meta.url).pathname;

/** The peers, compiled. */
export class FastCgiPeers {
  readonly #folder: string;
  readonly #threads: number;
  readonly #fpm: string | undefined;

  private constructor(folder: string, threads: number, fpm: string | undefined) {
    this.#folder = folder;
    this.#threads = threads;
    this.#fpm = fpm;
  }

  /** Makes what they need in `folder`; those that take one connection at a time have `threads`. */
  static async make(folder: string, threads: number): Promise<FastCgiPeers> {
    await run("go", "build", "-o", `${folder}/go`, here("./fcgi_go.go"));
    await run("cc", "-O2", "-o", `${folder}/lib`, here("./fcgi_lib.c"), "-lfcgi", "-lpthread");
    const paths = `${Deno.env.get("PATH")}:/usr/sbin`.split(":");
    const fpm =
      paths.flatMap((path) =>
        namesIn(path).filter((name) => /^php-fpm[\d.]*$/.test(name)).map((name) =>
          `${path}/${name}`
        )
      )[0];
    return new FastCgiPeers(folder, threads, fpm);
  }

  /** One of them, under the name `name`. */
  contestant(peer: string, name: string): Contestant {
    const port = freePort();
    return { name, port, command: this.#command(peer, port) };
  }

  #command(peer: string, port: number): string[] {
    const address = `127.0.0.1:${port}`;
    switch (peer) {
      case "Go":
        return [`${this.#folder}/go`, address];
      case "libfcgi":
        return [`${this.#folder}/lib`, address, String(this.#threads)];
      default:
        return [this.#fpm!, "-R", "-y", this.#fpmConfig(address, port)];
    }
  }

  #fpmConfig(address: string, port: number): string {
    const file = `${this.#folder}/fpm-${port}.conf`;
    Deno.writeTextFileSync(
      file,
      `[global]\nerror_log = ${this.#folder}/fpm.log\ndaemonize = no\n[www]\nlisten = ${address}\n` +
        `pm = static\npm.max_children = ${this.#threads}\n` +
        `${Deno.uid() === 0 ? "user = root\n" : ""}`,
    );
    return file;
  }
}

function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
}
