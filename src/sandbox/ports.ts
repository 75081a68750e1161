/**
 * Keeps apps from listening where the gateway does. With `--processes` its ports are shared, so
 * another listener there would get part of the connections; and an app that loads early could take
 * a port before the gateway does.
 *
 * Ports count, not addresses: what a host's name stands for is not known here.
 *
 * @module
 */

import { resolve } from "node:path";
import { uncurried } from "../base/captured.ts";
import type { Members, Method, NodeProcess } from "./locks.ts";
import { lazyMember, replace } from "./locks.ts";
import type { SandboxRules } from "./rules.ts";

const { apply } = Reflect;
const { create, getPrototypeOf } = Object;
const { Number } = globalThis;
const runtime = Deno;
const { env, errors } = runtime;
const { AddrInUse, NotCapable } = errors;
const { process } = globalThis as unknown as { process: NodeProcess };
const binding = process.binding as (name: string) => Members;

const upperCase = uncurried(String.prototype.toUpperCase);

/** Where `Deno.serve()` listens by default. */
const DEFAULT_PORT = 8000;
/** The variable that overrides where it listens: the same for all apps. */
const OVERRIDE = "DENO_SERVE_ADDRESS";

/** Guards the addresses of `rules` on the current thread. */
export function guardPorts(rules: SandboxRules): void {
  const taken = new TakenAddresses(rules);
  for (const name of ["listen", "listenTls", "listenDatagram"]) {
    if (!(name in runtime)) continue;
    const native = lazyMember(runtime, name);
    replace(
      runtime,
      name,
      (options: unknown) => apply(native(), runtime, [taken.checked(options)]),
    );
  }
  const serve = lazyMember(runtime, "serve");
  replace(runtime, "serve", (first: unknown, second: unknown) => {
    if (typeof first !== "function") {
      return apply(serve(), runtime, [taken.checked(first ?? create(null), DEFAULT_PORT), second]);
    }
    taken.refuse(DEFAULT_PORT);
    return apply(serve(), runtime, [first]);
  });
  guardHandles(taken);
  guardOverride();
}

/** What all of Node's modules listen with. What these return is what servers tell as their errors. */
function guardHandles(taken: TakenAddresses): void {
  const { prototype: tcp } = binding("tcp_wrap").TCP as { prototype: Members };
  const { prototype: udp } = binding("udp_wrap").UDP as { prototype: Members };
  const { prototype: pipe } = binding("pipe_wrap").Pipe as { prototype: Members };
  const { codeMap } = binding("uv") as { codeMap: Map<string, number> };
  const inUse = codeMap.get("EADDRINUSE");
  for (const [prototype, names] of [[tcp, TCP_BINDS], [udp, UDP_BINDS]] as const) {
    for (const name of names) {
      const native = prototype[name] as Method | undefined;
      if (native === undefined) continue;
      replace(
        prototype,
        name,
        function (this: unknown, host: unknown, port: unknown, flags: unknown) {
          const number = Number(port);
          return taken.has(number) ? inUse : apply(native, this, [host, number, flags]);
        },
      );
    }
  }
  const bindPipe = pipe.bind as Method;
  replace(pipe, "bind", function (this: unknown, path: unknown) {
    return taken.hasPath(path) ? inUse : apply(bindPipe, this, [path]);
  });
  // In older versions of Deno, node:http has no handle there.
  if (tcp.bindWithFlags === undefined) guardHttpServers(taken);
}

const TCP_BINDS = ["bind", "bind6", "bindWithFlags"];
const UDP_BINDS = ["bind", "bind6"];

function guardHttpServers(taken: TakenAddresses): void {
  const { createServer } = process.getBuiltinModule("http") as { createServer(): object };
  const prototype = getPrototypeOf(createServer()) as Members;
  const native = prototype.listen as Method;
  replace(prototype, "listen", function (this: unknown, ...args: unknown[]) {
    const first = args[0];
    if (typeof first === "object" && first !== null) args[0] = taken.checked(first);
    else if (typeof first === "number" || typeof first === "string") taken.refuse(first);
    return apply(native, this, args);
  });
}

/** Apps share the environment, so none may set where the others' servers listen. */
function guardOverride(): void {
  const { set } = env;
  replace(env, "set", (key: string, value: string) => {
    const name = `${key}`;
    // Windows knows no difference of case.
    if (upperCase(name) === OVERRIDE) {
      throw new NotCapable(`${OVERRIDE} would decide where other apps listen: it cannot be set`);
    }
    return apply(set, env, [name, value]);
  });
}

/** The addresses that are taken. What is checked is a copy, which is used then. */
class TakenAddresses {
  readonly #ports: readonly number[];
  readonly #paths: readonly string[];

  constructor({ ports, socketPaths }: SandboxRules) {
    this.#ports = ports;
    this.#paths = socketPaths;
  }

  /** A copy of the options for listening; without a port, they mean `defaultPort`. */
  checked(options: unknown, defaultPort = 0): Members {
    const copy: Members = create(null);
    for (const key in options as Members) copy[key] = (options as Members)[key];
    if (copy.path !== undefined) copy.path = this.path(copy.path);
    if (copy.port !== undefined) copy.port = this.port(copy.port);
    else if (copy.path === undefined) this.refuse(defaultPort);
    return copy;
  }

  /** The number of a port that is free. */
  port(port: unknown): unknown {
    if (port === null) return port;
    const number = Number(port);
    this.refuse(number);
    return number;
  }

  /** The path of a socket other than the gateway's. */
  path(path: unknown): unknown {
    if (!this.hasPath(path)) return path;
    throw new AddrInUse(`${path} is the gateway's socket: apps cannot listen there`);
  }

  /** @throws {Deno.errors.AddrInUse} if a port is the gateway's */
  refuse(port: unknown): void {
    const number = Number(port);
    if (!this.has(number)) return;
    throw new AddrInUse(`port ${number} is the gateway's: apps cannot listen there`);
  }

  has(port: number): boolean {
    // However large it is: the system looks at 16 bits.
    const number = port & 0xffff;
    for (let i = 0; i < this.#ports.length; i++) if (this.#ports[i] === number) return true;
    return false;
  }

  /** Whether something is the path of a socket of the gateway's. Anything but text names none. */
  hasPath(path: unknown): boolean {
    if (typeof path !== "string") return false;
    const absolute = resolve(path);
    for (let i = 0; i < this.#paths.length; i++) if (this.#paths[i] === absolute) return true;
    return false;
  }
}
