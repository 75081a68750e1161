/**
 * How a handler finds its dispatcher, as text.
 *
 * @module
 */

import { ConfigError } from "../../base/errors.ts";
import { isCurveKey } from "../../base/z85.ts";
import { MAX_CAPACITY, MAX_NAME_BYTES } from "../../dispatch/codec/limits.ts";
import { isEndpoint, parseMongrel2Spec, ROUTE_USES } from "./spec.ts";
import type { Mongrel2Spec, RouteUse } from "./spec.ts";
import { oneOf, settingsOf } from "../../base/key_values.ts";
import type { SettingFault } from "../../base/key_values.ts";

/** A dispatcher that a handler connects to, and what it makes known there. */
export interface DispatcherSpec {
  /** Endpoint that the dispatcher is at, `tcp://HOST:PORT`. */
  readonly dispatcher: string;
  /** Name of the handler; that of the host if absent. */
  readonly name?: string;
  /** Requests that the handler takes at a time; what its workers can do if absent. */
  readonly capacity?: number;
  /** The folder that Mongrel2 runs in, `/` if absent: its paths are within. */
  readonly chroot?: string;
  /** The folder, within `chroot`, that uploads may be taken from; without one they are refused. */
  readonly uploads?: string;
  /** What routes of Mongrel2 are to apps. Default `"path"`. */
  readonly route?: RouteUse;
  /** The dispatcher's public key (CURVE), in Z85; the connection is not encrypted if absent. */
  readonly curveServer?: string;
  /** Path of the handler's secret key, which goes with it. */
  readonly curveSecretKey?: string;
}

/** Where requests of Mongrel2 come from: from the server itself, or over a dispatcher. */
export type HandlerSpec = Mongrel2Spec | DispatcherSpec;

const PREFIX = "dispatch+";
/** What the settings take that all dispatchers of a handler have to share, in the order in which they are shown. */
const SHARED_FORMS = {
  name: "NAME",
  capacity: "N",
  chroot: "DIR",
  uploads: "DIR",
  route: "mount|strip",
} as const;
const SHARED_KEYS = Object.keys(SHARED_FORMS) as (keyof typeof SHARED_FORMS)[];
const KEYS = [...SHARED_KEYS, "curve-server", "curve-secret-key"] as const;

const encoder = new TextEncoder();

/** Whether `spec` is that of a dispatcher. */
export function isDispatcherSpec(spec: HandlerSpec): spec is DispatcherSpec {
  return "dispatcher" in spec;
}

/**
 * Reads where Mongrel2 is, as {@linkcode parseMongrel2Spec} does, or where a dispatcher is, as
 * {@linkcode parseDispatcherSpec} does. Errors show the settings of `shown`, all by default.
 *
 * @throws {ConfigError} if it has neither form
 */
export function parseHandlerSpec(text: string, shown?: readonly string[]): HandlerSpec {
  return text.startsWith(PREFIX)
    ? parseDispatcherSpec(text, shown)
    : parseMongrel2Spec(text, shown);
}

/**
 * Reads `dispatch+tcp://HOST:PORT[,name=NAME][,capacity=N][,chroot=DIR][,uploads=DIR]`, and
 * `[,route=mount|strip][,curve-server=PUBLICKEY,curve-secret-key=FILE]` after it. Errors show the settings of
 * `shown`, all by default, and those of CURVE.
 *
 * @throws {ConfigError} if it does not have this form
 */
export function parseDispatcherSpec(
  text: string,
  shown: readonly string[] = SHARED_KEYS,
): DispatcherSpec {
  const [first, ...settings] = text.split(",");
  const fault: SettingFault = (reason) => badSpec(text, reason, shown);
  const dispatcher = first.startsWith(PREFIX) ? first.slice(PREFIX.length) : "";
  if (!dispatcher.startsWith("tcp://") || !isEndpoint(dispatcher)) {
    throw fault(`${first} is not where a dispatcher can be`);
  }
  const values = settingsOf(KEYS, settings, fault);
  const {
    name,
    capacity,
    route,
    "curve-server": curveServer,
    "curve-secret-key": curveSecretKey,
    ...folders
  } = values;
  if (name !== undefined) checkName(fault, name);
  return {
    dispatcher,
    ...name === undefined ? {} : { name },
    ...capacity === undefined ? {} : { capacity: capacityOf(fault, capacity) },
    ...folders,
    ...route === undefined ? {} : { route: oneOf(ROUTE_USES, route, "route", fault) },
    ...keysOf(fault, curveServer, curveSecretKey),
  };
}

function keysOf(
  fault: SettingFault,
  curveServer: string | undefined,
  curveSecretKey: string | undefined,
): Pick<DispatcherSpec, "curveServer" | "curveSecretKey"> {
  if (curveServer === undefined && curveSecretKey === undefined) return {};
  if (curveServer === undefined || curveSecretKey === undefined) {
    throw fault("curve-server and curve-secret-key belong together");
  }
  if (!isCurveKey(curveServer)) {
    throw fault("curve-server is a public key, 40 characters of Z85");
  }
  return { curveServer, curveSecretKey };
}

/**
 * What the dispatchers' handler is: it is one for all of them, so that they have to agree.
 *
 * @throws {ConfigError} if two of them do not
 */
export function sharedHandler(
  specs: readonly DispatcherSpec[],
): Omit<DispatcherSpec, "dispatcher"> {
  const shared: { -readonly [Key in typeof SHARED_KEYS[number]]?: string | number } = {};
  for (const spec of specs) {
    for (const key of SHARED_KEYS) {
      const value = spec[key];
      if (value === undefined) continue;
      if (shared[key] !== undefined && shared[key] !== value) {
        throw new ConfigError(
          `the handler of all dispatchers is one: ${key} cannot be ${shared[key]} for one and ` +
            `${value} for another`,
        );
      }
      shared[key] = value;
    }
  }
  const endpoints = specs.map(({ dispatcher }) => dispatcher);
  const twice = endpoints.find((each, index) => endpoints.indexOf(each) !== index);
  if (twice === undefined) return shared as Omit<DispatcherSpec, "dispatcher">;
  throw new ConfigError(`the dispatcher at ${twice} is given more than once`);
}

function checkName(fault: SettingFault, name: string): void {
  if (encoder.encode(name).length > MAX_NAME_BYTES) {
    throw fault(`a name has at most ${MAX_NAME_BYTES} bytes`);
  }
  if (/\p{C}/u.test(name)) throw fault("a name has no control characters");
}

function capacityOf(fault: SettingFault, value: string): number {
  const capacity = /^\d{1,7}$/.test(value) ? Number(value) : 0;
  if (capacity >= 1 && capacity <= MAX_CAPACITY) return capacity;
  throw fault(`the capacity is a whole number from 1 to ${MAX_CAPACITY}`);
}

function badSpec(text: string, reason: string, shown: readonly string[]): ConfigError {
  const settings = SHARED_KEYS.filter((key) => shown.includes(key))
    .map((key) => `[,${key}=${SHARED_FORMS[key]}]`);
  return new ConfigError(
    `bad address of a dispatcher ${JSON.stringify(text)}: ${reason}; ` +
      `write dispatch+tcp://HOST:PORT${settings.join("")}` +
      "[,curve-server=PUBLICKEY,curve-secret-key=FILE]",
  );
}
