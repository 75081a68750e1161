/**
 * What is known of a request at its end, and who wants to know it.
 *
 * @module
 */

import type { EndpointKind, RequestHead } from "../message/exchange.ts";
import { RequestHead as Head } from "../message/exchange.ts";
import { clientOf } from "../message/client.ts";
import { latin1Text } from "../message/fields.ts";
import { requestIdOf } from "../message/request_id.ts";

/**
 * How a request ended: its answer was handed to the system in full; the gateway or its app gave the answer up
 * before it was complete; or the client went away before it had it.
 */
export type Outcome = "answered" | "cut off" | "client left";

/** Status of a request that ended without any answer. */
export const NO_STATUS = 0;
/** A time that never came. */
export const NEVER_MS = -1;

/** The place of a request in a trace. */
export interface RequestTrace {
  /** Number of the trace, 32 hexadecimal digits. */
  readonly traceId: string;
  /** Number of the request's span, 16 hexadecimal digits. */
  readonly spanId: string;
  /** Number of the span of its app, which the app is told. */
  readonly appSpanId: string;
  /** Number of the span that it is part of; `""` if it begins the trace. */
  readonly parentId: string;
  /** The vendors' state, as it came; of more than 512 characters, the first members. */
  readonly state: string;
}

/**
 * What is known of a request at its end. It is the same object for each request: who wants to keep something
 * of it takes that before {@linkcode RequestObserver.onEnd} returns. Its times are exact to one turn of the
 * gateway's thread, less than a millisecond.
 */
export class RequestRecord {
  /** The request's head, with its bytes. Of a request that was refused, it has what could be read. */
  head: RequestHead = new Head();
  /** The path prefix that it belongs to, `"/"` for the root, and `""` if it belongs to none. */
  mount = "";
  /** Status of the response; {@linkcode NO_STATUS} if there was none. */
  status: number = NO_STATUS;
  /** Bytes of the request's body that have come, without their framing. Of WebSockets: of what the client sent. */
  bytesIn = 0;
  /** Bytes of the response's body, without its framing. Of WebSockets: of what the client was sent. */
  bytesOut = 0;
  /** When it began, in milliseconds since 1970. */
  startedAtMs = 0;
  /** When its response began, in milliseconds since its start; {@linkcode NEVER_MS} if it did not. */
  firstByteMs: number = NEVER_MS;
  /** How long it took, in milliseconds. */
  durationMs = 0;
  /** How long it waited for a worker to be free, in milliseconds. */
  queuedMs = 0;
  /** Number of the worker that had it, from 1; 0 if none had. */
  worker = 0;
  /** Generation of that worker, from 1; 0 if no worker had it. */
  generation = 0;
  /** Whether an app had it, in a worker or on the gateway's own thread. */
  reachedApp = false;
  /** Its place in a trace, if that is recorded. */
  trace: RequestTrace | null = null;
  /** How it ended. */
  outcome: Outcome = "answered";

  /** The protocol that it came in over. */
  get endpoint(): EndpointKind {
    return this.head.peer.endpoint;
  }

  /** Scheme of the request's URL. */
  get scheme(): "http" | "https" {
    return this.head.peer.scheme;
  }

  /** Its method; `""` if that could not be read. */
  get method(): string {
    return this.head.method;
  }

  /** The target as the client sent it, a code unit a byte; `""` if it could not be read. */
  get target(): string {
    const { block, targetStart, targetEnd } = this.head;
    return latin1Text(block, targetStart, targetEnd);
  }

  /** Name and version of the client's protocol. */
  get protocol(): string {
    return this.head.minorVersion === 0 ? "HTTP/1.0" : "HTTP/1.1";
  }

  /** Its id: what a trusted proxy has given it, or else the gateway's own. */
  get requestId(): string {
    return requestIdOf(this.head);
  }

  /** The client's address without a port; `""` if it is not known. */
  get client(): string {
    const client = clientOf(this.head);
    return "hostname" in client ? client.hostname : "";
  }
}

/** Is told of requests. It works for all of them, so it has to be quick. */
export interface RequestObserver {
  /**
   * Whether it can be told a moment later, of many requests one after another: that costs less. Absent: it is told
   * at once.
   */
  readonly isPatient?: boolean;
  /** A request has ended; the record is borrowed. */
  onEnd(record: RequestRecord): void;
  /** There is a pause: others will come later, if any. Only patient ones are told. */
  onPause?(): void;
}

/** Gives requests their places in traces. */
export interface RequestTracer extends RequestObserver {
  /** A request begins; its head, whose bytes are its own, may be changed. `null` if it is not recorded. */
  begin(head: RequestHead): RequestTrace | null;
}
