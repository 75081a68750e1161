/**
 * An exchange whose response is compressed on its way, if its client, its status and its fields allow it.
 *
 * @module
 */

import { utf8Length } from "../base/text.ts";
import { latin1Text } from "../message/fields.ts";
import type { DirectOutput } from "../message/exchange.ts";
import type { Log } from "../base/log.ts";
import type {
  Exchange,
  ExchangeReceiver,
  RequestHead,
  ResponseHead,
  UpgradeHead,
  WorkerPlace,
} from "../message/exchange.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "../message/exchange.ts";
import type { RequestTerms } from "./codec/request_terms.ts";
import type { ResponsePlan, ResponsePlans } from "./codec/response_plan.ts";
import type { CodedParts } from "./coded_response.ts";
import { StreamedResponse, WholeResponse } from "./coded_response.ts";
import type { BodyEncoder } from "./compressor.ts";
import { MAX_PART_BYTES } from "./frames.ts";

const encoder = new TextEncoder();

const PARTIAL_CONTENT = 206;
const NOT_MODIFIED = 304;
/** Statuses of responses without content. */
const EMPTY_STATUSES: readonly number[] = [204, 205, NOT_MODIFIED];

/** What all exchanges have in common. */
export interface CompressionParts {
  /** Who encodes the next body. */
  readonly encoder: BodyEncoder;
  /** What becomes of field lines. */
  readonly plans: ResponsePlans;
  /** Shorter bodies, whose length is known, are sent as they are, in bytes. */
  readonly minBytes: number;
  /** Takes messages about responses that break. */
  readonly log: Log;
}

/** Stands between an exchange and its handler. */
export class CompressedExchange implements Exchange {
  readonly #inner: Exchange;
  readonly #terms: RequestTerms;
  readonly #parts: CompressionParts;
  #whole: WholeResponse | null = null;
  #streamed: StreamedResponse | null = null;

  /** Stands before `inner`, whose request says `terms`. */
  constructor(inner: Exchange, terms: RequestTerms, parts: CompressionParts) {
    this.#inner = inner;
    this.#terms = terms;
    this.#parts = parts;
  }

  get head(): RequestHead {
    return this.#inner.head;
  }

