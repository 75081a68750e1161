/**
 * Texts with placeholders: `{PATH}`, `{user-agent}`.
 *
 * @module
 */

import type { Escape } from "./escapes.ts";
import { checkValueName, isPathName } from "./request_values.ts";
import type { RequestValues } from "./request_values.ts";

/** A part of a template: text, or what stands for a value. */
export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly name: string };

/** How the value of each name is written. */
export type EscapeOf = (name: string) => Escape;

/** A name in braces, or in two, which stand for one. All other braces are themselves. */
const PLACEHOLDER = /\{\{([A-Za-z][\w-]*)\}\}|\{([A-Za-z][\w-]*)\}/g;

/** A text with placeholders. */
export class Template {
  /** Its parts in their order. */
  readonly parts: readonly TemplatePart[];

  /**
   * Reads `text`.
   *
   * @throws {ConfigError} if it has a placeholder that does not exist
   */
  constructor(text: string) {
    this.parts = partsOf(text);
  }

  /** Whether it is the same for all requests. */
  get isConstant(): boolean {
    return this.parts.every(({ kind }) => kind === "text");
  }

  /** What it has of text. */
  get text(): string {
    return this.parts.map((part) => part.kind === "text" ? part.text : "").join("");
  }

  /**
   * The text for a request. A slash before a path is that at its beginning: `/new/{MATCH}` has no double slash,
   * and neither has what browsers would take for a host.
   */
  expand(values: RequestValues, escapeOf: EscapeOf): string {
    let text = "";
    for (const part of this.parts) {
      if (part.kind === "text") text += part.text;
      else text += joined(text, part.name, escapeOf(part.name)(values.get(part.name)));
    }
    return text;
  }
}

/** The value of `name` as it follows `before`. */
export function joined(before: string, name: string, value: string): string {
  const isDouble = isPathName(name) && before.endsWith("/") && value.startsWith("/");
  return isDouble ? value.slice(1) : value;
}

function partsOf(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain !== "") parts.push({ kind: "text", text: plain });
    plain = "";
  };
  for (const match of text.matchAll(PLACEHOLDER)) {
    const [whole, literal, name] = match;
    plain += text.slice(at, match.index);
    at = match.index + whole.length;
    if (literal !== undefined) {
      plain += `{${literal}}`;
      continue;
    }
    checkValueName(name);
    flush();
    parts.push({ kind: "value", name });
  }
  plain += text.slice(at);
  flush();
  return parts;
}
