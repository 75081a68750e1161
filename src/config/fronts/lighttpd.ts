/**
 * A configuration of lighttpd, 1.4.56 or later.
 *
 * @module
 */

import type { Backend, Site } from "./site.ts";
import {
  bracketed,
  checkGreeting,
  checkPrintable,
  heading,
  indented,
  refusal,
  trustAdvice,
} from "./site.ts";

/** The configuration: what is added to that of a server. */
export function lighttpdConfig(site: Site): string {
  const { backend, tls, sendfile } = site;
  if (backend === null || backend.scheme === "https") {
    throw refusal("lighttpd", "the endpoint", "lighttpd speaks --http and --fastcgi");
  }
  checkGreeting("lighttpd", backend);
  const isFastCgi = backend.scheme === "fastcgi";
  if (sendfile !== null && (!isFastCgi || sendfile.name === "x-accel-redirect")) {
    throw refusal(
      "lighttpd",
      `--sendfile ${sendfile.name}`,
      "lighttpd has x-sendfile and x-lighttpd-send-file, over --fastcgi",
    );
  }
  const modules = [
    isFastCgi ? "mod_fastcgi" : "mod_proxy",
    ...isFastCgi ? [] : ["mod_setenv"],
    ...tls === undefined ? [] : ["mod_openssl"],
  ];
  return [
    heading(
      "lighttpd",
      tls === undefined
        ? "Put it into conf-enabled."
        : "Put it into conf-enabled. Debian has TLS in the package lighttpd-mod-openssl.",
    ),
    ...trustAdvice(backend),
    `server.modules += ( ${modules.map(quoted).join(", ")} )`,
    ...sockets(site).flatMap((socket) =>
      socket === null ? inside(site, backend) : [
        `$SERVER["socket"] == ${quoted(socket)} {`,
        ...indented(1, [...encrypted(site), ...inside(site, backend)]),
        "}",
      ]
    ),
    "",
  ].join("\n");
}

/** The sockets that the site is on; `null` for those that the server has anyway. */
function sockets({ address, port, tls }: Site): (string | null)[] {
  if (address === undefined && port === undefined && tls === undefined) return [null];
  const end = `:${port ?? (tls === undefined ? 80 : 443)}`;
  return address === undefined ? [`0.0.0.0${end}`, `[::]${end}`] : [`${bracketed(address)}${end}`];
}

function encrypted({ tls }: Site): string[] {
  if (tls === undefined) return [];
  return [
    'ssl.engine = "enable"',
    `ssl.pemfile = ${quoted(tls.certFile)}`,
    `ssl.privkey = ${quoted(tls.keyFile)}`,
  ];
}

function inside(
  { name, prefixes, sendfile, maxBodyBytes }: Site,
  backend: Backend,
): string[] {
  const pattern = (text: string) => text.replace(/[.~-]/g, "\\$&");
  const conditions = [
    ...name === undefined ? [] : [
      `$HTTP["host"] =~ "^${name.replaceAll(".", "\\.").replace("*", ".+")}(?::\\d+)?$" {`,
    ],
    ...prefixes.includes("") ? [] : [
      `$HTTP["url"] =~ "^(?:${prefixes.map(pattern).join("|")})(?:/|$|\\?)" {`,
    ],
  ];
  const innermost = [
    "server.stream-response-body = 2",
    // It counts in KiB.
    ...Number.isFinite(maxBodyBytes)
      ? [`server.max-request-size = ${Math.ceil(maxBodyBytes / 1_024)}`]
      : [],
    ...backend.scheme === "fastcgi"
      ? fastcgi(backend, sendfile === null ? "gateway" : "front")
      : proxying(backend),
  ];
  return conditions.reduceRight(
    (lines, condition) => [condition, ...indented(1, lines), "}"],
    innermost,
  );
}

function proxying(backend: Backend): string[] {
  return [
    'proxy.header = ( "upgrade" => "enable" )',
    "# What clients say of themselves is replaced.",
    "setenv.set-request-header = (",
    ...indented(1, [
      '"Forwarded" => "", "X-Forwarded-For" => "", "X-Forwarded-Host" => "",',
      '"X-Forwarded-Proto" => "", "X-Request-Id" => ""',
    ]),
    ")",
    `proxy.server = ( "/" => ( ${
      backend.places.map((place) => `( ${hostOf(place)} )`).join(", ")
    } ) )`,
  ];
}

function fastcgi(backend: Backend, filesBy: "gateway" | "front"): string[] {
  const settings = [
    '"check-local" => "disable"',
    '"fix-root-scriptname" => "enable"',
    ...filesBy === "front" ? ['"x-sendfile" => "enable"'] : [],
  ].join(", ");
  return [
    'fastcgi.server = ( "/" => (',
    ...indented(1, backend.places.map((place) => `( ${hostOf(place)}, ${settings} ),`)),
    ") )",
  ];
}

function hostOf(place: Backend["places"][number]): string {
  return place.transport === "unix"
    ? `"socket" => ${quoted(place.path)}`
    : `"host" => ${quoted(place.host)}, "port" => ${place.port}`;
}

/** A value as one word. */
function quoted(value: string): string {
  checkPrintable("lighttpd", value);
  if (value.includes("\\")) {
    throw refusal("lighttpd", JSON.stringify(value), "it has a backslash");
  }
  return `"${value.replaceAll('"', '\\"')}"`;
}
