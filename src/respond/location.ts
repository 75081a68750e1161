/**
 * Templates of URLs that clients follow. The host is the template's own, whatever the request is: no path becomes
 * one, as `//evil.example` would by itself.
 *
 * @module
 */

import { ConfigError, ProtocolError } from "../base/errors.ts";
import { inComponent, inTarget } from "./escapes.ts";
import { isPathName, isTargetName } from "./request_values.ts";
import type { RequestValues } from "./request_values.ts";
import { joined, Template } from "./template.ts";
import type { TemplatePart } from "./template.ts";

/** A scheme, if it is given, and a host after two slashes, as far as there is one. */
const ORIGIN = /^(?:[a-z][a-z\d+.-]*:)?\/\/([^/?#\\]*)/i;
const AFTER_SCHEME = /^:\/\/([^/?#\\]*)/;
/** A query, a fragment or a path that has a slash of its own before the request has a say. */
const RELATIVE = /^(?:[?#]|\/(?!\\)|[^:/?#\\]+[/?#])/;
const HOST = "host";

/** Where a URL says who is asked. */
interface Origin {
  /** Number of parts that it begins with, and in which only the request's host can stand. */
  readonly parts: number;
  /** What follows: something that ends the host by itself, or a path, whose slash does. */
  readonly end: "delimited" | "path";
  /** Whether the URL names a host, or stays on the server that is asked. */
  readonly kind: "absolute" | "relative";
}

/** A template of a URL. */
export class LocationTemplate {
  readonly #template: Template;
  readonly #origin: Origin;

  /**
   * Reads `text`.
   *
   * @throws {ConfigError} if something of the request could decide which host it leads to
   */
  constructor(text: string) {
    this.#template = new Template(text);
    this.#origin = originOf(this.#template, text);
  }

  /** Whether it is the same for all requests. */
  get isConstant(): boolean {
    return this.#template.isConstant;
  }

  /** What it has of text. */
  get text(): string {
    return this.#template.text;
  }

  /**
   * The URL for a request.
   *
   * @throws {ProtocolError} if it is made of the host that the request names, which names none
   */
  expand(values: RequestValues): string {
    const { parts, kind, end } = this.#origin;
    let url = "";
    let needsSlash = end === "path";
    for (const [index, part] of this.#template.parts.entries()) {
      const text = part.kind === "text"
        ? part.text
        : index < parts
        ? originPart(part.name, values)
        : joined(url, part.name, escaped(part.name, values));
      if (index >= parts && needsSlash && text !== "") {
        needsSlash = false;
        if (!/^[/?#]/.test(text)) url += "/";
      }
      url += text;
    }
    return kind === "absolute" ? url : url.replace(/^[/\\]{2,}/, "/");
  }
}

function escaped(name: string, values: RequestValues): string {
  const escape = isTargetName(name) ? inTarget : inComponent;
  return escape(values.get(name));
}

function originPart(name: string, values: RequestValues): string {
  const value = values.get(name);
  if (value === "") {
    throw new ProtocolError(400, "the request names no host", "RFC 9110 7.2");
  }
  return value;
}

/** Finds what says who is asked, and that nothing else does. */
function originOf(template: Template, text: string): Origin {
  const { parts } = template;
  if (template.isConstant) return { parts: parts.length, end: "delimited", kind: "absolute" };
  const [first] = parts;
  if (first.kind === "value" && isPathName(first.name)) {
    return { parts: 0, end: "path", kind: "relative" };
  }
  const hasScheme = first.kind === "value" && first.name === "URL_SCHEME";
  const place = hasScheme ? 1 : 0;
  const lead = parts[place];
  if (lead?.kind !== "text") throw undecided(text);
  const [whole, host] = (hasScheme ? AFTER_SCHEME : ORIGIN).exec(lead.text) ?? [];
  if (whole !== undefined) {
    const isEnded = whole.length < lead.text.length;
    if (!isEnded) return authorityEnd(parts, place + 1, host !== "", text);
    if (host !== "") return { parts: place + 1, end: "delimited", kind: "absolute" };
  } else if (!hasScheme && RELATIVE.test(lead.text)) {
    return { parts: 1, end: "delimited", kind: "relative" };
  }
  throw undecided(text);
}

/** Where the host ends that begins in `parts`, and goes on at `index`. */
function authorityEnd(
  parts: readonly TemplatePart[],
  index: number,
  isNamed: boolean,
  text: string,
): Origin {
  let hasHost = isNamed;
  for (let at = index; at < parts.length; at++) {
    const part = parts[at];
    if (part.kind === "value") {
      if (part.name === HOST) hasHost = true;
      else if (isPathName(part.name) && hasHost) {
        return { parts: at, end: "path", kind: "absolute" };
      } else throw undecided(text);
    } else if (/[/?#\\]/.test(part.text)) {
      if (!hasHost) throw undecided(text);
      return { parts: at + 1, end: "delimited", kind: "absolute" };
    } else {
      hasHost = true;
    }
  }
  return { parts: parts.length, end: "delimited", kind: "absolute" };
}

function undecided(text: string): ConfigError {
  return new ConfigError(
    `what the request has would decide which host ${
      JSON.stringify(text)
    } leads to: begin with a path ` +
      "(/new{MATCH}, {URI}), with a host (https://example.com{PATH}), or with https://{host}",
  );
}
