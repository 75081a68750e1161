/**
 * One request for a module, with limits, retries, and errors that say what to do.
 *
 * @module
 */

import manifest from "../../../deno.json" with { type: "json" };
import { concatenated } from "../../base/bytes.ts";
import { timerMs } from "../../base/timers.ts";
import type { HttpClients } from "./http_clients.ts";
import { ProxyError } from "./proxies.ts";
import { inWords } from "../../base/sizes.ts";
import type { FetchLimits } from "./limits.ts";

/** What a server answered. */
export type Answer =
  | { readonly kind: "redirect"; readonly location: string | null; readonly status: number }
  | { readonly kind: "unchanged"; readonly headers: Headers }
  | {
    readonly kind: "body";
    readonly status: number;
    readonly headers: Headers;
    readonly bytes: Uint8Array<ArrayBuffer>;
  };

/** One request. */
export interface DownloadRequest {
  /** URL, `http:` or `https:`. */
  readonly url: string;
  /** Fields to send. */
  readonly headers: Readonly<Record<string, string>>;
  /** Size of the body that is taken, in bytes. */
  readonly maxBytes: number;
  /** Limits for everything else. */
  readonly limits: FetchLimits;
  /** What it is sent with; the runtime's own client if absent. */
  readonly clients?: HttpClients;
}

/** Something cannot be fetched. The message says why, and leaves it to the catcher to say what. */
export class FetchFault extends Error {
  /** Name of the class. */
  override name = "FetchFault";
  /** Status of the response that was no answer; 0 if it was not for a status. */
  readonly status: number;

  /** Makes a fault with the reason as its message. */
  constructor(reason: string, { status = 0, cause }: { status?: number; cause?: unknown } = {}) {
    super(reason, { cause });
    this.status = status;
  }
}

/**
 * Begins with Deno's own words, as servers such as esm.sh choose by them what they send: code for
 * Deno instead of code for browsers.
 */
const USER_AGENT = `Deno/${Deno.version.deno} gatehouse/${manifest.version}`;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Statuses that may be others in a moment. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Asks for a URL, again if the connection fails or the server is in trouble.
 *
 * @throws {FetchFault} when there is no answer, or the answer has no body
 */
export async function download(request: DownloadRequest): Promise<Answer> {
  const { limits } = request;
  const deadlineMs = performance.now() + limits.totalTimeoutMs;
  for (let attempt = 0;; attempt++) {
    const delayMs = limits.retryDelaysMs[attempt];
    const mayRetry = delayMs !== undefined && performance.now() + delayMs < deadlineMs;
    try {
      const answer = await new Attempt(request, deadlineMs).run();
      if (!("refusal" in answer)) return answer;
      if (!mayRetry || !PASSING.has(answer.refusal)) {
        throw new FetchFault(`the server answered ${answer.text}`, { status: answer.refusal });
      }
    } catch (error) {
      if (error instanceof FetchFault) throw error;
      const { reason, persistence } = explained(error);
      if (!mayRetry || persistence === "lasting") throw new FetchFault(reason, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, timerMs(delayMs)));
  }
}

/** A response without an answer: its status, also in words. */
interface Refusal {
  readonly refusal: number;
  readonly text: string;
}

