/**
 * A configuration of nginx.
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

/** What nginx tells an app over FastCGI, by names of its own variables. */
const PARAMS = [
  ["GATEWAY_INTERFACE", "CGI/1.1"],
  ["SERVER_SOFTWARE", "nginx/$nginx_version"],
  ["REQUEST_METHOD", "$request_method"],
  ["REQUEST_URI", "$request_uri"],
  ["REQUEST_SCHEME", "$scheme"],
  ["QUERY_STRING", "$query_string"],
  ["SCRIPT_NAME", "$fastcgi_script_name"],
  ["CONTENT_TYPE", "$content_type"],
  ["CONTENT_LENGTH", "$content_length"],
  ["SERVER_PROTOCOL", "$server_protocol"],
  ["SERVER_NAME", "$server_name"],
  ["SERVER_ADDR", "$server_addr"],
  ["SERVER_PORT", "$server_port"],
  ["REMOTE_ADDR", "$remote_addr"],
  ["REMOTE_PORT", "$remote_port"],
  ["HTTPS", "$https if_not_empty"],
] as const;

/** The configuration, for the block `http`. */
export function nginxConfig(site: Site): string {
  const { backend } = site;
  if (backend === null) {
    throw refusal("nginx", "the endpoint", "give --http, --https or --fastcgi");
  }
  checkTlsBackend("nginx", backend);
  checkGreeting("nginx", backend);
  return [
    heading("nginx", "Put it into the http block, as in /etc/nginx/conf.d/gatehouse.conf."),
    ...trustAdvice(backend),
    ...backend.scheme === "fastcgi" ? [] : [
      "map $http_upgrade $gatehouse_connection {",
      '  "" "";',
      "  default upgrade;",
      "}",
    ],
    "upstream gatehouse {",
    ...indented(1, backend.places.map((place) => `server ${addressOf(place)};`)),
    "  keepalive 32;",
    "}",
    "server {",
    ...indented(1, [
      ...listening(site),
      ...site.name === undefined ? [] : [`server_name ${site.name};`],
      `client_max_body_size ${Number.isFinite(site.maxBodyBytes) ? site.maxBodyBytes : 0};`,
      "",
      ...backend.scheme === "fastcgi" ? fastcgi() : proxying(backend),
      "",
      ...locations(site, backend),
      ...internal(site),
    ]),
    "}",
    "",
  ].join("\n");
}

function addressOf(place: Backend["places"][number]): string {
  return place.transport === "unix"
    ? quoted(`unix:${place.path}`)
    : `${bracketed(place.host)}:${place.port}`;
}

function listening({ address, port, tls }: Site): string[] {
  const end = `${port ?? (tls === undefined ? 80 : 443)}${tls === undefined ? "" : " ssl"};`;
  const lines = address === undefined
    ? [`listen ${end}`, `listen [::]:${end}`]
    : [`listen ${bracketed(address)}:${end}`];
  if (tls === undefined) return lines;
  return [
    ...lines,
    `ssl_certificate ${quoted(tls.certFile)};`,
    `ssl_certificate_key ${quoted(tls.keyFile)};`,
  ];
}

function proxying({ scheme }: Backend): string[] {
  return [
    "proxy_http_version 1.1;",
    "proxy_request_buffering off;",
    "# gatehouse has time limits of its own.",
    "proxy_read_timeout 1h;",
    "proxy_send_timeout 1h;",
    "proxy_set_header Connection $gatehouse_connection;",
    "proxy_set_header Upgrade $http_upgrade;",
    "proxy_set_header Host $http_host;",
    "# What clients say of themselves is replaced.",
    "proxy_set_header X-Forwarded-For $remote_addr;",
    "proxy_set_header X-Forwarded-Proto $scheme;",
    'proxy_set_header X-Forwarded-Host "";',
    'proxy_set_header Forwarded "";',
    "proxy_set_header X-Request-Id $request_id;",
    ...scheme === "https" ? ["proxy_ssl_server_name on;", "proxy_ssl_name $host;"] : [],
  ];
}

function fastcgi(): string[] {
  return [
    "fastcgi_keep_conn on;",
    "fastcgi_request_buffering off;",
    "# gatehouse has time limits of its own.",
    "fastcgi_read_timeout 1h;",
    "fastcgi_send_timeout 1h;",
    ...PARAMS.map(([name, value]) => `fastcgi_param ${name} ${value};`),
  ];
}

function locations({ prefixes }: Site, { scheme }: Backend): string[] {
  const pass = scheme === "fastcgi"
    ? "fastcgi_pass gatehouse;"
    : `proxy_pass ${scheme}://gatehouse;`;
  return prefixes.flatMap((prefix) => [
    ...prefix === "" ? [] : [`location = ${prefix} { ${pass} }`],
    `location ${prefix}/ { ${pass} }`,
  ]);
}

/** The location by which gatehouse names files. */
function internal({ sendfile, prefixes }: Site): string[] {
  if (sendfile === null) return [];
  if (sendfile.name !== "x-accel-redirect") {
    throw refusal("nginx", `--sendfile ${sendfile.name}`, "nginx has x-accel-redirect=/PREFIX=DIR");
  }
  const { prefix, folder } = sendfile;
  if (prefix === "" || prefixes.includes(prefix) || !/^[\w./~-]+$/.test(prefix)) {
    throw refusal(
      "nginx",
      `--sendfile x-accel-redirect=${prefix || "/"}`,
      "it needs a prefix of its own, of letters, digits, dots, dashes and underscores",
    );
  }
  return [
    `location ${prefix}/ {`,
    "  internal;",
    `  alias ${quoted(`${folder === "/" ? "" : folder}/`)};`,
    "}",
  ];
}

/** A value as one word. */
function quoted(value: string): string {
  checkPrintable("nginx", value);
  if (value.includes("$")) {
    throw refusal("nginx", JSON.stringify(value), "nginx takes $ for a variable, always");
  }
  return /^[\w./:@+=-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}