  get receiver(): ExchangeReceiver {
    return (this.#streamed ?? this.#whole ?? this.#inner).receiver;
  }

  set receiver(receiver: ExchangeReceiver) {
    (this.#streamed ?? this.#whole ?? this.#inner).receiver = receiver;
  }

  get reportSent(): boolean {
    return this.#inner.reportSent;
  }

  set reportSent(isWanted: boolean) {
    this.#inner.reportSent = isWanted;
  }

  get congested(): boolean {
    // What is encoded is held back by its window.
    return this.#streamed === null && this.#inner.congested;
  }

  get direct(): DirectOutput | null {
    // What is encoded here has windows of its own.
    return this.#streamed === null && this.#whole === null ? this.#inner.direct ?? null : null;
  }

  onRouted(prefix: string | null): void {
    this.#inner.onRouted?.(prefix);
  }

  onQueued(): void {
    this.#inner.onQueued?.();
  }

  onGiven(place: WorkerPlace): void {
    this.#inner.onGiven?.(place);
  }

  grant(bytes: number): void {
    this.#inner.grant(bytes);
  }

  grantData(bytes: number): void {
    this.#inner.grantData(bytes);
  }

  reportFault(text: string): void {
    this.#inner.reportFault(text);
  }

  inform(status: number, fieldLines: string): void {
    this.#inner.inform(status, fieldLines);
  }

  upgrade(head: UpgradeHead): void {
    this.#inner.upgrade(head);
  }

  respond(head: ResponseHead, body: Uint8Array | string | null): void {
    const { fieldLines } = head;
    const lines = typeof fieldLines === "string"
      ? fieldLines
      : latin1Text(fieldLines, 0, fieldLines.length);
    const plan = this.#parts.plans.planOf(lines);
    if (!plan.isEligible || head.status === NOT_MODIFIED) {
      this.#pass(head, body, this.#isWeak(head.status, plan) ? plan.weak : plan.plain);
      return;
    }
    const { method } = this.#inner.head;
    const length = lengthOf(method, head, body, plan);
    const { coding, refusesIdentity } = this.#terms.acceptance;
    const isLarge = length >= this.#parts.minBytes || length === UNKNOWN_LENGTH || refusesIdentity;
    if (coding === null || !isLarge || !this.#hasContent(head.status, length)) {
      this.#pass(head, body, plan.plain);
      return;
    }
    if (method === "HEAD") {
      // Of what GET would get, only the length is not known (RFC 9110 9.3.2).
      if (length === UNKNOWN_LENGTH) this.#pass(head, body, plan.plain);
      else this.#pass({ ...head, bodyLength: UNKNOWN_LENGTH }, null, plan.coded(coding));
      return;
    }
    const { encoder: bodies, log } = this.#parts;
    if (bodies.isBusy) {
      this.#pass(head, body, plan.plain);
      return;
    }
    const parts: CodedParts = {
      exchange: this.#inner,
      receiver: this.#inner.receiver,
      encoder: bodies,
      coding,
      plan,
      log,
    };
    // It may be borrowed, and a text has to be bytes.
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    if (head.bodyLength === WHOLE_BODY && length <= MAX_PART_BYTES) {
      const demand = refusesIdentity ? "demanded" : "preferred";
      this.#whole = new WholeResponse(parts, head, bytes!.slice(), demand);
      return;
    }
    const bodyLength = head.bodyLength === WHOLE_BODY ? length : head.bodyLength;
    this.#streamed = new StreamedResponse(parts, { ...head, bodyLength });
    this.#streamed.begin({ ...head, fieldLines: plan.coded(coding), bodyLength: UNKNOWN_LENGTH });
    if (bytes !== null) this.#streamed.write(bytes);
  }

  write(chunk: Uint8Array): void {
    if (this.#streamed !== null) this.#streamed.write(chunk);
    else if (this.#whole === null) this.#inner.write(chunk);
  }

  end(trailerLines?: string): void {
    if (this.#streamed !== null) this.#streamed.end(trailerLines ?? "");
    else if (this.#whole === null) this.#inner.end(trailerLines);
  }

  fail(status: number, fieldLines?: string): void {
    if (this.#streamed !== null) this.#streamed.fail(status);
    else if (this.#whole === null) this.#inner.fail(status, fieldLines);
  }

  #pass(head: ResponseHead, body: Uint8Array | string | null, fieldLines: string): void {
    this.#inner.respond({ ...head, fieldLines }, body);
  }

  #hasContent(status: number, length: number): boolean {
    return length !== 0 && status !== PARTIAL_CONTENT && !EMPTY_STATUSES.includes(status) &&
      this.#inner.head.role !== "authorizer";
  }

  /** Whether this says that a response is not modified that the client has compressed (RFC 9110 15.4.5). */
  #isWeak(status: number, { strongTag }: ResponsePlan): boolean {
    const { weakTags } = this.#terms;
    return status === NOT_MODIFIED && strongTag !== null && weakTags !== null &&
      weakTags.includes(`W/${strongTag}`);
  }
}

/** The length of the body, or what would be that of GET's (RFC 9110 8.6). */
function lengthOf(
  method: string,
  { bodyLength }: ResponseHead,
  body: Uint8Array | string | null,
  { declaredLength }: ResponsePlan,
): number {
  if (bodyLength === UNKNOWN_LENGTH) return declaredLength;
  if (bodyLength !== WHOLE_BODY) return bodyLength;
  if (body === null || body.length === 0) return method === "HEAD" ? declaredLength : 0;
  return typeof body === "string" ? utf8Length(body) : body.length;
}
