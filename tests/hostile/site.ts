/** A gateway that is attacked, while a neighbour of the attacker is asked for its right answers. */

import { assert, assertEquals } from "../support/assert.ts";
import { RawFastCgiClient } from "../support/fastcgi.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import { isMissing, residentBytes } from "../support/peers.ts";
import { RawClient } from "../support/raw_client.ts";

/** A way to run gatehouse. */
export interface Product {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options. */
  readonly args: readonly string[];
  /** Options that make it load apps itself. */
  readonly loaderArgs: readonly string[];
}

/** Connections that each endpoint has place for. */
export const MAX_CONNECTIONS = 300;
/** Longer than apps take to start four threads beside other tests, in seconds. */
const HANG_TIMEOUT_S = 4;
/** Bytes of a body at the most. */
export const MAX_BODY_BYTES = 8_388_608;
/** Memory that no attack may make the gateway grow by; far more than one that is bounded takes. */
const MAX_GROWTH_BYTES = 402_653_184;
/** Right answers that the neighbour has to give after an attack, over each protocol. */
const ANSWERS_AFTER = 5;
const PAUSE_MS = 10;

const APPS = new URL("./apps.ts", import.meta.url).pathname;
const isLinux = Deno.build.os === "linux";

/** A gateway with two apps, the hostile one with workers of its own. */
export class Site implements AsyncDisposable {
  readonly gateway: GatewayProcess;
  /** Folder with the configuration file and a secret. */
  readonly folder: string;
  readonly httpPort: number;
  readonly fastcgiPort: number;
  /** Port and certificate for TLS; `null` if none can be made here. */
  readonly https: { readonly port: number; readonly cert: string } | null;

  #generation = 1;

  private constructor(gateway: GatewayProcess, folder: string, cert: string | null) {
    this.gateway = gateway;
    this.folder = folder;
    const portOf = (scheme: string) =>
      Number(
        gateway.log.map((line) => line.match(`^listening ${scheme}://.*:(\\d+)$`)?.[1])
          .find((port) => port !== undefined),
      );
    this.httpPort = portOf("http");
    this.fastcgiPort = portOf("fastcgi");
    this.https = cert === null ? null : { port: portOf("https"), cert };
  }

  static async start(product: Product, workers: number): Promise<Site> {
    const folder = await Deno.realPath(await Deno.makeTempDir());
    const hostile = workers > 0 ? "app-allow-env = yes\napp-allow-sys = hostname\n" : "";
    await Deno.writeTextFile(`${folder}/secret.json`, '{"secret":1}');
    await Deno.writeTextFile(
      `${folder}/site.ini`,
      `[composite:main]\nuse = urlmap\n/ = neighbour\n/hostile = hostile\n` +
        `[app:neighbour]\nuse = ${APPS}#neighbour\n` +
        `[app:hostile]\nuse = ${APPS}#hostile\n${hostile}`,
    );
    const own = isMissing("openssl") ? null : await makeOwnCertificate(folder);
    const gateway = await startGateway([
      ...["--config", `${folder}/site.ini`, `--workers=${workers}`],
      ...["--http=127.0.0.1:0", "--fastcgi=127.0.0.1:0"],
      ...own === null
        ? []
        : ["--https=127.0.0.1:0", `--cert=${own.certFile}`, `--key=${own.keyFile}`],
      ...[`--max-connections=${MAX_CONNECTIONS}`, `--max-body-bytes=${MAX_BODY_BYTES}`],
      ...workers > 0 ? [`--hang-timeout=${HANG_TIMEOUT_S}`] : [],
      ...product.args,
    ], { command: product.command, env: { GATEHOUSE_CACHE: `${folder}/cache` } });
    return new Site(gateway, folder, own?.cert ?? null);
  }

  /** Asks the hostile app to do something; what came of it. */
  async askHostile(deed: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.httpPort}/hostile/${deed}`);
    try {
      return { status: response.status, text: await response.text() };
    } catch (error) {
      return { status: response.status, text: `broken off: ${error}` };
    }
  }

  /** Gives the apps new workers, which have nothing left of what the old ones went through. */
  async renew(): Promise<void> {
    this.gateway.kill("SIGHUP");
    await this.gateway.logged(new RegExp(`^generation ${++this.#generation} serves$`));
  }

