/**
 * As many large responses as a server gives, by a client in C that has the kernel throw bodies away: one
 * that copies them takes as much of the machine as the server does, and is what is measured then.
 *
 * @module
 */

import type { Load } from "../measuring/contest.ts";
import { run } from "../measuring/harness.ts";

/** What is asked of a server. */
export interface DownloadLoad {
  readonly port: number;
  readonly path: string;
  /** Length of the body, in bytes. */
  readonly bytes: number;
  readonly connections: number;
  readonly seconds: number;
}

const SOURCE = new URL("./download.c", import.meta.url).pathname;

/** A client that is compiled when it is needed. */
export class Downloader {
  readonly #folder: string;
  #program: Promise<string> | undefined;

  /** Makes the client, which is to be compiled into `folder`. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws {Error} A request failed, or the client cannot be compiled. */
  async load({ port, path, bytes, connections, seconds }: DownloadLoad): Promise<Load> {
    const program = await (this.#program ??= this.#compile());
    const args = [port, connections, seconds, path, bytes].map(String);
    return { requests: Number(await run(program, ...args)), seconds };
  }

  async #compile(): Promise<string> {
    const program = `${this.#folder}/download`;
    await run("cc", "-O2", "-D_GNU_SOURCE", "-o", program, SOURCE);
    return program;
  }
}
