/** Machines of their own for programs: network namespaces whose links can be cut. Needs root on Linux. */

import { run } from "./peers.ts";

/** Whether there can be networks here; says so if not. */
export function networksCannotBe(): boolean {
  const reason = reasonAgainst();
  if (reason === null) return false;
  console.error(`SKIPPED: network namespaces of its own need ${reason}`);
  return true;
}

function reasonAgainst(): string | null {
  if (Deno.build.os !== "linux") return "Linux";
  if (Deno.uid() !== 0) return "root";
  const name = `link${suffix()}`;
  const ip = (...args: string[]) =>
    new Deno.Command("ip", { args, env: PATHS, stdin: "null", stderr: "null" }).outputSync()
      .success;
  try {
    // What a container may not do, it finds out here.
    if (!ip("netns", "add", name)) return "the right to make them";
    const isMade = ip("link", "add", name, "type", "bridge");
    if (isMade) ip("link", "del", name);
    ip("netns", "del", name);
    return isMade ? null : "the right to make bridges";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "ip (Debian: iproute2)";
    throw error;
  }
}

const PATHS = { PATH: `${Deno.env.get("PATH")}:/usr/sbin:/sbin` };

/** Namespaces, numbered from 1, each with a link to a bridge of this machine's. */
export class Network implements AsyncDisposable {
  /** Address of this machine on the bridge. */
  readonly address: string;
  readonly #name = `link${suffix()}`;
  readonly #count: number;

  private constructor(count: number) {
    this.#count = count;
    const [a, b] = crypto.getRandomValues(new Uint8Array(2));
    this.address = `10.${128 + a % 127}.${b}.254`;
  }

  /** Makes a network of so many namespaces. */
  static async make(count: number): Promise<Network> {
    const network = new Network(count);
    try {
      await network.#make();
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** Words before a command that make it run in that namespace. */
  within(number: number): string[] {
    return ["/usr/bin/env", `PATH=${PATHS.PATH}`, "ip", "netns", "exec", this.#nameOf(number)];
  }

  /** Cuts the link of a namespace: what is sent is lost, and no end of it tells the other. */
  async cut(number: number): Promise<void> {
    await run("ip", "link", "set", this.#nameOf(number), "down");
  }

  /** Mends it. */
  async mend(number: number): Promise<void> {
    await run("ip", "link", "set", this.#nameOf(number), "up");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let number = 1; number <= this.#count; number++) {
      await ended(run("ip", "netns", "del", this.#nameOf(number)));
      // The namespace is gone, and with it its end of the link, once nobody is in it.
      await ended(run("ip", "link", "del", this.#nameOf(number)));
    }
    await ended(run("ip", "link", "del", this.#name));
  }

  async #make(): Promise<void> {
    await run("ip", "link", "add", this.#name, "type", "bridge");
    await run("ip", "addr", "add", `${this.address}/24`, "dev", this.#name);
    await run("ip", "link", "set", this.#name, "up");
    const net = this.address.slice(0, this.address.lastIndexOf("."));
    for (let number = 1; number <= this.#count; number++) {
      const name = this.#nameOf(number);
      await run("ip", "netns", "add", name);
      const pair = ["type", "veth", "peer", "name", "eth0", "netns", name];
      await run("ip", "link", "add", name, ...pair);
      await run("ip", "link", "set", name, "master", this.#name, "up");
      await run("ip", "-n", name, "addr", "add", `${net}.${number}/24`, "dev", "eth0");
      for (const device of ["lo", "eth0"]) await run("ip", "-n", name, "link", "set", device, "up");
    }
  }

  #nameOf(number: number): string {
    return `${this.#name}n${number}`;
  }
}

function suffix(): string {
  return crypto.getRandomValues(new Uint8Array(3)).toHex();
}

/** What is not there need not be removed. */
async function ended(running: Promise<unknown>): Promise<void> {
  try {
    await running;
  } catch {
    // It was not made, or has gone with something else.
  }
}
