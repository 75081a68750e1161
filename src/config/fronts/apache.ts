/**
 * A configuration of the Apache HTTP Server, 2.4.47 or later.
 *
 * @module
 */

import type { Backend, Site } from "./site.ts";
import {
  bracketed,
  checkGreeting,
  checkPrintable,
  checkTlsBackend,
  heading,
  indented,
  refusal,
  trustAdvice,
} from "./site.ts";

/** Longest time that a connection to the gateway is kept while it is idle, in seconds. */
const KEPT_SECONDS = 60;

/** Fields in which a client could pass for somebody else, or its request for another one. */
const CLAIMS = [
  "Forwarded",
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
  "X-Request-Id",
];

/** The configuration: a virtual host. */
export function apacheConfig(site: Site): string {
  const { backend, tls, name, address } = site;
  if (backend === null) {
    throw refusal("apache", "the endpoint", "give --http, --https or --fastcgi");
  }
  checkTlsBackend("apache", backend);
  checkGreeting("apache", backend);
  if (site.sendfile !== null) {
    throw refusal(
      "apache",
      `--sendfile ${site.sendfile.name}`,
      "Apache sends files for others only with a module that is not its own (mod_xsendfile)",
    );
  }
  if (backend.places.length > 1) {
    throw refusal(
      "apache",
      "--processes on unix sockets",
      "it would need a balancer; use a port, which processes share",
    );
  }
  const port = site.port ?? (tls === undefined ? 80 : 443);
  const where = address === undefined ? "*" : bracketed(address);
  return [
    heading(
      "apache",
      `Put it into sites-available, and enable its modules: a2enmod ${
        modules(site, backend).join(" ")
      }`,
    ),
    ...trustAdvice(backend),
    ...[80, 443].includes(port)
      ? []
      : [`Listen ${address === undefined ? "" : `${where}:`}${port}`],
    `<VirtualHost ${where}:${port}>`,
    ...indented(1, [
      ...name === undefined
        ? []
        : name.startsWith("*.")
        ? [`ServerName ${name.slice(2)}`, `ServerAlias ${name}`]
        : [`ServerName ${name}`],
      ...tls === undefined ? [] : [
        "SSLEngine On",
        `SSLCertificateFile ${quoted(tls.certFile)}`,
        `SSLCertificateKeyFile ${quoted(tls.keyFile)}`,
      ],
      "AllowEncodedSlashes NoDecode",
      `LimitRequestBody ${Number.isFinite(site.maxBodyBytes) ? site.maxBodyBytes : 0}`,
      "# What clients say of themselves is replaced.",
      ...CLAIMS.map((field) => `RequestHeader unset ${field} early`),
      ...backend.scheme === "fastcgi" ? [] : proxying(backend),
      ...site.prefixes.flatMap((prefix) => location(site, backend, prefix)),
    ]),
    "</VirtualHost>",
    "",
  ].join("\n");
}

function modules({ tls }: Site, { scheme }: Backend): string[] {
  return [
    "env",
    "headers",
    "proxy",
    scheme === "fastcgi" ? "proxy_fcgi" : "proxy_http",
    ...tls !== undefined || scheme === "https" ? ["ssl"] : [],
  ];
}

function proxying({ scheme }: Backend): string[] {
  return [
    'RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"',
    "ProxyPreserveHost On",
    ...scheme === "https"
      ? [
        "# The gateway is on this machine.",
        "SSLProxyEngine On",
        "SSLProxyVerify none",
        "SSLProxyCheckPeerName Off",
        "SSLProxyCheckPeerCN Off",
        "SSLProxyCheckPeerExpire Off",
      ]
      : [],
  ];
}

function location({ idleTimeoutMs }: Site, { scheme, places }: Backend, prefix: string): string[] {
  const [place] = places;
  const protocol = scheme === "fastcgi" ? "fcgi" : scheme;
  const path = prefix === "" ? "/" : prefix;
  const url = place.transport === "unix"
    ? `unix:${socketPath(place.path)}|${protocol}://localhost${path}`
    : `${protocol}://${bracketed(place.host)}:${place.port}${path}`;
  const idle = idleTimeoutMs === 0 ? Infinity : Math.floor(idleTimeoutMs / 2_000);
  // gatehouse must not close a connection that Apache is about to use, and has time limits of its own.
  const options = `ttl=${Math.max(1, Math.min(KEPT_SECONDS, idle))} timeout=3600 flushpackets=on`;
  return [
    `<Location "${path}">`,
    ...indented(
      1,
      scheme === "fastcgi"
        ? [
          `ProxyPass "${url}" enablereuse=on ${options}`,
          "CGIPassAuth On",
          "SetEnv ap_trust_cgilike_cl 1",
        ]
        : [`ProxyPass "${url}" nocanon upgrade=websocket ${options}`],
    ),
    "</Location>",
  ];
}

/** The path of a socket, which is read as a part of a URL. */
function socketPath(path: string): string {
  if (/^[\w./@+=-]+$/.test(path)) return path;
  throw refusal("apache", JSON.stringify(path), "Apache reads the path of a socket as a URL");
}

/** A value as one word. */
function quoted(value: string): string {
  checkPrintable("apache", value);
  if (value.includes("${")) {
    throw refusal("apache", JSON.stringify(value), "Apache takes ${ for a definition, always");
  }
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}
