/**
 * A configuration of HAProxy, 2.5 or later.
 *
 * @module
 */

import type { Backend, Site } from "./site.ts";
import {
  bracketed,
  checkPrintable,
  checkTlsBackend,
  heading,
  indented,
  refusal,
  trustAdvice,
} from "./site.ts";

/** The configuration: a frontend and a backend. */
export function haproxyConfig(site: Site): string {
  const { backend, health, sendfile, name, prefixes } = site;
  if (backend === null) {
    throw refusal("haproxy", "the endpoint", "give --http, --https or --fastcgi");
  }
  checkTlsBackend("haproxy", backend);
  if (sendfile !== null) {
    throw refusal("haproxy", `--sendfile ${sendfile.name}`, "HAProxy sends no files");
  }
  const conditions = [
    ...name === undefined ? [] : ["gatehouse_host"],
    ...prefixes.includes("") ? [] : ["gatehouse_path"],
  ];
  const isFastCgi = backend.scheme === "fastcgi";
  return [
    heading("haproxy", "Add it to /etc/haproxy/haproxy.cfg."),
    ...trustAdvice(backend),
    "frontend gatehouse",
    ...indented(1, [
      "mode http",
      ...binding(site),
      "timeout client 1h",
      "timeout http-request 30s",
      ...hostRule(name),
      ...prefixes.filter((prefix) => prefix !== "").flatMap((prefix) => [
        `acl gatehouse_path path ${prefix}`,
        `acl gatehouse_path path_beg ${prefix}/`,
      ]),
      "# What clients say of themselves is replaced.",
      ...["forwarded", "x-forwarded-for", "x-forwarded-host", "x-request-id"].map((field) =>
        `http-request del-header ${field}`
      ),
      "http-request set-header x-forwarded-proto %[ssl_fc,iif(https,http)]",
      "option forwardfor",
      conditions.length === 0
        ? "default_backend gatehouse"
        : `use_backend gatehouse if ${conditions.join(" ")}`,
    ]),
    ...isFastCgi ? ["fcgi-app gatehouse", ...indented(1, ["docroot /", "option keep-conn"])] : [],
    "backend gatehouse",
    ...indented(1, [
      "mode http",
      ...isFastCgi ? ["use-fcgi-app gatehouse"] : [],
      "timeout connect 5s",
      "# gatehouse has time limits of its own.",
      "timeout server 1h",
      "timeout tunnel 1h",
      ...health === null ? [] : CHECKS,
      ...backend.places.map((place, index) =>
        `server gatehouse${index + 1} ${addressOf(place)}${SERVER_END[backend.scheme]}${
          backend.greeting === undefined ? "" : " send-proxy-v2"
        }${health === null ? "" : ` check addr ${health.host} port ${health.port}`}`
      ),
    ]),
    "",
  ].join("\n");
}

/** How it is asked whether the gateway is ready. */
const CHECKS: readonly string[] = [
  "# It is noticed within 2 s: start gatehouse with --drain-delay 5.",
  "option httpchk",
  "http-check send meth GET uri /readyz ver HTTP/1.1 hdr host localhost",
  "http-check expect status 200",
  "default-server check-proto h1 inter 1s fall 2 rise 1",
  "option redispatch 1",
];

/** What servers of each protocol have after their addresses. */
const SERVER_END: Readonly<Record<Backend["scheme"], string>> = {
  http: "",
  // It is on this machine.
  https: " ssl verify none",
  fastcgi: " proto fcgi",
};

function binding({ address, port, tls }: Site): string[] {
  const end = `:${port ?? (tls === undefined ? 80 : 443)}${certificate(tls)}`;
  return address === undefined
    ? [`bind 0.0.0.0${end}`, `bind [::]${end} v6only`]
    : [`bind ${bracketed(address)}${end}`];
}

function certificate(tls: Site["tls"]): string {
  if (tls === undefined) return "";
  const { certFile, keyFile } = tls;
  if (keyFile !== certFile && keyFile !== `${certFile}.key`) {
    throw refusal(
      "haproxy",
      `--key ${keyFile}`,
      `HAProxy looks for the key in the certificate's file, or in ${certFile}.key`,
    );
  }
  return ` ssl crt ${quoted(certFile)}`;
}

function hostRule(name: string | undefined): string[] {
  if (name === undefined) return [];
  return name.startsWith("*.")
    ? [`acl gatehouse_host req.hdr(host),host_only -m end -i ${name.slice(1)}`]
    : [`acl gatehouse_host req.hdr(host),host_only -i ${name}`];
}

function addressOf(place: Backend["places"][number]): string {
  if (place.transport === "tcp") return `${bracketed(place.host)}:${place.port}`;
  if (/^[\w./@+=-]+$/.test(place.path)) return `unix@${place.path}`;
  throw refusal("haproxy", JSON.stringify(place.path), "HAProxy reads variables in addresses");
}

/** A value as one word: nothing means anything between these quotes. */
function quoted(value: string): string {
  checkPrintable("haproxy", value);
  return /^[\w./:@+=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
