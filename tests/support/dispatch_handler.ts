/** A handler of a dispatcher, under full control. */

import { eventually } from "./zmq.ts";
import type {
  DispatcherMessage,
  HandlerMessage,
} from "../../src/dispatch/codec/dispatch_message.ts";
import {
  DISPATCH_VERSION,
  handlerParts,
  parseDispatcherMessage,
} from "../../src/dispatch/codec/dispatch_message.ts";
import { connectCurve } from "../../src/zmq/curve.ts";
import type { CurveClient } from "../../src/zmq/curve.ts";
import { ZmqContext } from "../../src/zmq/socket.ts";
import type { ZmqSocket } from "../../src/zmq/socket.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A request that a handler was given. */
export interface GivenRequest {
  /** Its number. */
  readonly number: number;
  /** Identity of the server and number of the connection. */
  readonly client: string;
  /** Its path. */
  readonly path: string;
  /** All of it. */
  readonly text: string;
}

/** Connects to a dispatcher, says what it is told to, and keeps what comes. */
export class FakeHandler implements AsyncDisposable {
  /** All that has come but pings, in order. */
  readonly messages: DispatcherMessage[] = [];
  /** Whether it answers pings. */
  isAwake = true;
  readonly name: string;
  readonly instance: string = crypto.randomUUID().replaceAll("-", "");
  readonly #context = new ZmqContext();
  readonly #socket: ZmqSocket;
  #capacity: number;
  /** Pings are answered whatever the test does. */
  readonly #timer = setInterval(() => this.look(), 20);

  constructor(endpoint: string, name: string, capacity = 10, curve?: CurveClient) {
    this.name = name;
    this.#capacity = capacity;
    this.#socket = this.#context.socket("dealer");
    this.#socket.setOption("linger", 2_000);
    if (curve !== undefined) connectCurve(this.#socket, curve);
    this.#socket.connect(endpoint);
  }

  /** A handler that the dispatcher has welcomed. */
  static async joined(endpoint: string, name: string, capacity = 10): Promise<FakeHandler> {
    const handler = new FakeHandler(endpoint, name, capacity);
    handler.hello();
    await handler.next("welcome");
    return handler;
  }

  /** Says HELLO. */
  hello(): void {
    this.say({
      kind: "hello",
      version: DISPATCH_VERSION,
      capacity: this.#capacity,
      generation: 1,
      instance: this.instance,
      name: this.name,
    });
  }

  /** Sends a message. */
  say(message: HandlerMessage): void {
    this.sayRaw(handlerParts(message));
  }

  /** Sends parts as they are. */
  sayRaw(parts: readonly Uint8Array[]): void {
    if (!this.#socket.send(parts)) throw new Error("the dispatcher takes nothing");
  }

  /** Takes what has come. */
  look(): void {
    for (let parts = this.#socket.receive(); parts !== null; parts = this.#socket.receive()) {
      const message = parseDispatcherMessage(parts);
      if (message.kind !== "ping") this.messages.push(message);
      else if (this.isAwake) this.say({ kind: "pong", capacity: this.#capacity, generation: 1 });
    }
  }

  /** The next message of that kind, taken out of those that have come. */
  next<Kind extends DispatcherMessage["kind"]>(
    kind: Kind,
  ): Promise<DispatcherMessage & { readonly kind: Kind }> {
    return eventually(() => {
      this.look();
      const at = this.messages.findIndex((message) => message.kind === kind);
      if (at < 0) return null;
      return this.messages.splice(at, 1)[0] as DispatcherMessage & { readonly kind: Kind };
    });
  }

  /** The next request. */
  async request(): Promise<GivenRequest> {
    const { request: number, payload } = await this.next("request");
    const text = decoder.decode(payload);
    const [sender, conn, path] = text.split(" ", 3);
    return { number, client: `${sender} ${conn}`, path, text };
  }

  /** Answers a request: one reply, and that was it. */
  answer(request: GivenRequest, body: string): void {
    this.reply(request, `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    this.done(request);
  }

  /** Sends a reply to a request. */
  reply({ number, client }: GivenRequest, payload: string): void {
    const [sender, conn] = client.split(" ");
    this.say({
      kind: "reply",
      request: number,
      payload: encoder.encode(`${sender} ${conn.length}:${conn}, ${payload}`),
    });
  }

  /** Says that there is no more for a request. */
  done({ number }: GivenRequest, outcome: "answered" | "returned" = "answered"): void {
    this.say({ kind: "done", request: number, outcome });
  }

  /** Goes, without a word. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#context[Symbol.asyncDispose]();
  }
}