  /**
   * Lets clients attack, or apps: meanwhile and afterwards the neighbour's answers have to be right, and the
   * gateway to be well. What apps make their own workers hold is theirs.
   */
  async survives(by: "clients" | "apps", attack: () => Promise<void>): Promise<void> {
    const { gateway } = this;
    const before = isLinux ? residentBytes(gateway.pid) : 0;
    const linesBefore = gateway.log.length;
    const neighbour = new Neighbour(this);
    try {
      await neighbour.answers(1);
      await attack();
      await neighbour.answers(ANSWERS_AFTER);
    } finally {
      await neighbour.stop();
    }
    const grown = isLinux && by === "clients" ? residentBytes(gateway.pid) - before : 0;
    assert(grown < MAX_GROWTH_BYTES, `the gateway has grown by ${grown >> 20} MiB`);
    const lines = gateway.log.slice(linesBefore);
    const faults = lines.filter((line) =>
      /^error: (?:http|fastcgi): \w*Error|in promise|panicked/.test(line)
    );
    assertEquals(faults, [], "nothing of the gateway's own has failed");
  }

  /** The gateway ends in order. */
  async end(): Promise<void> {
    assertEquals(await Deno.readTextFile(`${this.folder}/secret.json`), '{"secret":1}');
    this.gateway.kill("SIGTERM");
    assertEquals((await this.gateway.status).code, 0, this.gateway.log.slice(-20).join("\n"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A client that asks the neighbour without end, over each protocol; each answer tells which one it is. */
class Neighbour {
  readonly #site: Site;
  readonly #counts = { http: 0, fastcgi: 0 };
  #asking = true;
  readonly #done: Promise<unknown>;
  #fault: unknown = null;
  #wake: () => void = () => {};

  constructor(site: Site) {
    this.#site = site;
    const noteFault = (error: unknown) => {
      this.#fault = error;
      this.#wake();
    };
    this.#done = Promise.all([
      this.#keep("http").catch(noteFault),
      this.#keep("fastcgi").catch(noteFault),
    ]);
  }

  /** Waits for so many more right answers over each protocol. */
  async answers(count: number): Promise<void> {
    const { http, fastcgi } = this.#counts;
    const isEnough = () =>
      this.#counts.http >= http + count && this.#counts.fastcgi >= fastcgi + count;
    while (this.#fault === null && !isEnough()) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#fault !== null) throw this.#fault;
  }

  async stop(): Promise<void> {
    this.#asking = false;
    await this.#done;
    if (this.#fault !== null) throw this.#fault;
  }

  async #keep(protocol: "http" | "fastcgi"): Promise<void> {
    const connect = protocol === "http" ? overHttp : overFastCgi;
    let connection: Connection | null = null;
    try {
      while (this.#asking) {
        const tag = `${protocol} ${this.#counts[protocol]} ${crypto.randomUUID()}`;
        const isKept = connection !== null;
        connection ??= await connect(this.#site);
        let text: string;
        try {
          text = await connection.ask(tag);
        } catch (error) {
          // An idle connection may be closed to make room. A new one, at work, may not.
          if (!isKept || !isClosed(error)) throw error;
          connection[Symbol.dispose]();
          connection = null;
          continue;
        }
        assertEquals(text, tag, "the neighbour's own answer");
        this.#counts[protocol]++;
        this.#wake();
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    } finally {
      connection?.[Symbol.dispose]();
    }
  }
}

interface Connection extends Disposable {
  ask(tag: string): Promise<string>;
}

async function overHttp({ httpPort }: Site): Promise<Connection> {
  const client = await RawClient.connect(httpPort);
  return {
    async ask(tag) {
      await client.send(
        `POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: ${tag.length}\r\n\r\n${tag}`,
      );
      return (await client.receive()).body;
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

async function overFastCgi({ fastcgiPort }: Site): Promise<Connection> {
  const client = await RawFastCgiClient.connect(fastcgiPort);
  return {
    ask: async (tag) => (await client.ask(7, "/text", { body: tag })).body,
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** Whether a connection has ended without a byte of an answer. */
function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Error && /^no response: ""$|ended without a reply/.test(error.message);
}
