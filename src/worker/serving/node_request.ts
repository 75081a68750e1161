/**
 * Requests of Node's kind: `IncomingMessage`s that read from a `Request`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { keepMembers, nodeError } from "./node_members.ts";
import type { BridgedSocket } from "./node_socket.ts";

/** A request of Node's kind. */
export interface BridgedRequest extends Readable {
  readonly method: string;
}

/** Makes requests of Node's kind, and ends them. */
export interface RequestMaker {
  /** Makes the one for `request`. */
  make(request: Request, socket: BridgedSocket): BridgedRequest;
  /** Its socket has ended. */
  onSocketEnded(req: BridgedRequest, error: Error | undefined): void;
  /** The response has ended: what is left of the body is not read. */
  onResponseEnded(req: BridgedRequest): void;
}

type ReadableClass = typeof Readable;
type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
type Fields = Record<string, string | string[]>;

const { setPrototypeOf } = Object;

/**
 * Makes the class of requests. They are {@linkcode IncomingMessage}s to those who ask. Frameworks put
 * prototypes of their own before Node's, so what has to be found on them is their own.
 */
export function requestMaker(
  Stream: ReadableClass,
  Incoming: typeof IncomingMessage,
): RequestMaker {
  class NodeRequest extends Stream {
    method: string;
    url: string;
    headers: Fields;
    rawHeaders: string[] = [];
    trailers = {};
    rawTrailers: string[] = [];
    httpVersion = "1.1";
    httpVersionMajor = 1;
    httpVersionMinor = 1;
    statusCode = null;
    statusMessage = null;
    upgrade = false;
    joinDuplicateHeaders = false;
    socket: BridgedSocket;
    connection: BridgedSocket;
    client: BridgedSocket;
    complete = false;
    aborted = false;
    readonly #request: Request;
    #reader: Reader | null = null;

    constructor(request: Request, socket: BridgedSocket) {
      super();
      this.#request = request;
      this.method = request.method;
      this.url = targetOf(request.url);
      this.headers = fieldsOf(request.headers, this.rawHeaders);
      this.socket = socket;
      this.connection = socket;
      this.client = socket;
      keepMembers(this, OWN_MEMBERS);
    }

    override _read(): void {
      this.#pull();
    }

    override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
      if (!this.complete && this.#reader !== null) this.#reader.cancel().catch(() => {});
      // Who does not listen for errors of requests is not told of clients that leave.
      callback(error !== null && this.listenerCount("error") > 0 ? error : null);
    }

    setTimeout(_timeoutMs: number, onTimeout?: () => void): this {
      if (onTimeout !== undefined) this.once("timeout", onTimeout);
      return this;
    }

    static onSocketEnded(req: NodeRequest, error: Error | undefined): void {
      if (req.complete) {
        req.destroy();
        return;
      }
      req.aborted = true;
      req.emit("aborted");
      req.destroy(error ?? nodeError("ECONNRESET", "aborted"));
    }

    static onResponseEnded(req: NodeRequest): void {
      if (req.complete || req.destroyed) return;
      if (req.#request.body === null) req.resume();
      else req.destroy();
    }

    async #pull(): Promise<void> {
      const { body } = this.#request;
      if (body === null) {
        this.complete = true;
        this.push(null);
        return;
      }
      try {
        this.#reader ??= body.getReader();
        const { done, value } = await this.#reader.read();
        if (this.destroyed) return;
        this.complete = done;
        this.push(done ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      } catch (error) {
        this.destroy(error as Error);
      }
    }
  }
  setPrototypeOf(NodeRequest.prototype, Incoming.prototype);
  return {
    make: (request, socket) => new NodeRequest(request, socket),
    onSocketEnded: (req, error) => NodeRequest.onSocketEnded(req as NodeRequest, error),
    onResponseEnded: (req) => NodeRequest.onResponseEnded(req as NodeRequest),
  };
}

const OWN_MEMBERS = ["_read", "_destroy", "setTimeout"];

/** Path and query of a URL. */
function targetOf(url: string): string {
  return url.slice(url.indexOf("/", url.indexOf("://") + 3));
}

/** The fields as an object; `raw` gets names and values by turns. */
function fieldsOf(headers: Headers, raw: string[]): Fields {
  const fields: Fields = {};
  for (const [name, value] of headers) {
    raw.push(name, value);
    if (name === "set-cookie") {
      ((fields[name] ??= []) as string[]).push(value);
    } else if (name !== "__proto__") {
      fields[name] = value;
    }
  }
  return fields;
}
