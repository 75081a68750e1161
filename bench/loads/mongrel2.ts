/**
 * Requests in the place of Mongrel2: a fixed number of clients, each of which asks again when it has its
 * answer.
 *
 * @module
 */

import type { Load } from "../measuring/contest.ts";
import { delay } from "../measuring/harness.ts";

/** What the clients of a load ask for. */
export interface Mongrel2LoadOptions {
  /** Path of the requests. */
  readonly path: string;
  /** Bytes of each response's body. */
  readonly bodyBytes: number;
  /** How many ask at a time. */
  readonly clients: number;
  /** How long they do. */
  readonly seconds: number;
}

/** The library is called as it is, and waited for: as little as possible is between it and a request. */
const { symbols: zmq } = Deno.dlopen("libzmq.so.5", {
  zmq_ctx_new: { parameters: [], result: "pointer" },
  zmq_ctx_term: { parameters: ["pointer"], result: "i32" },
  zmq_socket: { parameters: ["pointer", "i32"], result: "pointer" },
  zmq_close: { parameters: ["pointer"], result: "i32" },
  zmq_bind: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_setsockopt: { parameters: ["pointer", "i32", "buffer", "usize"], result: "i32" },
  zmq_getsockopt: { parameters: ["pointer", "i32", "buffer", "buffer"], result: "i32" },
  zmq_send: { parameters: ["pointer", "buffer", "usize", "i32"], result: "i32" },
  zmq_recv: { parameters: ["pointer", "buffer", "usize", "i32"], result: "i32" },
});
const [SUB, PUSH] = [2, 8];
const [SUBSCRIBE, LINGER, RECEIVE_HIGH_WATER_MARK, RECEIVE_TIMEOUT, LAST_ENDPOINT] = [
  6,
  17,
  24,
  27,
  32,
];
const DONTWAIT = 1;

const POLL_MS = 20;
/** Time after which an answer is taken for lost, in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;
const READY_TIMEOUT_MS = 30_000;
/** Bytes of a reply that are looked at: enough for the head of a response. The rest is dropped. */
const LOOKED_AT_BYTES = 1_024;

const COLON = 0x3a;
const COMMA = 0x2c;
const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** The server's side of one handler's sockets. */
export class Mongrel2Load implements Disposable {
  /** Endpoint that the handler takes requests from. */
  readonly send: string;
  /** Endpoint that it sends replies to. */
  readonly recv: string;
  readonly #context = zmq.zmq_ctx_new();
  readonly #requests = zmq.zmq_socket(this.#context, PUSH);
  readonly #replies = zmq.zmq_socket(this.#context, SUB);
  readonly #reply = new Uint8Array(LOOKED_AT_BYTES);

