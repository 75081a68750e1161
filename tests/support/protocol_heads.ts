/** The head that each protocol makes of what a client asks for. */

import { BufferPool } from "../../src/base/buffers.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import type { Peer, RequestHead } from "../../src/message/exchange.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../../src/fastcgi/codec/limits.ts";
import { RequestTranslator } from "../../src/fastcgi/codec/translate.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { HEAD, RequestParser } from "../../src/http1/codec/parser.ts";
import { translateMessage } from "../../src/mongrel2/codec/translate.ts";
import { assertEquals } from "./assert.ts";
import { encodePairs } from "./fastcgi.ts";
import { bytesOf } from "./parsing.ts";

const address = { transport: "tcp", hostname: "127.0.0.1", port: 8_000 } as const;

/** The peers of an endpoint's connections, for plain and for secure requests. */
export function peersOf(endpoint: Peer["endpoint"]): { http: Peer; https: Peer } {
  const peer = (scheme: "http" | "https"): Peer => ({
    endpoint,
    scheme,
    remoteAddr: address,
    localAddr: address,
  });
  return { http: peer("http"), https: peer("https") };
}

/** What a client asks for; texts have one code unit for each byte. */
export interface Asked {
  readonly target: string;
  readonly host: string;
  /** What its connection is, or was to the server in front. */
  readonly scheme: "http" | "https";
}

/** The head that each protocol makes of it. */
export const PROTOCOLS: Record<Peer["endpoint"], (asked: Asked) => RequestHead> = {
  http({ target, host, scheme }) {
    const parser = new RequestParser(DEFAULT_HTTP_LIMITS, peersOf("http")[scheme]);
    parser.push(bytesOf(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`));
    assertEquals(parser.next(), HEAD);
    return parser.head;
  },
  fastcgi({ target, host, scheme }) {
    const params = encodePairs([
      ["REQUEST_METHOD", "GET"],
      ["REQUEST_URI", target],
      ["HTTP_HOST", host],
      ...scheme === "https" ? [["HTTPS", "on"]] : [],
    ].map(([name, value]) => [bytesOf(name), bytesOf(value)]));
    return new RequestTranslator(DEFAULT_FASTCGI_LIMITS, new BufferPool())
      .translate(params, params.length, 1, peersOf("fastcgi"));
  },
  mongrel2({ target, host, scheme }) {
    const headers = { METHOD: "GET", VERSION: "HTTP/1.1", URI: target, URL_SCHEME: scheme, host };
    const message = {
      senderId: "s",
      connId: "1",
      path: "/",
      headers: Object.entries(headers),
      body: new Uint8Array(0),
    };
    return translateMessage(message, peersOf("mongrel2"), DEFAULT_HTTP_LIMITS).head;
  },
};

/** The head, or the status of the refusal. */
export function headOrStatus(
  make: (asked: Asked) => RequestHead,
  asked: Partial<Asked>,
): RequestHead | number {
  try {
    return make({ target: "/", host: "a.example", scheme: "http", ...asked });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.status;
  }
}
