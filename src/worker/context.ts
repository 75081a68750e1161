/**
 * What an app is told about a request besides the `Request`.
 *
 * @module
 */

import type { EndpointKind } from "../exchange.ts";
import { UNKNOWN_LENGTH } from "../exchange.ts";
import { parseFieldLines, textOf } from "../fields.ts";
import type { BodyPiece } from "./request_body.ts";
import type { AppTask } from "./task.ts";
import { urlOf } from "../request_url.ts";

/** The second argument of an app: a superset of `Deno.ServeHandlerInfo`. */
export interface Context {
  /** Address of the client. */
  readonly remoteAddr: Deno.Addr;
  /** Address of the endpoint that took the request. */
  readonly localAddr: Deno.Addr;
  /**
   * Settles when the response was sent: resolves then, and rejects with a `Deno.errors.Interrupted`
   * if it was not sent in full. Ask for it before the response is returned.
   */
  readonly completed: Promise<void>;
  /** The protocol that the request came in over. */
  readonly endpoint: EndpointKind;
  /** CGI/1.1 meta-variables (RFC 3875 4.1), such as `REQUEST_METHOD` and `PATH_INFO`. */
  readonly env: Readonly<Record<string, string>>;
  /** The path prefix that the app is mounted at, `""` at the root. */
  readonly mount: string;
  /** Fires when the client went away or the request timed out. */
  readonly signal: AbortSignal;
  /** Trailer fields of the request; resolves when its body has been received in full. */
  readonly trailers: Promise<Headers>;
  /** Tells of work that outlives the response: shutdown waits for it. */
  waitUntil(promise: Promise<unknown>): void;
  /** Reads the request's body in the chunks that the client framed it in, instead of `request.body`. */
  chunks(): AsyncIterableIterator<BodyPiece>;
}

/** Context of `task`, an app mounted at `mount`. */
export class AppContext implements Context {
  readonly mount: string;
  readonly #task: AppTask;
  readonly #waitUntil: (promise: Promise<unknown>) => void;
  #env: Record<string, string> | null = null;

  /** Makes the context; `waitUntil` takes the promises that the app wants waited for. */
  constructor(task: AppTask, mount: string, waitUntil: (promise: Promise<unknown>) => void) {
    this.#task = task;
    this.mount = mount;
    this.#waitUntil = waitUntil;
  }

  get remoteAddr(): Deno.Addr {
    return this.#task.head.peer.remoteAddr;
  }

  get localAddr(): Deno.Addr {
    return this.#task.head.peer.localAddr;
  }

  get completed(): Promise<void> {
    return this.#task.completed;
  }

  get endpoint(): EndpointKind {
    return this.#task.head.peer.endpoint;
  }

  get env(): Record<string, string> {
    return this.#env ??= metaVariables(this.#task, this.mount);
  }

  get signal(): AbortSignal {
    return this.#task.signal;
  }

  get trailers(): Promise<Headers> {
    return this.#task.body?.trailers ?? Promise.resolve(new Headers());
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#waitUntil(promise);
  }

  async *chunks(): AsyncGenerator<BodyPiece, void, void> {
    const { body } = this.#task;
    if (body === null) return;
    if (body.used) throw new TypeError("Body already consumed.");
    yield* body.pieces();
  }
}

/** The meta-variables of a request (RFC 3875 4.1), and the customary ones besides. */
function metaVariables(task: AppTask, mount: string): Record<string, string> {
  const { head } = task;
  const { peer } = head;
  const url = new URL(urlOf(head));
  const env: Record<string, string> = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "gatehouse",
    SERVER_PROTOCOL: `HTTP/1.${head.minorVersion}`,
    SERVER_NAME: url.hostname,
    SERVER_PORT: url.port || (url.protocol === "https:" ? "443" : "80"),
    REQUEST_METHOD: head.method,
    REQUEST_SCHEME: url.protocol.slice(0, -1),
    REQUEST_URI: textOf(head.block, head.targetStart, head.targetEnd),
    SCRIPT_NAME: mount,
    PATH_INFO: decodePath(url.pathname.slice(mount.length)),
    QUERY_STRING: url.search.slice(1),
  };
  if (peer.scheme === "https") env.HTTPS = "on";
  if ("hostname" in peer.remoteAddr) {
    env.REMOTE_ADDR = peer.remoteAddr.hostname;
    env.REMOTE_PORT = String(peer.remoteAddr.port);
  } else {
    env.REMOTE_ADDR = "";
  }
  for (const [name, value] of parseFieldLines(head.block, head.fieldsStart, head.fieldsEnd)) {
    const key = name.toUpperCase().replaceAll("-", "_");
    if (key === "CONTENT_TYPE" || key === "CONTENT_LENGTH") {
      env[key] = value;
    } else if (key !== "PROXY" && !name.includes("_")) {
      // A Proxy field would pass for the HTTP_PROXY setting of programs that read this.
      const variable = `HTTP_${key}`;
      const separator = key === "COOKIE" ? "; " : ", ";
      env[variable] = variable in env ? env[variable] + separator + value : value;
    }
  }
  if (head.bodyLength !== UNKNOWN_LENGTH && head.bodyLength > 0) {
    env.CONTENT_LENGTH = String(head.bodyLength);
  }
  return env;
}

/** Percent-decodes a path, but for what is no UTF-8, and for slashes, which would change its meaning. */
function decodePath(path: string): string {
  return path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    try {
      return decodeURIComponent(escapes.replace(/%2f/gi, "%252F"));
    } catch {
      return escapes;
    }
  });
}
