/** A dispatcher without sockets, whose handlers say what a test has them say. */

import { assert } from "./assert.ts";
import { DISPATCH_VERSION, handlerParts } from "../../src/dispatch/codec/dispatch_message.ts";
import type {
  DispatcherMessage,
  HandlerMessage,
} from "../../src/dispatch/codec/dispatch_message.ts";
import { Dispatcher } from "../../src/dispatch/dispatcher.ts";
import type { EndedRequest } from "../../src/dispatch/passed_request.ts";
import type { Placement } from "../../src/dispatch/placement.ts";
import type { SendOutcome } from "../../src/dispatch/handler_roster.ts";
import type { DispatchLimits } from "../../src/limits/dispatch_limits.ts";
import { DEFAULT_DISPATCH_LIMITS } from "../../src/limits/dispatch_limits.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A dispatcher whose handlers say what they like. */
export class DispatchLab {
  readonly sent: { readonly peer: string; readonly message: DispatcherMessage }[] = [];
  readonly replies: string[] = [];
  readonly log: string[] = [];
  readonly ended: EndedRequest[] = [];
  outcome: SendOutcome = "sent";
  /** Where who says something comes from. */
  origin = "";
  /** Why who says something is not let in. */
  refusal: string | null = null;
  now = 0;
  #instances = 0;
  readonly dispatcher: Dispatcher;

  constructor(limits: Partial<DispatchLimits> = {}, placement?: Placement) {
    this.dispatcher = new Dispatcher(
      {
        send: (peer, message) => {
          if (this.outcome === "sent") this.sent.push({ peer, message });
          return this.outcome;
        },
        reply: (_number, bytes) => this.replies.push(decoder.decode(bytes)),
        done() {},
        origin: () => this.origin,
        admit: () => this.refusal,
        onEnded: (ended) => this.ended.push(ended),
        log: (level, message) => this.log.push(`${level}: ${message}`),
      },
      { ...DEFAULT_DISPATCH_LIMITS, ...limits },
      placement,
    );
  }

  say(peer: string, message: HandlerMessage): void {
    this.dispatcher.onHandlerMessage(peer, handlerParts(message), this.now);
  }

  join(peer: string, capacity = 10, name = peer): void {
    const instance = String(++this.#instances).padStart(32, "0");
    const load = { capacity, generation: 1 };
    this.say(peer, { kind: "hello", version: DISPATCH_VERSION, instance, name, ...load });
  }

  /** Has a client ask; returns the number by which a handler has the request, and that handler. */
  request(conn: number, method = "GET"): { readonly number: number; readonly peer: string } {
    const before = this.sent.length;
    this.message(conn, { METHOD: method, VERSION: "HTTP/1.1" });
    const [{ peer, message }] = this.sent.slice(before);
    assert(message.kind === "request");
    return { number: message.request, peer };
  }

  /** A message with these headers comes from Mongrel2 about a client. */
  message(conn: number, headers: object, body = ""): void {
    const text = JSON.stringify(headers);
    this.dispatcher.onMessage(
      encoder.encode(`server ${conn} / ${text.length}:${text},${body.length}:${body},`),
      this.now,
    );
  }

  /** Says that there is no more for a request. */
  done(peer: string, number: number): void {
    this.say(peer, { kind: "done", request: number, outcome: "answered" });
  }

  reply(peer: string, number: number, text: string): void {
    this.say(peer, { kind: "reply", request: number, payload: encoder.encode(text) });
  }
}
