/**
 * A configuration of Caddy, 2.5 or later.
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

/** The configuration: a Caddyfile. */
export function caddyConfig(site: Site): string {
  const { backend, tls, address, maxBodyBytes } = site;
  if (backend === null) {
    throw refusal("caddy", "the endpoint", "give --http, --https or --fastcgi");
  }
  checkTlsBackend("caddy", backend);
  checkGreeting("caddy", backend);
  const files = sendfile(site);
  return [
    heading(
      "caddy",
      site.name === undefined || site.port !== undefined || tls !== undefined
        ? "It is a Caddyfile."
        : "It is a Caddyfile. Caddy gets a certificate for the name.",
    ),
    ...trustAdvice(backend),
    `${siteAddress(site)} {`,
    ...indented(1, [
      ...address === undefined ? [] : [`bind ${address}`],
      ...tls === undefined ? [] : [`tls ${quoted(tls.certFile)} ${quoted(tls.keyFile)}`],
      ...Number.isFinite(maxBodyBytes) ? ["request_body {", `  max_size ${maxBodyBytes}`, "}"] : [],
      ...passing(site, backend, files),
    ]),
    "}",
    "",
  ].join("\n");
}

function siteAddress({ name = "", port, tls }: Site): string {
  if (tls !== undefined) return `https://${name}:${port ?? 443}`;
  if (name !== "" && port === undefined) return name;
  return `http://${name}:${port ?? 80}`;
}

function passing({ prefixes }: Site, backend: Backend, files: readonly string[]): string[] {
  const proxy = proxying(backend, files);
  // Variables of CGI do not tell an underscore from a dash.
  const guard = backend.scheme === "fastcgi" ? ["request_header -*_*"] : [];
  if (prefixes.includes("")) return [...guard, ...proxy];
  const paths = prefixes.flatMap((prefix) => [prefix, `${prefix}/*`]).join(" ");
  return [...guard, `@gatehouse path ${paths}`, "handle @gatehouse {", ...indented(1, proxy), "}"];
}

function proxying({ scheme, places }: Backend, files: readonly string[]): string[] {
  const upstreams = places.map((place) =>
    place.transport === "unix"
      ? quoted(`unix/${place.path}`)
      : `${scheme === "https" ? "https://" : ""}${bracketed(place.host)}:${place.port}`
  );
  return [
    `reverse_proxy ${upstreams.join(" ")} {`,
    ...indented(1, [
      ...scheme === "fastcgi" ? ["transport fastcgi"] : [],
      ...scheme === "https"
        ? [
          "# The gateway is on this machine.",
          "transport http {",
          "  tls_insecure_skip_verify",
          "}",
        ]
        : [],
      "flush_interval -1",
      // Of the others, Caddy takes nobody's word.
      "header_up -Forwarded",
      "header_up -X-Request-Id",
      ...files,
    ]),
    "}",
  ];
}

function sendfile({ sendfile }: Site): string[] {
  if (sendfile === null) return [];
  if (sendfile.name !== "x-accel-redirect" || !/^(?:\/[\w.~-]+)+$/.test(sendfile.prefix)) {
    throw refusal(
      "caddy",
      `--sendfile ${sendfile.name}`,
      "write x-accel-redirect=/PREFIX=DIR, with letters, digits, dots, dashes and underscores",
    );
  }
  const { prefix, folder } = sendfile;
  return [
    "@file header X-Accel-Redirect *",
    "handle_response @file {",
    ...indented(1, [
      `root * ${quoted(folder)}`,
      "rewrite * {rp.header.X-Accel-Redirect}",
      `uri strip_prefix ${prefix}`,
      "method GET",
      "file_server",
    ]),
    "}",
  ];
}

/** A value as one word. */
function quoted(value: string): string {
  checkPrintable("caddy", value);
  if (/[`{}]/.test(value)) {
    throw refusal("caddy", JSON.stringify(value), "it has a backquote or a brace");
  }
  return /^[\w./:@+=-]+$/.test(value) ? value : `\`${value}\``;
}