  /** Begins to listen at free ports. */
  constructor() {
    for (const socket of [this.#requests, this.#replies]) setOption(socket, LINGER, 0);
    setOption(this.#replies, RECEIVE_HIGH_WATER_MARK, 0);
    setOption(this.#replies, RECEIVE_TIMEOUT, ANSWER_TIMEOUT_MS);
    check(zmq.zmq_setsockopt(this.#replies, SUBSCRIBE, new Uint8Array(0), 0n));
    this.send = bound(this.#requests);
    this.recv = bound(this.#replies);
  }

  /**
   * Resolves when the handler answers.
   *
   * @throws {Error} It does not in due time.
   */
  async untilAnswered(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    for (let isSent = false; performance.now() < deadline; await delay(POLL_MS)) {
      // A socket sends its subscriptions when it is looked at.
      if (this.#receive(DONTWAIT) > 0) return;
      isSent ||= this.#send(request(0, "/"));
    }
    throw new Error("the handler does not answer");
  }

  /**
   * Puts the load on the handler, and blocks the thread for that time.
   *
   * @throws {Error} A response is not as long as it should be, or does not come.
   */
  run({ path, bodyBytes, clients, seconds }: Mongrel2LoadOptions): Load {
    const messages = Array.from({ length: clients }, (_, i) => request(i, path));
    /** What is to come of each response; 0 before its head. */
    const left = new Float64Array(clients);
    const since = performance.now();
    const end = since + seconds * 1_000;
    let requests = 0;
    let asking = clients;
    for (const message of messages) this.#ask(message);
    while (asking > 0) {
      const bytes = this.#receive(0);
      if (bytes < 0) throw new Error("a request was not answered");
      const { client, payloadStart } = this.#targetOf();
      if (left[client] === 0) left[client] = this.#headBytes(payloadStart) + bodyBytes;
      left[client] -= bytes - payloadStart;
      if (left[client] > 0) continue;
      if (left[client] < 0) throw new Error("a response is too long");
      requests++;
      if (performance.now() < end) this.#ask(messages[client]);
      else asking--;
    }
    return { requests, seconds: (performance.now() - since) / 1_000 };
  }

  [Symbol.dispose](): void {
    for (const socket of [this.#requests, this.#replies]) zmq.zmq_close(socket);
    zmq.zmq_ctx_term(this.#context);
  }

  #ask(message: Uint8Array<ArrayBuffer>): void {
    if (!this.#send(message)) throw new Error("the handler has gone");
  }

  #send(message: Uint8Array<ArrayBuffer>): boolean {
    return zmq.zmq_send(this.#requests, message, BigInt(message.length), DONTWAIT) >= 0;
  }

  #receive(flags: number): number {
    return zmq.zmq_recv(this.#replies, this.#reply, BigInt(LOOKED_AT_BYTES), flags);
  }

  /** Reads `SENDER NETSTRING:ID, `. */
  #targetOf(): { readonly client: number; readonly payloadStart: number } {
    const reply = this.#reply;
    let at = reply.indexOf(COLON) + 1;
    let client = 0;
    for (; reply[at] !== COMMA; at++) {
      const digit = reply[at] - 0x30;
      if (!(digit >= 0 && digit <= 9)) throw new Error("a reply is for no client");
      client = client * 10 + digit;
    }
    return { client, payloadStart: at + 2 };
  }

  #headBytes(start: number): number {
    const text = decoder.decode(this.#reply.subarray(start));
    const end = text.indexOf("\r\n\r\n");
    if (!text.startsWith("HTTP/1.1 200 ") || end < 0) throw new Error("a response has no head");
    return end + 4;
  }
}

/** What Mongrel2 sends for a request of curl's. */
function request(client: number, path: string): Uint8Array<ArrayBuffer> {
  const headers = JSON.stringify({
    "PATH": path,
    "x-forwarded-for": "127.0.0.1",
    "accept": "*/*",
    "user-agent": "curl/7.88.1",
    "host": "localhost:6767",
    "METHOD": "GET",
    "VERSION": "HTTP/1.1",
    "URI": path,
    "PATTERN": "/",
    "URL_SCHEME": "http",
    "REMOTE_ADDR": "127.0.0.1",
  });
  const sender = "82209006-86FF-4982-B5EA-D1E29E55D481";
  return encoder.encode(`${sender} ${client} ${path} ${headers.length}:${headers},0:,`);
}

function setOption(socket: Deno.PointerValue, option: number, value: number): void {
  const bytes = new Uint8Array(Int32Array.of(value).buffer);
  check(zmq.zmq_setsockopt(socket, option, bytes, BigInt(bytes.length)));
}

/** Binds a socket to a free port, and returns where it is. */
function bound(socket: Deno.PointerValue): string {
  check(zmq.zmq_bind(socket, encoder.encode("tcp://127.0.0.1:*\0")));
  const bytes = new Uint8Array(256);
  check(zmq.zmq_getsockopt(socket, LAST_ENDPOINT, bytes, BigUint64Array.of(256n)));
  return decoder.decode(bytes.subarray(0, bytes.indexOf(0)));
}

function check(result: number): void {
  if (result !== 0) throw new Error("a call of libzmq has failed");
}
