/** Ways to ask a gateway one request after the other, over HTTP and FastCGI. */

import { RawFastCgiClient, request } from "./fastcgi.ts";
import type { Target } from "./fastcgi.ts";
import { RawClient } from "./raw_client.ts";

/** What is asked. */
export interface Question {
  readonly path: string;
  readonly body: string | undefined;
}

/** What is answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** An answer was cut off, or failed; what follows it on its connection is none the worse. */
export class BrokenAnswer extends Error {}

/** A way to ask one request after the other. */
export interface Lane {
  ask(question: Question): Promise<Answer>;
  close(): void;
}

/** HTTP over connections that are kept, or over a new one each time. */
export class HttpLane implements Lane {
  #client: RawClient | null = null;

  constructor(readonly target: Target, readonly kept: boolean) {}

  async ask({ path, body }: Question): Promise<Answer> {
    const client = this.#client ??= await connect(this.target);
    const lines = [
      `${body === undefined ? "GET" : "POST"} ${path} HTTP/1.1`,
      "Host: 127.0.0.1",
      ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
      ...(this.kept ? [] : ["Connection: close"]),
    ];
    await client.send(`${lines.join("\r\n")}\r\n\r\n${body ?? ""}`);
    const answer = await client.receive();
    if (!this.kept) this.close();
    return answer;
  }

  close(): void {
    this.#client?.[Symbol.dispose]();
    this.#client = null;
  }
}

async function connect(target: Target): Promise<RawClient> {
  return typeof target === "number"
    ? await RawClient.connect(target)
    : new RawClient(await Deno.connect({ transport: "unix", path: target.path }));
}

/** A FastCGI connection that several lanes share, or one has for itself. */
export class FastCgiLine {
  #client: Promise<RawFastCgiClient> | null = null;
  #sending: Promise<void> = Promise.resolve();

  constructor(readonly target: Target) {}

  client(): Promise<RawFastCgiClient> {
    return this.#client ??= RawFastCgiClient.connect(this.target);
  }

  /** Sends `bytes` after what others send, and not in the middle of it. */
  send(bytes: Uint8Array): Promise<void> {
    const sent = this.#sending.then(async () => await (await this.client()).send(bytes));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  /** Closes the connection, if it is still this one: others may have made another. */
  close(client = this.#client): void {
    if (client === null || client !== this.#client) return;
    client.then((each) => each[Symbol.dispose](), () => {});
    this.#client = null;
  }
}

/** FastCGI over a line, with a request number of its own. */
export class FastCgiLane implements Lane {
  /** The connection that it has asked over. */
  #client: Promise<RawFastCgiClient> | null = null;

  constructor(readonly line: FastCgiLine, readonly id: number, readonly kept: boolean) {}

  async ask({ path, body }: Question): Promise<Answer> {
    this.#client = this.line.client();
    const client = await this.#client;
    await this.line.send(request(this.id, path, { body, keepConn: this.kept }));
    const reply = await client.reply(this.id);
    if (!this.kept) this.close();
    if (!reply.stdoutEnded) throw new BrokenAnswer("the connection ended within STDOUT");
    if (reply.appStatus !== 0 || reply.protocolStatus !== 0) {
      throw new BrokenAnswer(`it ended with ${reply.appStatus} and ${reply.protocolStatus}`);
    }
    return reply;
  }

  close(): void {
    this.line.close(this.#client);
  }
}
