/**
 * Gets certificates from an authority (RFC 8555), by challenges over HTTP (section 8.3).
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import { jwkOf, signedBody, thumbprintOf } from "./codec/jws.ts";
import type { Jwk } from "./codec/jws.ts";
import { base64Url } from "./codec/pem.ts";
import type { SigningKey } from "./keys.ts";
import { requestFor } from "./keys.ts";

/** Sends a request, and does not follow redirects. */
export type AcmeTransport = (
  url: URL,
  init: {
    readonly method: "GET" | "HEAD" | "POST";
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

/** Where answers to challenges are put for the authority to read. */
export interface ChallengeBoard {
  /** Answers `text` to `token` from now on, in all processes. */
  put(token: string, text: string): Promise<void>;
  /** Answers no longer. */
  remove(token: string): Promise<void>;
}

/** What an {@linkcode AcmeClient} is made of. */
export interface AcmeClientOptions {
  /** URL of the authority's directory. */
  readonly directory: URL;
  /** Key of the account, which is made with the authority if there is none. */
  readonly accountKey: SigningKey;
  /** Who is asked about the account, as URLs such as `mailto:`. */
  readonly contacts: readonly string[];
  /** Sends the requests. */
  readonly transport: AcmeTransport;
  /** Takes the answers to challenges. */
  readonly board: ChallengeBoard;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** First time between questions whether something is done, in milliseconds. Default: 1,000. */
  readonly pollMs?: number;
}

/** The authority refuses, or does not answer as it should. */
export class AcmeError extends Error {
  /** Name of the class. */
  override name = "AcmeError";
  /** Type of the problem (RFC 8555, section 6.7), such as `"rateLimited"`; `""` if it said none. */
  readonly type: string;
  /** When to try again, in milliseconds from now; 0 if it did not say. */
  readonly retryAfterMs: number;

  /** Makes an error. */
  constructor(message: string, type = "", retryAfterMs = 0) {
    super(message);
    this.type = type;
    this.retryAfterMs = retryAfterMs;
  }
}

const PROBLEM_PREFIX = "urn:ietf:params:acme:error:";
/** Answers are not longer, in bytes. */
const MAX_BODY_BYTES = 1_048_576;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_NONCE_ATTEMPTS = 5;
/** Something that is not done after so many questions never will be: some five minutes. */
const MAX_POLLS = 30;
const MAX_POLL_GROWTH = 15;
const MAX_RETRY_AFTER_MS = 7 * 86_400_000;
const DEFAULT_POLL_MS = 1_000;
/** Tokens of challenges (RFC 8555, section 8.3), which are names of files, too. */
const TOKEN = /^[\w-]{1,128}$/;
const MAX_DETAIL_CHARS = 300;

/** An answer of the authority. */
interface Answer {
  readonly body: string;
  readonly location: string | null;
  readonly retryAfterMs: number;
}

/** A JSON object of the authority, which nothing is known of. */
type Json = Readonly<Record<string, unknown>>;

/** One conversation with an authority. */
export class AcmeClient {
  readonly #options: AcmeClientOptions;
  readonly #jwk: Jwk;
  /** URLs of the directory, by name. */
  #directory: Json = {};
  #account = "";
  #nonce: string | null = null;

  /** Nothing is asked yet. */
  constructor(options: AcmeClientOptions) {
    this.#options = options;
    this.#jwk = jwkOf(options.accountKey.spki);
  }

  /**
   * Gets a certificate for `names` and `key`: the chain, as PEM text.
   *
   * @throws {AcmeError} if the authority refuses
   * @throws {TypeError} if it cannot be reached
   */
  async certificateFor(names: readonly string[], key: SigningKey): Promise<string> {
    await this.#open();
    const identifiers = names.map((value) => ({ type: "dns", value }));
    const { body, location } = await this.#post(this.#urlIn(this.#directory, "newOrder"), {
      identifiers,
    });
    const order = jsonOf(body);
    const orderUrl = this.#checkedUrl(location);
    const authorizations = Array.isArray(order.authorizations) ? order.authorizations : [];
    if (authorizations.length > names.length) throw new AcmeError("it asks for too many proofs");
    for (const each of authorizations) await this.#prove(this.#checkedUrl(each));
    const csr = base64Url(await requestFor(names, key));
    await this.#post(this.#urlIn(order, "finalize"), { csr });
    const done = await this.#poll(orderUrl, "valid");
    return (await this.#post(this.#urlIn(done, "certificate"), "")).body;
  }

  async #open(): Promise<void> {
    const { directory, contacts } = this.#options;
    this.#directory = jsonOf((await this.#send(directory, "GET")).body);
    const { location } = await this.#post(this.#urlIn(this.#directory, "newAccount"), {
      termsOfServiceAgreed: true,
      ...contacts.length > 0 ? { contact: contacts } : {},
    });
    this.#account = this.#checkedUrl(location).href;
  }

  /** Proves that this gateway is at the name that an authorization is about. */
  async #prove(url: URL): Promise<void> {
    const { board } = this.#options;
    const authorization = jsonOf((await this.#post(url, "")).body);
    if (authorization.status === "valid") return;
    if (authorization.status !== "pending") throw stuck(authorization);
    const challenges = Array.isArray(authorization.challenges) ? authorization.challenges : [];
    const challenge: Json | undefined = challenges.find((each) => each?.type === "http-01");
    if (challenge === undefined) {
      throw new AcmeError("it offers no challenge over HTTP (http-01)");
    }
    const { token } = challenge;
    if (typeof token !== "string" || !TOKEN.test(token)) {
      throw new AcmeError("the token of its challenge is malformed");
    }
    await board.put(token, `${token}.${await thumbprintOf(this.#jwk)}`);
    try {
      await this.#post(this.#urlIn(challenge, "url"), {});
      await this.#poll(url, "valid");
    } finally {
      await board.remove(token);
    }
  }

  /** Asks for what is at `url` until its status is `wanted`. */
  async #poll(url: URL, wanted: string): Promise<Json> {
    const { pollMs = DEFAULT_POLL_MS } = this.#options;
    let delayMs = pollMs;
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      const { body, retryAfterMs } = await this.#post(url, "");
      const object = jsonOf(body);
      const { status } = object;
      if (status === wanted) return object;
      if (status !== "pending" && status !== "processing" && status !== "ready") {
        throw stuck(object);
      }
      await this.#sleep(Math.min(Math.max(retryAfterMs, delayMs), MAX_POLL_GROWTH * pollMs));
      delayMs *= 1.5;
    }
    throw new AcmeError("it did not come to a decision in time");
  }

  /** Posts `payload`, `""` to read only, as the account; as its key as long as there is none. */
  async #post(url: URL, payload: Json | ""): Promise<Answer> {
    const { accountKey } = this.#options;
    for (let attempt = 1;; attempt++) {
      const nonce = this.#nonce ?? await this.#newNonce();
      // Each is for one request.
      this.#nonce = null;
      const signer = this.#account === "" ? { jwk: this.#jwk } : { kid: this.#account };
      const text = payload === "" ? "" : JSON.stringify(payload);
      const body = await signedBody({ url: url.href, nonce, signer }, text, accountKey.sign);
      try {
        return await this.#send(url, "POST", body);
      } catch (error) {
        const isStale = error instanceof AcmeError && error.type === "badNonce";
        if (!isStale || attempt === MAX_NONCE_ATTEMPTS) throw error;
      }
    }
  }

  async #newNonce(): Promise<string> {
    await this.#send(this.#urlIn(this.#directory, "newNonce"), "HEAD");
    if (this.#nonce === null) throw new AcmeError("it gives no nonce");
    return this.#nonce;
  }

  async #send(url: URL, method: "GET" | "HEAD" | "POST", body?: string): Promise<Answer> {
    const { transport, signal } = this.#options;
    const response = await transport(url, {
      method,
      headers: { ...body === undefined ? {} : { "content-type": "application/jose+json" } },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    const { headers, ok, status } = response;
    const nonce = headers.get("replay-nonce");
    if (nonce !== null && /^[\w-]{1,512}$/.test(nonce)) this.#nonce = nonce;
    const text = await boundedText(response);
    const retryAfterMs = retryAfterOf(headers);
    if (ok) return { body: text, location: headers.get("location"), retryAfterMs };
    throw problemOf(status, text, retryAfterMs);
  }

  #urlIn(object: Json, name: string): URL {
    return this.#checkedUrl(object[name]);
  }

  /** The URL that the authority says: over TLS, as its directory is. */
  #checkedUrl(value: unknown): URL {
    const url = typeof value === "string" ? URL.parse(value) : null;
    if (url !== null && url.protocol === this.#options.directory.protocol) return url;
    throw new AcmeError("it says no usable URL");
  }

  async #sleep(delayMs: number): Promise<void> {
    const { signal } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timerMs(delayMs));
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      if (signal.aborted) throw signal.reason;
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new AcmeError("its answer is too long");
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function jsonOf(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new AcmeError("its answer is no JSON object");
}

