/** A real Mongrel2 in a folder of its own. */

import { freePort, run } from "../support/peers.ts";

/** The form that a handler is sent the headers of requests in. */
export type HandlerProtocol = "json" | "tnetstring";

/** What a server is made of. */
export interface Mongrel2Options {
  /** Settings, such as `download.flow_control`; those that a test needs are there already. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** What the handlers speak; JSON if absent. */
  readonly protocol?: HandlerProtocol;
  /** Names of handlers by the paths that they get; all go to `main` if absent. */
  readonly routes?: Readonly<Record<string, string>>;
}

/** Endpoints of a handler: Mongrel2 listens at both. */
export interface HandlerEndpoints {
  /** Where requests come from. */
  readonly send: string;
  /** Where replies go to. */
  readonly recv: string;
}

const PROGRAM = "mongrel2";
/** As root, Mongrel2 runs within its folder and takes paths as within; else it cannot, and does not. */
const ROOT = Deno.uid() === 0;
const ATTEMPTS = 200;
const PAUSE_MS = 50;
const GRACE_MS = 5_000;
const decoder = new TextDecoder();

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A Mongrel2 server. It ends, and its folder is removed, when it is disposed of. */
export class Mongrel2Server implements AsyncDisposable {
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** Its folder. */
  readonly folder: string;
  /** Its own identity, which every message of its begins with. */
  readonly uuid: string;
  /** Endpoints of its handlers. */
  readonly handlers: Readonly<Record<string, HandlerEndpoints>>;
  #child: Deno.ChildProcess | null = null;
  #written = "";
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(
    folder: string,
    port: number,
    uuid: string,
    handlers: Readonly<Record<string, HandlerEndpoints>>,
  ) {
    this.folder = folder;
    this.port = port;
    this.uuid = uuid;
    this.handlers = handlers;
  }

  /** Makes a server's folder and configuration, and does not start it. */
  static async prepare(options: Mongrel2Options = {}): Promise<Mongrel2Server> {
    const { settings = {}, protocol = "json", routes = { "/": "main" } } = options;
    const folder = await Deno.makeTempDir();
    for (const name of ["run", "logs", "tmp"]) await Deno.mkdir(`${folder}/${name}`);
    const handlers: Record<string, HandlerEndpoints> = {};
    for (const name of Object.values(routes)) {
      handlers[name] ??= {
        send: `tcp://127.0.0.1:${freePort()}`,
        recv: `tcp://127.0.0.1:${freePort()}`,
      };
    }
    const server = new Mongrel2Server(folder, freePort(), crypto.randomUUID(), handlers);
    try {
      await Deno.writeTextFile(
        `${folder}/m2.conf`,
        configuration(server, protocol, routes, {
          "server.daemonize": 0,
          "upload.temp_store": `${server.uploads}/m2.XXXXXX`,
          ...settings,
        }),
      );
      // It complains where there is no login, and does what it is told all the same.
      await run("m2sh", "load", "-config", `${folder}/m2.conf`, "-db", server.database);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Makes a server, and starts it. */
  static async start(options: Mongrel2Options = {}): Promise<Mongrel2Server> {
    const server = await Mongrel2Server.prepare(options);
    try {
      await server.start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Its base URL, without a final slash. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Path of its configuration database. */
  get database(): string {
    return `${this.folder}/config.sqlite`;
  }

  /** The folder that its paths are within. */
  get chroot(): string {
    return ROOT ? this.folder : "/";
  }

  /** The folder, within `chroot`, that it writes uploads to. */
  get uploads(): string {
    return ROOT ? "/tmp" : `${this.folder}/tmp`;
  }

  /** Process id. */
  get pid(): number {
    if (this.#child === null) throw new Error("Mongrel2 does not run");
    return this.#child.pid;
  }

  /** The address of a handler, as `--mongrel2` wants it; uploads can be taken unless `settings` are given. */
  spec(
    handler = "main",
    settings: Readonly<Record<string, string>> = { chroot: this.chroot, uploads: this.uploads },
  ): string {
    const { send, recv } = this.handlers[handler];
    const all = Object.entries({ recv, ...settings });
    return [send, ...all.map(([key, value]) => `${key}=${value}`)].join(",");
  }

  /** Files of uploads that are there now. */
  async uploadedFiles(): Promise<string[]> {
    return (await Array.fromAsync(Deno.readDir(`${this.folder}/tmp`))).map(({ name }) => name);
  }

  /** What it has written about its work so far. */
  async errorLog(): Promise<string> {
    return await Deno.readTextFile(`${this.folder}/logs/error.log`).catch(() => "") +
      this.#written;
  }

  /** Starts it, and waits until it accepts connections. */
  async start(): Promise<void> {
    const child = this.#child = new Deno.Command(PROGRAM, {
      args: [this.database, this.uuid],
      cwd: this.folder,
      env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin:/usr/local/sbin` },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let ended = false;
    child.status.then(() => ended = true);
    const read = async (stream: ReadableStream<Uint8Array>) => {
      for await (const chunk of stream) this.#written += decoder.decode(chunk);
    };
    this.#reading = Promise.all([read(child.stdout), read(child.stderr)]);
    for (let attempt = 0; attempt < ATTEMPTS && !ended; attempt++) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
        return;
      } catch {
        await sleep(PAUSE_MS);
      }
    }
    const log = await this.errorLog();
    await this.stop();
    throw new Error(`Mongrel2 does not accept connections:\n${log}`);
  }

  /** Ends it with `signal`, if it runs. It can be started again. */
  async stop(signal: Deno.Signal = "SIGINT"): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const kill = (which: Deno.Signal) => {
      try {
        child.kill(which);
      } catch {
        // It has ended by itself.
      }
    };
    // It waits for its clients first, for as long as it takes.
    const timer = setTimeout(() => kill("SIGKILL"), GRACE_MS);
    kill(signal);
    await child.status;
    clearTimeout(timer);
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** The configuration, as m2sh reads it. */
function configuration(
  { port, uuid, handlers }: Mongrel2Server,
  protocol: HandlerProtocol,
  routes: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, string | number>>,
): string {
  const quoted = (value: string | number) => typeof value === "number" ? value : `'${value}'`;
  const list = (values: Readonly<Record<string, string | number>>) =>
    Object.entries(values).map(([key, value]) => `'${key}': ${quoted(value)}`).join(", ");
  const named = Object.entries(handlers).map(([name, { send, recv }]) =>
    `${name} = Handler(send_spec='${send}', send_ident='${crypto.randomUUID()}', ` +
    `recv_spec='${recv}', recv_ident='', protocol='${protocol}')`
  );
  const table = Object.entries(routes).map(([path, name]) => `'${path}': ${name}`).join(", ");
  return `${named.join("\n")}
server = Server(uuid='${uuid}', access_log='/logs/access.log', error_log='/logs/error.log',
  chroot='./', default_host='localhost', name='test', pid_file='/run/mongrel2.pid',
  port=${port}, bind_addr='127.0.0.1',
  hosts=[Host(name='localhost', matching='127.0.0.1', routes={${table}})])
settings = {${list(settings)}}
servers = [server]
`;
}
