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
const FORM = "write dispatch+tcp://HOST:PORT[,name=NAME][,capacity=N][,chroot=DIR][,uploads=DIR]" +
  "[,route=mount|strip][,curve-server=PUBLICKEY,curve-secret-key=FILE]";
/** Settings that all dispatchers of a handler have to share. */
const SHARED_KEYS = ["name", "capacity", "chroot", "uploads", "route"] as const;
const KEYS = [...SHARED_KEYS, "curve-server", "curve-secret-key"] as const;

const encoder = new TextEncoder();

/** Whether `spec` is that of a dispatcher. */
export function isDispatcherSpec(spec: HandlerSpec): spec is DispatcherSpec {
  return "dispatcher" in spec;
}

/**
 * Reads where Mongrel2 is, as {@linkcode parseMongrel2Spec} does, or where a dispatcher is, as
 * {@linkcode parseDispatcherSpec} does.
 *
 * @throws {ConfigError} if it has neither form
 */
export function parseHandlerSpec(text: string): HandlerSpec {
  return text.startsWith(PREFIX) ? parseDispatcherSpec(text) : parseMongrel2Spec(text);
}

/**
 * Reads `dispatch+tcp://HOST:PORT[,name=NAME][,capacity=N][,chroot=DIR][,uploads=DIR]`, and
 * `[,route=mount|strip][,curve-server=PUBLICKEY,curve-secret-key=FILE]` after it.
 *
 * @throws {ConfigError} if it does not have this form
 */
export function parseDispatcherSpec(text: string): DispatcherSpec {
  const [first, ...settings] = text.split(",");
  const fault: SettingFault = (reason) => badSpec(text, reason);
  const dispatcher = first.startsWith(PREFIX) ? first.slice(PREFIX.length) : "";
  if (!dispatcher.startsWith("tcp://") || !isEndpoint(dispatcher)) {
    throw badSpec(text, `${first} is not where a dispatcher can be`);
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
  if (name !== undefined) checkName(text, name);
  return {
    dispatcher,
    ...name === undefined ? {} : { name },
    ...capacity === undefined ? {} : { capacity: capacityOf(text, capacity) },
    ...folders,
    ...route === undefined ? {} : { route: oneOf(ROUTE_USES, route, "route", fault) },
    ...keysOf(text, curveServer, curveSecretKey),
  };
}

function keysOf(
  text: string,
  curveServer: string | undefined,
  curveSecretKey: string | undefined,
): Pick<DispatcherSpec, "curveServer" | "curveSecretKey"> {
  if (curveServer === undefined && curveSecretKey === undefined) return {};
  if (curveServer === undefined || curveSecretKey === undefined) {
    throw badSpec(text, "curve-server and curve-secret-key belong together");
  }
  if (!isCurveKey(curveServer)) {
    throw badSpec(text, "curve-server is a public key, 40 characters of Z85");
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

function checkName(text: string, name: string): void {
  if (encoder.encode(name).length > MAX_NAME_BYTES) {
    throw badSpec(text, `a name has at most ${MAX_NAME_BYTES} bytes`);
  }
  if (/\p{C}/u.test(name)) throw badSpec(text, "a name has no control characters");
}

function capacityOf(text: string, value: string): number {
  const capacity = /^\d{1,7}$/.test(value) ? Number(value) : 0;
  if (capacity >= 1 && capacity <= MAX_CAPACITY) return capacity;
  throw badSpec(text, `the capacity is a whole number from 1 to ${MAX_CAPACITY}`);
}

function badSpec(text: string, reason: string): ConfigError {
  return new ConfigError(`bad address of a dispatcher ${JSON.stringify(text)}: ${reason}; ${FORM}`);
}
