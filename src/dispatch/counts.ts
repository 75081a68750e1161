/**
 * What a dispatcher counts.
 *
 * @module
 */

/** How often what has happened. */
export interface DispatchCounts {
  /** Messages of Mongrel2, or of another dispatcher. */
  messages: number;
  /** Those of them that could not be read. */
  malformed: number;
  /** Those of them that are requests. */
  requests: number;
  /** Those of them that say something about a client. */
  notices: number;
  /** Replies that were passed on. */
  replies: number;
  /** Requests whose answers are complete. */
  answered: number;
  /** Requests that had to wait for a handler. */
  queued: number;
  /** Clients whose requests were given to another handler. */
  redispatched: number;
  /** Requests that handlers have given back untouched. */
  returned: number;
  /** Requests that got 502, since their handler died. */
  badGateway: number;
  /** Requests that got 504, since their handler did not begin to answer them in time. */
  gatewayTimeout: number;
  /** Requests that were given up since their handler took too long. */
  overdue: number;
  /** Requests that got 503, since no handler took them. */
  unavailable: number;
  /** Connections that were closed, those after a 502, 503 or 504 included. */
  closed: number;
  /** Those of them that had asked too much ahead, or sent more than their handler read. */
  overflows: number;
  /** Replies, and ends of answers, to requests that their handler did not have any more. */
  lateReplies: number;
  /** Replies to others than the clients of their requests. */
  misdirected: number;
  /** Messages of handlers that could not be read. */
  malformedOfHandlers: number;
  /** Messages of those that have not said who they are. */
  strangers: number;
  /** Handlers that have come, and those that were refused. */
  joined: number;
  refusedHandlers: number;
  /** Handlers that have said that they leave. */
  left: number;
  /** Handlers that have ended, or fell silent, before they had left. */
  died: number;
  /** Handlers that did not answer a ping in time. */
  missedPings: number;
}

/** Counts of which all are 0. */
export function newCounts(): DispatchCounts {
  return {
    messages: 0,
    malformed: 0,
    requests: 0,
    notices: 0,
    replies: 0,
    answered: 0,
    queued: 0,
    redispatched: 0,
    returned: 0,
    badGateway: 0,
    gatewayTimeout: 0,
    overdue: 0,
    unavailable: 0,
    closed: 0,
    overflows: 0,
    lateReplies: 0,
    misdirected: 0,
    malformedOfHandlers: 0,
    strangers: 0,
    joined: 0,
    refusedHandlers: 0,
    left: 0,
    died: 0,
    missedPings: 0,
  };
}