/** One attempt, which ends in time and leaves nothing open. */
class Attempt {
  readonly #request: DownloadRequest;
  readonly #deadlineMs: number;
  readonly #aborter = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(request: DownloadRequest, deadlineMs: number) {
    this.#request = request;
    this.#deadlineMs = deadlineMs;
  }

  async run(): Promise<Answer | Refusal> {
    try {
      this.#expectProgress();
      const { url, headers, clients } = this.#request;
      const asked = {
        headers: { "user-agent": USER_AGENT, accept: "*/*", ...headers },
        signal: this.#aborter.signal,
      };
      const response = clients === undefined
        ? await fetch(url, { ...asked, redirect: "manual", client: undefined })
        : await clients.fetch(new URL(url), asked);
      this.#expectProgress();
      return await this.#answer(response);
    } catch (error) {
      // What fetch throws when it is aborted is not the reason in all versions of Deno.
      const { aborted, reason } = this.#aborter.signal;
      throw aborted ? reason : error;
    } finally {
      clearTimeout(this.#timer);
    }
  }

  async #answer(response: Response): Promise<Answer | Refusal> {
    const { status, headers } = response;
    if (response.ok && status !== 206) {
      return { kind: "body", status, headers, bytes: await this.#body(response) };
    }
    await response.body?.cancel();
    if (REDIRECTS.has(status)) {
      return { kind: "redirect", status, location: headers.get("location") };
    }
    const { headers: sent } = this.#request;
    const isConditional = "if-none-match" in sent || "if-modified-since" in sent;
    if (status === 304 && isConditional) return { kind: "unchanged", headers };
    return { refusal: status, text: `${status} ${response.statusText}`.trim() };
  }

  async #body(response: Response): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      const { maxBytes } = this.#request;
      // Leaving the loop cancels the body.
      if (length > maxBytes) throw new FetchFault(`it is larger than ${inWords(maxBytes)}`);
      chunks.push(chunk);
      this.#expectProgress();
    }
    return concatenated(chunks);
  }

  /** From now on, something has to arrive in time. */
  #expectProgress(): void {
    clearTimeout(this.#timer);
    const { idleTimeoutMs, totalTimeoutMs } = this.#request.limits;
    const remainingMs = Math.max(0, this.#deadlineMs - performance.now());
    const [waitMs, message] = remainingMs < idleTimeoutMs
      ? [remainingMs, `it took longer than ${totalTimeoutMs / 1_000} s`]
      : [idleTimeoutMs, `the server has sent nothing for ${idleTimeoutMs / 1_000} s`];
    this.#timer = setTimeout(() => this.#aborter.abort(new FetchFault(message)), timerMs(waitMs));
  }
}

/** Why there was no answer, and whether asking again can help. */
interface Failure {
  readonly reason: string;
  readonly persistence: "passing" | "lasting";
}

/** What certificates are refused for, in the TLS library's words, and in ours. */
const CERTIFICATE_FAULTS: readonly (readonly [RegExp, string])[] = [
  [/expired/i, "has expired, or the clock of this machine is wrong"],
  [/not ?(?:yet ?valid|valid ?yet)/i, "is not valid yet, or the clock of this machine is wrong"],
  [/not ?valid ?for ?name/i, "is for another host"],
  [/revoked/i, "is revoked"],
  [/CaUsedAsEndEntity/, "is an authority's, which a server may not use as its own"],
];

function explained(error: unknown): Failure {
  if (error instanceof ProxyError) return { reason: error.message, persistence: "lasting" };
  const text = wholeMessage(error);
  if (/CA file|certificate store/.test(text)) {
    const reason = `DENO_CERT or DENO_TLS_CA_STORE cannot be used: ${lastClause(text)}`;
    return { reason, persistence: "lasting" };
  }
  // All that goes wrong on the way has this class; what has not is a fault of ours.
  if (!(error instanceof TypeError)) throw error;
  const certificate = /invalid peer certificate: ?(.*)/.exec(text);
  if (certificate !== null) {
    const [, detail] = certificate;
    const fault = CERTIFICATE_FAULTS.find(([pattern]) => pattern.test(detail));
    const reason = fault === undefined
      ? `the server's certificate is not trusted (${detail}); set DENO_CERT to the file of its ` +
        "authority's certificate, or DENO_TLS_CA_STORE=system to trust what this system trusts"
      : `the server's certificate ${fault[1]} (${detail})`;
    return { reason, persistence: "lasting" };
  }
  if (/dns error|failed to lookup address/.test(text)) {
    return {
      reason: `its host is not known (${lastClause(text)})`,
      persistence: /Temporary|Try again/i.test(text) ? "passing" : "lasting",
    };
  }
  if (/Connection refused|actively refused/i.test(text)) {
    return { reason: "its host refuses connections at this port", persistence: "passing" };
  }
  if (/received corrupt message/.test(text)) {
    return {
      reason: "the server does not speak TLS: should it be http:?",
      persistence: "lasting",
    };
  }
  if (/blocked|Invalid URL|unsupported|Url scheme/i.test(text)) {
    return { reason: lastClause(text), persistence: "lasting" };
  }
  return { reason: `the connection failed (${lastClause(text)})`, persistence: "passing" };
}

/** The messages of an error and its causes, as versions of Deno spread them differently. */
function wholeMessage(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) messages.push(cause.message);
  return messages.join(": ").replace(/\s+/g, " ");
}

/** The innermost of what a chain of errors says: what the system said. */
function lastClause(text: string): string {
  const plain = text.replace(/ \(os error \d+\)/g, "");
  return plain.replace(/^.*: (?![^(]*\))/, "").trim().replace(/\.$/, "");
}
