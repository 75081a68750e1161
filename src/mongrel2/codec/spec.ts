/**
 * How a handler finds its Mongrel2, as text.
 *
 * @module
 */

import { ConfigError } from "../../base/errors.ts";
import { oneOf, settingsOf } from "../../base/key_values.ts";
import type { SettingFault } from "../../base/key_values.ts";

/**
 * What the route of Mongrel2 is to apps, as far as its pattern is fixed: part of the path, or their mount, and
 * whether that is taken off the URLs that they get.
 */
export type RouteUse = "path" | "mount" | "strip";

/** When a request begins whose body comes in a file: when the file is complete, or as soon as it is there. */
export type UploadStart = "complete" | "early";

/** Where a handler connects to, and what it needs to know about the server. */
export interface Mongrel2Spec {
  /** Endpoint that Mongrel2 sends requests at. */
  readonly send: string;
  /** Endpoint that Mongrel2 receives replies at. */
  readonly recv: string;
  /** ZeroMQ identity of the handler's sockets; none if absent. */
  readonly ident?: string;
  /** The folder that Mongrel2 runs in, `/` if absent: its paths are within. */
  readonly chroot?: string;
  /** The folder, within `chroot`, that uploads may be taken from; without one they are refused. */
  readonly uploads?: string;
  /** What routes are to apps. Default `"path"`. */
  readonly route?: RouteUse;
  /** When requests begin whose bodies come in files. Default `"complete"`. */
  readonly uploadsStart?: UploadStart;
  /** What the user should know of how it was written. */
  readonly note?: string;
}

/** Chooses a handler; what is absent does not matter. */
export interface HandlerChoice {
  /** Its number in the table of handlers. */
  readonly handlerId?: number;
  /** Path of a route to it. */
  readonly route?: string;
  /** Name or pattern of the host that the route belongs to. */
  readonly host?: string;
  /** UUID or name of the server. */
  readonly server?: string;
}

/** What the settings take, in the order in which they are shown. */
const FORMS = {
  recv: "ENDPOINT",
  ident: "ID",
  chroot: "DIR",
  uploads: "DIR",
  "uploads-start": "early",
  route: "mount|strip",
} as const;
const KEYS = Object.keys(FORMS) as (keyof typeof FORMS)[];
const UPLOAD_STARTS: readonly UploadStart[] = ["complete", "early"];
/** What `route` can be. */
export const ROUTE_USES: readonly RouteUse[] = ["path", "mount", "strip"];
const ENDPOINT = /^(?:tcp:\/\/(?:\[[\dA-Fa-f:.]+\]|[^:[\]\s/,*@]+):\d{1,5}|(?:ipc|inproc):\/\/.+)$/;

const TCP = "tcp://";

const encoder = new TextEncoder();

/**
 * Reads `ENDPOINT[,recv=ENDPOINT][,ident=ID][,chroot=DIR][,uploads=DIR]` and further settings. Without `recv` it is
 * the port before that of the endpoint. The identity can stand before a host, too, as m2wsgi has it:
 * `tcp://ID@HOST:PORT`. Errors show the settings of `shown`, all by default.
 *
 * @throws {ConfigError} if it does not have this form
 */
export function parseMongrel2Spec(text: string, shown: readonly string[] = KEYS): Mongrel2Spec {
  const [first, ...settings] = text.split(",");
  const fault: SettingFault = (reason) => badSpec(text, reason, shown);
  const values = settingsOf(KEYS, settings, fault);
  const { ident: named } = values;
  const { send, recv, ident } = withoutIdentities(fault, first, values);
  if (ident !== undefined) values.ident = ident;
  checkEndpoint(fault, send);
  if (recv !== undefined) checkEndpoint(fault, recv);
  if (values.ident !== undefined && encoder.encode(values.ident).length > 255) {
    throw fault("an identity has at most 255 bytes");
  }
  const { "uploads-start": start, route, ...others } = values;
  return {
    ...others,
    send,
    recv: recv ?? portBefore(fault, send),
    ...start === undefined
      ? {}
      : { uploadsStart: oneOf(UPLOAD_STARTS, start, "uploads-start", fault) },
    ...route === undefined ? {} : { route: oneOf(ROUTE_USES, route, "route", fault) },
    ...ident === undefined || ident === named ? {} : { note: identityNote(text, send, ident) },
  };
}

