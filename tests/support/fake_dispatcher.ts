/** A dispatcher's side of its links, under full control. */

import { dispatcherParts, parseHandlerMessage } from "../../src/dispatch/codec/dispatch_message.ts";
import type {
  DispatcherMessage,
  HandlerMessage,
} from "../../src/dispatch/codec/dispatch_message.ts";
import { ZmqContext } from "../../src/zmq/socket.ts";
import type { ZmqSocket } from "../../src/zmq/socket.ts";
import { received, sent } from "./zmq.ts";

const decoder = new TextDecoder();

/** A message of a handler, and the connection that it came over. */
export interface FromHandler<Message extends HandlerMessage = HandlerMessage> {
  /** The connection, as ZeroMQ names it. */
  readonly from: Uint8Array<ArrayBuffer>;
  /** The message. */
  readonly message: Message;
}

/** Takes what handlers say, and says what it is told to. */
export class FakeDispatcher implements AsyncDisposable {
  /** Where it is. */
  readonly endpoint: string;
  readonly #context = new ZmqContext();
  readonly #socket: ZmqSocket;
  readonly #skipped: FromHandler[] = [];
  /** Replies that came together with the ends of their requests. They are taken as two messages. */
  answerCount = 0;

  /** Begins to listen at a free port, or where another one did. */
  constructor(endpoint = "tcp://127.0.0.1:*") {
    this.#socket = this.#context.socket("router");
    this.#socket.setOption("routerMandatory", 1);
    this.#socket.bind(endpoint);
    this.endpoint = String(this.#socket.getOption("lastEndpoint"));
  }

  /** The next message of any handler; fails if none comes. */
  async next(): Promise<FromHandler> {
    const skipped = this.#skipped.shift();
    if (skipped !== undefined) return skipped;
    const [from, ...parts] = await received(this.#socket);
    const message = parseHandlerMessage(parts);
    if (message.kind !== "answer") return { from, message };
    this.answerCount++;
    const { request } = message;
    this.#skipped.unshift({ from, message: { kind: "done", request, outcome: "answered" } });
    return { from, message: { ...message, kind: "reply" } };
  }

  /** The next message of this kind; those before it come later. Fails if none comes. */
  async nextOf<Kind extends HandlerMessage["kind"]>(
    kind: Kind,
  ): Promise<FromHandler<HandlerMessage & { readonly kind: Kind }>> {
    const before: FromHandler[] = [];
    for (;;) {
      const each = await this.next();
      if (each.message.kind === kind) {
        this.#skipped.unshift(...before);
        return each as FromHandler<HandlerMessage & { readonly kind: Kind }>;
      }
      before.push(each);
    }
  }

  /** The text of the next reply. */
  async replyText(): Promise<string> {
    const { message } = await this.nextOf("reply");
    return decoder.decode(message.payload);
  }

  /** Takes in the next handler that says HELLO. */
  async welcome(pingIntervalMs = 60_000): Promise<Uint8Array<ArrayBuffer>> {
    const { from } = await this.nextOf("hello");
    await this.say(from, { kind: "welcome", version: 1, pingIntervalMs });
    return from;
  }

  /** Says something to a handler. */
  async say(to: Uint8Array, message: DispatcherMessage): Promise<void> {
    await this.sayParts(to, dispatcherParts(message));
  }

  /** Sends a handler parts that need not be a message. */
  async sayParts(to: Uint8Array, parts: readonly Uint8Array[]): Promise<void> {
    await sent(this.#socket, [to, ...parts]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#context[Symbol.asyncDispose]();
  }
}
