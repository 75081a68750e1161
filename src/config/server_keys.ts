/**
 * Keys of `[server:NAME]` that are not options: those of its endpoint, and those that other servers had
 * there (gevent-fastcgi, Spawning, cogen).
 *
 * @module
 */

/** What `use` can be, and the ports where none is named. */
export const PROTOCOLS = { http: 8000, https: 8443, fastcgi: 5000, mongrel2: 0 } as const;

/** Keys that say where the endpoint of `use = http`, `https` or `fastcgi` is, and what each does. */
export const SOCKET_KEYS = {
  host: "Listen at this host; `*` is every interface",
  port: "Listen at this port",
  socket: "Listen at this unix socket instead; relative to the file",
  socket_mode: "Give the socket this mode, in octal: `0660`",
} as const;

/** Keys that say where the Mongrel2 of `use = mongrel2` is, and what each does. */
export const MONGREL2_KEYS = {
  send_spec: "Take requests from this endpoint",
  recv_spec: "Send replies to this endpoint",
  ident: "Use this identity",
  chroot: "Look for uploads below the folder that Mongrel2 runs in",
  uploads: "Look for uploads in this folder there",
  uploads_start: "Begin requests whose bodies come in files when these are complete, or early",
  route: "Have routes be part of the path, mounts, or mounts that are taken off URLs (strip)",
} as const;

/** What stands for a key of another server. */
export interface Alias {
  /** The option. */
  readonly option: string;
  /** The option's value for the key's. */
  readonly value?: (value: string) => string;
}

/** Keys, with underscores, that are options under other names. */
export const ALIASES: ReadonlyMap<string, Alias> = new Map<string, Alias>([
  ["num_workers", { option: "workers" }],
  ["threadpool_workers", { option: "workers" }],
  ["threads", { option: "workers" }],
  ["num_processes", { option: "processes" }],
  ["deadman_timeout", { option: "drain-timeout" }],
  ["no_keepalive", { option: "no-keep-alive" }],
  ["max_memory", {
    option: "max-worker-memory",
    // Spawning counts in megabytes.
    value: (value) => /^\d+$/.test(value) ? `${value}m` : value,
  }],
  ["max_age", { option: "max-worker-age" }],
  ["request_queue_size", { option: "backlog" }],
  ["dev", { option: "watch" }],
  ["access_log_file", { option: "access-log" }],
  ["chuid", { option: "user" }],
]);

/** Keys, with underscores, that have no option, and why. */
export const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/^server_name$/, "the server's name comes from each request (Host); remove the line"],
  [/^buffer_size$/, "the system's own sizes of socket buffers are better; remove the line"],
  [/^gevent\.monkey\./, "nothing needs patching here; remove the line"],
  [
    /^(?:daemonize|stdout|stderr|coverage|backdoor)$/,
    "left to the service manager and the shell; remove the line",
  ],
  [/^(?:status_port|status_host|sysinfo)$/, "write status = HOST:PORT, which shows it"],
  [
    /^(?:proactor\w*|ops_greedy|sockaccept_greedy|sched_default_\w+)$/,
    "there is one event loop, Deno's; remove the line",
  ],
  [/^(?:sockoper|sendfile)_timeout$/, "write body-timeout, for bodies that make no progress"],
];

/** What to write instead of `use = egg:…`, `call:…` or `config:…`; `null` for other words. */
export function foreignServer(use: string): string | null {
  if (/^egg:gevent[-_]fastcgi#fastcgi$/i.test(use)) {
    return "write use = fastcgi, and in [app:main] use = fastcgi-handler:MODULE";
  }
  if (/^egg:gevent[-_]fastcgi(?:#|$)/i.test(use)) {
    return "for what gevent-fastcgi did, write use = fastcgi";
  }
  if (/^egg:(?:spawning|cogen|paste(?:script)?|waitress|gunicorn)(?:#|$)/i.test(use)) {
    return "for a server of HTTP, write use = http";
  }
  if (/^(?:egg|call|config):/i.test(use)) return "names of Python packages mean nothing here";
  return null;
}