/** What a handler is told of its server that Mongrel2's own configuration does not say. */
export type HandlerSettings = Pick<Mongrel2Spec, "route" | "uploadsStart">;

/** Such settings after the path of a file. */
const SETTING = /^(.+),(route|uploads-start)=([^,]*)$/s;

/**
 * Reads `FILE[,uploads-start=early][,route=mount|strip]`.
 *
 * @throws {ConfigError} if a setting is wrong, or given more than once
 */
export function splitSettings(text: string): { path: string; settings: HandlerSettings } {
  const fault: SettingFault = (reason) => badSpec(text, reason);
  let path = text;
  let settings: HandlerSettings = {};
  for (let match; (match = SETTING.exec(path)) !== null;) {
    const [, before, key, value] = match;
    const setting: HandlerSettings = key === "route"
      ? { route: oneOf(ROUTE_USES, value, key, fault) }
      : { uploadsStart: oneOf(UPLOAD_STARTS, value, key, fault) };
    const isAgain = Object.keys(setting).some((name) => Object.hasOwn(settings, name));
    if (isAgain) throw fault(`${key} is given more than once`);
    settings = { ...setting, ...settings };
    path = before;
  }
  return { path, settings };
}

/** How an identity before a host is written nowadays. */
function identityNote(text: string, send: string, ident: string): string {
  return `mongrel2: ${text} has the identity before the host, as m2wsgi has it: write ${send},ident=${ident}`;
}

/** The endpoints without the identities in front of their hosts, and the one that all of them name. */
function withoutIdentities(
  fault: SettingFault,
  first: string,
  { recv: second, ident: named }: { readonly recv?: string; readonly ident?: string },
): { readonly send: string; readonly recv?: string; readonly ident?: string } {
  const found = new Set(named === undefined ? [] : [named]);
  const [send, recv] = [first, second].map((endpoint) => {
    const at = endpoint?.startsWith(TCP) ? endpoint.indexOf("@") : -1;
    if (endpoint === undefined || at <= TCP.length) return endpoint;
    found.add(endpoint.slice(TCP.length, at));
    return TCP + endpoint.slice(at + 1);
  });
  if (found.size > 1) throw fault("both sockets share one identity");
  return { send: send!, recv, ident: [...found][0] };
}

function checkEndpoint(fault: SettingFault, endpoint: string): void {
  if (!isEndpoint(endpoint)) throw fault(`${endpoint} is not a ZeroMQ endpoint`);
}

/** Whether `text` is an endpoint of ZeroMQ that can be connected to. */
export function isEndpoint(text: string): boolean {
  const port = Number(/^tcp:.*:(\d+)$/.exec(text)?.[1] ?? 1);
  return ENDPOINT.test(text) && port >= 1 && port <= 65_535;
}

function portBefore(fault: SettingFault, send: string): string {
  const [, host, digits] = /^(tcp:.*:)(\d+)$/.exec(send) ?? [];
  const port = Number(digits);
  if (host === undefined || port < 2) {
    throw fault("the endpoint for replies cannot be inferred: add ,recv=ENDPOINT");
  }
  return `${host}${port - 1}`;
}

function badSpec(
  text: string,
  reason: string,
  shown: readonly string[] = KEYS,
): ConfigError {
  const settings = KEYS.filter((key) => shown.includes(key)).map((key) =>
    `[,${key}=${FORMS[key]}]`
  );
  return new ConfigError(
    `bad Mongrel2 address ${JSON.stringify(text)}: ${reason}; ` +
      `write tcp://HOST:PORT${settings.join("")}`,
  );
}
