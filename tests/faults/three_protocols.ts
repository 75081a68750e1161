/** A gateway that is asked over all three protocols: HTTP, FastCGI, and Mongrel2 where that is installed. */

import { Mongrel2Server } from "../peers/mongrel2_server.ts";
import { RawFastCgiClient, request } from "../support/fastcgi.ts";
import { startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { isMissing, libzmqIsMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";

/** Whether Mongrel2 cannot be asked here; that was said. */
export const NO_MONGREL2 = isMissing("mongrel2") || isMissing("m2sh") || libzmqIsMissing();

/** A way to the gateway. */
export type Protocol = "http" | "fastcgi" | "mongrel2";

/** What is answered. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A gateway, and the Mongrel2 that it is a handler of. */
export class ThreeProtocols implements AsyncDisposable {
  /** The protocols that there are. */
  readonly protocols: readonly Protocol[];
  /** The gateway's process. */
  readonly gateway: GatewayProcess;
  readonly #mongrel2: Mongrel2Server | null;

  private constructor(gateway: GatewayProcess, mongrel2: Mongrel2Server | null) {
    this.gateway = gateway;
    this.#mongrel2 = mongrel2;
    this.protocols = mongrel2 === null ? ["http", "fastcgi"] : ["http", "fastcgi", "mongrel2"];
  }

  /** Starts a gateway with `args`, as {@linkcode startGateway} does. */
  static async start(
    args: readonly string[],
    options: Parameters<typeof startGateway>[1] = {},
  ): Promise<ThreeProtocols> {
    const mongrel2 = NO_MONGREL2 ? null : await Mongrel2Server.start();
    try {
      const gateway = await startGateway([
        ...args,
        "--http=127.0.0.1:0",
        "--fastcgi=127.0.0.1:0",
        ...(mongrel2 === null ? [] : ["--mongrel2", mongrel2.spec()]),
      ], options);
      return new ThreeProtocols(gateway, mongrel2);
    } catch (error) {
      await mongrel2?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Errors and warnings that were logged, but for that Mongrel2 was waited for. */
  get problems(): string[] {
    return this.gateway.log.filter((line) =>
      /^(?:error|warning)/.test(line) && !line.endsWith(": waiting for Mongrel2")
    );
  }

  /** The port to connect to. */
  port(protocol: Protocol): number {
    if (protocol === "mongrel2") return this.#mongrel2!.port;
    const line = this.gateway.log.find((each) => each.startsWith(`listening ${protocol}://`))!;
    return Number(line.split(":").at(-1));
  }

  /** Asks on a connection of its own. */
  async ask(protocol: Protocol, path = "/"): Promise<Answer> {
    if (protocol === "fastcgi") {
      using client = await RawFastCgiClient.connect(this.port(protocol));
      await client.send(request(1, path));
      return await client.reply(1);
    }
    using client = await RawClient.connect(this.port(protocol));
    await client.send(get(path));
    return await client.receive();
  }

  /** Asks over each protocol; the answers in their order. */
  askAll(path = "/"): Promise<Answer[]> {
    return Promise.all(this.protocols.map((protocol) => this.ask(protocol, path)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
    await this.#mongrel2?.[Symbol.asyncDispose]();
  }
}