function problemOf(status: number, text: string, retryAfterMs: number): AcmeError {
  let problem: Json = {};
  try {
    problem = jsonOf(text);
  } catch (error) {
    if (!(error instanceof AcmeError)) throw error;
  }
  const { type } = problem;
  const name = typeof type === "string" && type.startsWith(PROBLEM_PREFIX)
    ? type.slice(PROBLEM_PREFIX.length)
    : "";
  const detail = detailOf(problem);
  return new AcmeError(
    `it answers ${status}${detail === "" ? "" : `: ${detail}`}`,
    name,
    retryAfterMs,
  );
}

/** The error that an order or authorization is, which is in no state to go on from. */
function stuck(object: Json): AcmeError {
  return new AcmeError(reasonIn(object) ?? `the status became ${excerptOf(object.status)}`);
}

/** Why an order or authorization failed, as it says itself or its challenges do. */
function reasonIn(object: Json): string | null {
  const challenges = Array.isArray(object.challenges) ? object.challenges as Json[] : [];
  for (const { error } of [object, ...challenges]) {
    if (typeof error === "object" && error !== null) return detailOf(error as Json);
  }
  return null;
}

function detailOf({ detail }: Json): string {
  return typeof detail === "string" ? detail.slice(0, MAX_DETAIL_CHARS) : "";
}

function excerptOf(value: unknown): string {
  return JSON.stringify(value)?.slice(0, MAX_DETAIL_CHARS) ?? "unknown";
}

function retryAfterOf(headers: Headers): number {
  const text = headers.get("retry-after") ?? "";
  const delayMs = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return delayMs > 0 ? Math.min(delayMs, MAX_RETRY_AFTER_MS) : 0;
}
