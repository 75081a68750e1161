/**
 * What is said over plain HTTP where there is HTTPS: that clients go there, and the answers to the
 * challenges of certificate authorities (RFC 8555, section 8.3).
 *
 * @module
 */

import { errorResponse } from "../message/error_response.ts";
import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import { WHOLE_BODY } from "../message/exchange.ts";
import { sentPathOf, urlOf } from "../message/request_url.ts";

const HTTPS_PORT = 443;
const CHALLENGE_PATH = "/.well-known/acme-challenge/";

/** Answers the challenges of certificate authorities. */
export interface Challenges {
  /** The answer for the authority that asks with `token`, any text; `null` if none is expected. */
  answerTo(token: string): string | null;
}

/** Answers challenges, and leads all other requests on. */
export class ChallengeHandler implements ExchangeHandler {
  readonly #challenges: Challenges;
  readonly #others: ExchangeHandler;

  /** Answers what `challenges` knows. */
  constructor(challenges: Challenges, others: ExchangeHandler) {
    this.#challenges = challenges;
    this.#others = others;
  }

  handle(exchange: Exchange): void {
    const { method } = exchange.head;
    const isRead = method === "GET" || method === "HEAD";
    const path = isRead ? sentPathOf(exchange.head) : "";
    const answer = path.startsWith(CHALLENGE_PATH)
      ? this.#challenges.answerTo(path.slice(CHALLENGE_PATH.length))
      : null;
    // What nobody expects may be for another client of the authority, behind this gateway.
    if (answer === null) this.#others.handle(exchange);
    else {
      exchange.onRouted?.(null);
      exchange.respond({
        status: 200,
        fieldLines: "content-type: application/octet-stream\r\ncache-control: no-store\r\n",
        bodyLength: WHOLE_BODY,
      }, answer);
    }
  }
}

/** Redirects requests to the same URL over HTTPS. */
export class HttpsRedirect implements ExchangeHandler {
  readonly #port: number;
  readonly #isOwn: (host: string) => boolean;

  /**
   * Redirects to `port`. Clients that ask for a host that is not `isOwn`, a name or an address as URLs
   * have it, would not trust what they find there: they get 421.
   */
  constructor(port: number, isOwn: (host: string) => boolean) {
    this.#port = port;
    this.#isOwn = isOwn;
  }

  handle(exchange: Exchange): void {
    exchange.onRouted?.(null);
    const { head } = exchange;
    if (head.authorityEnd === head.authorityStart) {
      refuse(exchange, 400, "a request needs a host to be redirected");
      return;
    }
    const { hostname, pathname, search } = new URL(urlOf(head));
    if (!this.#isOwn(hostname)) {
      refuse(exchange, 421, "there is no certificate for this host");
      return;
    }
    const port = this.#port === HTTPS_PORT ? "" : `:${this.#port}`;
    // A browser may make a GET of any method but HEAD after 301 (RFC 9110, section 15.4.2).
    const status = head.method === "GET" || head.method === "HEAD" ? 301 : 308;
    refuse(exchange, status, "", `location: https://${hostname}${port}${pathname}${search}\r\n`);
  }
}

function refuse(exchange: Exchange, status: number, detail: string, fieldLines = ""): void {
  const { head, body } = errorResponse(status, detail, fieldLines);
  exchange.respond(head, body);
}
