/**
 * The metrics that there are: their names, types and meanings. `docs/monitoring.md` and the dashboard follow
 * this table.
 *
 * @module
 */

/** A metric family (OpenMetrics 1.0, section 4.5). */
export interface MetricFamily {
  /** Its type. */
  readonly type: "counter" | "gauge" | "histogram" | "info";
  /** What it says. */
  readonly help: string;
}

/** The families by their names, in the order of the text. */
export const FAMILIES = {
  gatehouse_build: {
    type: "info",
    help: "Versions of gatehouse and of Deno.",
  },
  gatehouse_processes: {
    type: "gauge",
    help: "Gateway processes, by state.",
  },
  gatehouse_start_time_seconds: {
    type: "gauge",
    help: "When each process was started, in seconds since 1970.",
  },
  gatehouse_requests: {
    type: "counter",
    help: "Requests that have ended, by endpoint, scheme, mount, method and class of status.",
  },
  gatehouse_request_outcomes: {
    type: "counter",
    help: "Requests that have ended, by how: answered, cut off, or their client left.",
  },
  gatehouse_request_duration_seconds: {
    type: "histogram",
    help: "Time from the head of a request to the end of its response.",
  },
  gatehouse_request_body_bytes: {
    type: "counter",
    help: "Bytes of the bodies of requests that have ended.",
  },
  gatehouse_response_body_bytes: {
    type: "counter",
    help: "Bytes of the bodies of responses that have ended.",
  },
  gatehouse_requests_in_flight: {
    type: "gauge",
    help: "Requests without a complete answer.",
  },
  gatehouse_connections: {
    type: "gauge",
    help: "Open connections; for Mongrel2, clients with a request under way.",
  },
  gatehouse_connections_accepted: {
    type: "counter",
    help: "Connections that were accepted.",
  },
  gatehouse_queue_length: {
    type: "gauge",
    help: "Requests that wait for a worker to be free.",
  },
  gatehouse_queue_waits: {
    type: "counter",
    help: "Requests that had to wait for a worker to be free.",
  },
  gatehouse_queue_wait_seconds: {
    type: "counter",
    help: "Time that they have waited, in all.",
  },
  gatehouse_ring_stalls: {
    type: "counter",
    help: "Times that something for a worker found no room in its ring.",
  },
  gatehouse_requests_turned_away: {
    type: "counter",
    help: "Requests that got 503 since a worker had too much that it had not read.",
  },
  gatehouse_workers: {
    type: "gauge",
    help: "Workers, by state.",
  },
  gatehouse_worker_restarts: {
    type: "counter",
    help: "Workers that others took the place of, by the reason. Those that hung are among them.",
  },
  gatehouse_worker_hangs: {
    type: "counter",
    help: "Workers that were ended because their threads were blocked.",
  },
  gatehouse_worker_requests_in_flight: {
    type: "gauge",
    help: "Requests that a worker has not answered.",
  },
  gatehouse_worker_memory_bytes: {
    type: "gauge",
    help: "Memory of a worker's own: its heap and its buffers.",
  },
  gatehouse_worker_event_loop_delay_seconds: {
    type: "gauge",
    help:
      "How long a worker took for its last sign of life, which it gives when its thread is free.",
  },
  gatehouse_generation: {
    type: "gauge",
    help: "Number of the generation of workers that serves, from 1.",
  },
  gatehouse_reloads: {
    type: "counter",
    help: "Reloads of the apps, by outcome.",
  },
  gatehouse_memory_bytes: {
    type: "gauge",
    help: "Memory of a process: all of it (kind rss), and the gateway's own heap (kind heap).",
  },
  gatehouse_event_loop_delay_seconds: {
    type: "gauge",
    help:
      "By how much the gateway's event loop was late in the last 15 s: on average, at the most.",
  },
  gatehouse_websockets: {
    type: "gauge",
    help: "Connections that go on in another protocol in a worker, such as WebSockets.",
  },
  gatehouse_signal_waiters: {
    type: "gauge",
    help: "Names of signals that workers wait for, counted once for each worker.",
  },
  gatehouse_topic_followers: {
    type: "gauge",
    help: "Topics that workers follow, counted once for each worker.",
  },
  gatehouse_signal_records: {
    type: "counter",
    help: "What workers said to the hub of signals and topics.",
  },
  gatehouse_fastcgi_requests: {
    type: "counter",
    help: "FastCGI requests that were admitted.",
  },
  gatehouse_fastcgi_overloads: {
    type: "counter",
    help: "FastCGI requests that got FCGI_OVERLOADED (--max-reqs, --max-conns).",
  },
  gatehouse_fastcgi_strangers: {
    type: "counter",
    help: "Connections of peers that FCGI_WEB_SERVER_ADDRS does not have.",
  },
  gatehouse_mongrel2_messages: {
    type: "counter",
    help: "Messages from Mongrel2, by kind; those that are malformed are counted beside.",
  },
  gatehouse_mongrel2_malformed: {
    type: "counter",
    help: "Messages from Mongrel2 that could not be read.",
  },
  gatehouse_mongrel2_replies: {
    type: "counter",
    help: "Messages to Mongrel2.",
  },
  gatehouse_mongrel2_link_up: {
    type: "gauge",
    help: "1 while the dispatcher has the process as a handler.",
  },
  gatehouse_mongrel2_link_requests: {
    type: "counter",
    help: "Requests that came over the dispatcher.",
  },
  gatehouse_mongrel2_link_losses: {
    type: "counter",
    help: "How often the dispatcher was lost, or took the process for dead.",
  },
  gatehouse_dispatch_handlers: {
    type: "gauge",
    help: "Handlers of a dispatcher, by state: serving, leaving, or set aside.",
  },
  gatehouse_dispatch_capacity: {
    type: "gauge",
    help: "Requests that the handlers of a dispatcher take at a time, all together.",
  },
  gatehouse_dispatch_requests_in_flight: {
    type: "gauge",
    help: "Requests that a handler has and has not answered.",
  },
  gatehouse_dispatch_queue_length: {
    type: "gauge",
    help: "Requests that wait for a handler.",
  },
  gatehouse_dispatch_held_bytes: {
    type: "gauge",
    help:
      "Bytes of requests that a dispatcher keeps: waiting ones, and ones that may be given again.",
  },
  gatehouse_dispatch_answers: {
    type: "counter",
    help: "Requests that were answered: by a handler, or by the dispatcher with 502, 503 or 504.",
  },
  gatehouse_dispatch_queued: {
    type: "counter",
    help: "Requests that had to wait for a handler.",
  },
  gatehouse_dispatch_closed: {
    type: "counter",
    help: "Connections that a dispatcher has closed, those after its 502, 503 and 504 included.",
  },
  gatehouse_dispatch_redispatched: {
    type: "counter",
    help: "Clients whose requests were given to another handler.",
  },
  gatehouse_dispatch_returned: {
    type: "counter",
    help: "Requests that a handler has given back untouched.",
  },
  gatehouse_dispatch_dropped: {
    type: "counter",
    help: "Messages of handlers that were dropped: late, misdirected, malformed, or of a stranger.",
  },
  gatehouse_dispatch_handler_events: {
    type: "counter",
    help: "Handlers that have joined, were refused, have left, or have died.",
  },
  gatehouse_dispatch_missed_pings: {
    type: "counter",
    help: "Handlers that were taken for dead since they did not answer a ping.",
  },
  gatehouse_dispatch_overdue: {
    type: "counter",
    help: "Requests that a handler was told to give up since its answer took too long.",
  },
} as const satisfies Readonly<Record<string, MetricFamily>>;

/** The name of a family. */
export type FamilyName = keyof typeof FAMILIES;
