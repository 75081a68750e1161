/**
 * Responses among what is mounted: `respond:302,location=https://example.com{PATH}`.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import {
  bodyTemplate,
  CannedResponse,
  fieldTemplate,
  reasonIn,
} from "../respond/canned_response.ts";
import type { FieldTemplate } from "../respond/canned_response.ts";
import type { Template } from "../respond/template.ts";
import { parseCount } from "./values.ts";

/** Statuses that a response can have. */
export const RESPONSE_CODES = { min: 200, max: 599 } as const;

/** A response, and where it is mounted. */
export interface ResponseMount {
  /** Path prefix without a trailing slash; `""` for the root. */
  readonly prefix: string;
  /** What is answered there. */
  readonly response: CannedResponse;
  /** What it was called where it was given. */
  readonly text: string;
  /** Where it was given, if that was in a section of a configuration file: `FILE:LINE`. */
  readonly origin?: string;
}

/** The keys that say what a response is, after its code. */
export const RESPONSE_KEYS: readonly string[] = ["status", "location", "header", "body"];

const START = "respond:";

/** Whether `text`, which stands where an app can, is a response. */
export function isResponse(text: string): boolean {
  return text.startsWith(START);
}

/** A field, `NAME: VALUE`. */
export function fieldIn(text: string, name: string): FieldTemplate {
  const colon = text.indexOf(":");
  if (colon <= 0) {
    throw new ConfigError(`${name} takes 'NAME: VALUE', not ${JSON.stringify(text)}`);
  }
  return fieldTemplate(text.slice(0, colon), text.slice(colon + 1).trim(), name);
}

/** Puts the terms of a response together, as they come. */
export class ResponseBuilder {
  readonly #code: number;
  readonly #fields: FieldTemplate[] = [];
  #reason: string | undefined;
  #body: Template | undefined;
  #location: FieldTemplate | undefined;

  /**
   * Begins with `respond:CODE[,KEY=VALUE]...`. A comma that belongs to a value is doubled.
   *
   * @throws {ConfigError} if something of it is wrong, which `name` has
   */
  constructor(text: string, name: string) {
    const [code, ...settings] = partsOf(text.slice(START.length));
    this.#code = parseCount(`${name}: the status code after respond:`, code, RESPONSE_CODES);
    for (const setting of settings) {
      const equals = setting.indexOf("=");
      const key = setting.slice(0, Math.max(equals, 0));
      if (!RESPONSE_KEYS.includes(key)) throw unknownSetting(setting, key, name);
      this.set(key, setting.slice(equals + 1), `${name}: ${key}`);
    }
  }

  /**
   * Sets what `key`, one of {@linkcode RESPONSE_KEYS}, is.
   *
   * @throws {ConfigError} if it cannot be that, or is given already; `name` is where it was given
   */
  set(key: string, value: string, name: string): void {
    if (value === "") throw new ConfigError(`${name} needs a value`);
    switch (key) {
      case "status":
        refuseAgain(this.#reason, name);
        this.#reason = reasonIn(value, name);
        break;
      case "location":
        refuseAgain(this.#location, name);
        this.#location = fieldTemplate("Location", value.trim(), name);
        break;
      case "header":
        this.#fields.push(fieldIn(value, name));
        break;
      case "body":
        refuseAgain(this.#body, name);
        this.#body = bodyTemplate(value, name);
        break;
    }
  }

  /**
   * The response.
   *
   * @throws {ConfigError} if its terms do not go together
   */
  build(name: string): CannedResponse {
    const fields = this.#location === undefined ? this.#fields : [this.#location, ...this.#fields];
    const body = this.#body ?? bodyTemplate("", name);
    return new CannedResponse({ code: this.#code, reason: this.#reason, fields, body }, name);
  }
}

/**
 * Reads `respond:CODE[,KEY=VALUE]...`.
 *
 * @throws {ConfigError} if it does not have this form
 */
export function parseResponse(text: string, name: string): CannedResponse {
  return new ResponseBuilder(text, name).build(name);
}

function refuseAgain(before: unknown, name: string): void {
  if (before !== undefined) throw new ConfigError(`${name} is given more than once`);
}

function unknownSetting(setting: string, key: string, name: string): ConfigError {
  return new ConfigError(
    `${name}: a response has no ${JSON.stringify(setting)}${nearest(key, RESPONSE_KEYS)}; write ` +
      "respond:CODE[,status=PHRASE][,location=URL][,header=NAME: VALUE]...[,body=TEXT], and two commas " +
      "for one that belongs to a value",
  );
}

/** What is between commas; of doubled ones, each stands for one. */
function partsOf(text: string): string[] {
  return text.split(/((?:,,)+|,)/).reduce<string[]>((parts, piece) => {
    if (piece === ",") parts.push("");
    else parts[parts.length - 1] += piece.replaceAll(",,", ",");
    return parts;
  }, [""]);
}
