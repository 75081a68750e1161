/**
 * A response that is the same for all requests, but for what its placeholders stand for.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { named } from "../base/named_problems.ts";
import { bodyEscape, inField } from "./escapes.ts";
import type { Escape } from "./escapes.ts";
import { LocationTemplate } from "./location.ts";
import type { RequestValues } from "./request_values.ts";
import { Template } from "./template.ts";

/** A field: its name as it is sent, and its value. */
export type FieldTemplate =
  | { readonly kind: "value"; readonly name: string; readonly value: Template }
  | { readonly kind: "url"; readonly name: string; readonly value: LocationTemplate };

/** What a response is made of. */
export interface ResponseTerms {
  /** Status code, 200 to 599. */
  readonly code: number;
  /** Reason phrase; that of the code if absent. */
  readonly reason?: string;
  /** Its fields, without those that frame it. */
  readonly fields: readonly FieldTemplate[];
  /** The body, which may be empty. */
  readonly body: Template;
}

/** A response for a request. */
export interface MadeResponse {
  /** Status code. */
  readonly status: number;
  /** Reason phrase; that of the code if absent. */
  readonly reason?: string;
  /** Field lines. */
  readonly fieldLines: string;
  /** The body. */
  readonly body: Uint8Array;
}

const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/;
const VISIBLE = /^[\t\x20-\x7e]*$/;
/** What only who writes the message can know. */
const FRAMING: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Fields whose value is a URL that clients follow. */
const URL_FIELDS: ReadonlySet<string> = new Set(["location", "content-location"]);
/** Fields that clients read in ways that no escape is safe in. */
const CONSTANT_FIELDS: ReadonlySet<string> = new Set(["content-type", "refresh"]);
/** Statuses whose responses have no content (RFC 9110 15.3.5, 15.3.6, 15.4.5). */
const WITHOUT_CONTENT: ReadonlySet<number> = new Set([204, 205, 304]);
const PLAIN_TEXT = "text/plain; charset=utf-8";

const encoder = new TextEncoder();

/**
 * A field of a response; `option` is where it was given.
 *
 * @throws {ConfigError} if it cannot be one
 */
export function fieldTemplate(name: string, text: string, option: string): FieldTemplate {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) {
    throw new ConfigError(
      `${option} takes 'NAME: VALUE', not ${JSON.stringify(`${name}: ${text}`)}`,
    );
  }
  if (FRAMING.has(lower)) {
    throw new ConfigError(
      `${option}: ${name} is for the gateway to say, which frames the response`,
    );
  }
  if (!VISIBLE.test(text)) {
    throw new ConfigError(
      `${option}: the value of ${name} has a character that no field has: percent-encode it`,
    );
  }
  return named(option, (): FieldTemplate => {
    if (URL_FIELDS.has(lower)) return { kind: "url", name, value: new LocationTemplate(text) };
    const value = new Template(text);
    if (CONSTANT_FIELDS.has(lower) && !value.isConstant) {
      throw new ConfigError(`${name} can have no placeholders`);
    }
    return { kind: "value", name, value };
  });
}

/**
 * A response's body; `option` is where it was given.
 *
 * @throws {ConfigError} if it has a placeholder that does not exist
 */
export function bodyTemplate(text: string, option: string): Template {
  return named(option, () => new Template(text));
}

/** A response, ready to be made for requests. */
export class CannedResponse {
  /** Status code. */
  readonly code: number;
  readonly #reason: string | undefined;
  readonly #fields: readonly FieldTemplate[];
  readonly #ownLines: string;
  readonly #body: Template;
  readonly #escape: Escape;
  /** What it is for all requests, if it has no placeholders. */
  readonly #constant: MadeResponse | null;

  /**
   * Takes the terms of a response; `where` is where they were given.
   *
   * @throws {ConfigError} if they do not go together
   */
  constructor({ code, reason, fields, body }: ResponseTerms, where: string) {
    checkOnce(fields, where);
    this.code = code;
    this.#reason = reason;
    this.#fields = fields;
    this.#body = body;
    const hasBody = body.parts.length > 0;
    if (hasBody && WITHOUT_CONTENT.has(code)) {
      throw new ConfigError(`${where}: a response with the status ${code} has no body`);
    }
    const given = new Map(fields.map((field) => [field.name.toLowerCase(), field.value.text]));
    const type = given.get("content-type");
    this.#escape = escapeFor(body, type ?? PLAIN_TEXT, where);
    // Whoever asks chooses part of the body: what browsers guess of its type is not to count.
    const ownLines = [
      ...hasBody && type === undefined ? [`content-type: ${PLAIN_TEXT}\r\n`] : [],
      ...!body.isConstant && !given.has("x-content-type-options")
        ? ["x-content-type-options: nosniff\r\n"]
        : [],
    ];
    this.#ownLines = ownLines.join("");
    const isConstant = body.isConstant && fields.every(({ value }) => value.isConstant);
    this.#constant = isConstant ? this.#make(null) : null;
  }

  /**
   * The response for a request.
   *
   * @throws {ProtocolError} if the request lacks what it is made of
   */
  make(values: RequestValues): MadeResponse {
    return this.#constant ?? this.#make(values);
  }

  #make(values: RequestValues | null): MadeResponse {
    let fieldLines = "";
    for (const field of this.#fields) {
      const value = values === null
        ? field.value.text
        : field.kind === "url"
        ? field.value.expand(values)
        : field.value.expand(values, () => inField);
      fieldLines += `${field.name}: ${value}\r\n`;
    }
    const escape = this.#escape;
    const body = values === null ? this.#body.text : this.#body.expand(values, () => escape);
    return {
      status: this.code,
      reason: this.#reason,
      fieldLines: fieldLines + this.#ownLines,
      body: encoder.encode(body),
    };
  }
}

function checkOnce(fields: readonly FieldTemplate[], where: string): void {
  for (const single of ["content-type", "content-location", "location"]) {
    const same = fields.filter(({ name }) => name.toLowerCase() === single);
    if (same.length > 1) throw new ConfigError(`${where}: ${same[1].name} is given more than once`);
  }
}

function escapeFor(body: Template, type: string, where: string): Escape {
  const escape = bodyEscape(type);
  if (escape !== null) return escape;
  if (body.isConstant) return (value) => value;
  throw new ConfigError(
    `${where}: the body has a placeholder, and nobody knows how its value is to be written into ` +
      `${type}: give it a Content-Type of text, HTML, XML or JSON`,
  );
}

/**
 * The reason phrase that `text` is.
 *
 * @throws {ConfigError} if no response can have it
 */
export function reasonIn(text: string, option: string): string {
  if (VISIBLE.test(text)) return text;
  throw new ConfigError(`${option} takes a reason phrase, not ${JSON.stringify(text)}`);
}
