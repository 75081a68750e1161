/**
 * The list of extensions in a handshake (RFC 6455 9.1).
 *
 * @module
 */

import { ProtocolError } from "../../base/errors.ts";
import { CLASS, COMMA, isBlank, SEMICOLON, TOKEN } from "../../message/chars.ts";

/** A parameter of an extension. */
export interface ExtensionParameter {
  /** Name, as it was written. */
  readonly name: string;
  /** Value without quotes; `null` if there is none. */
  readonly value: string | null;
}

/** An extension that a client offers, or a server accepts. */
export interface Extension {
  /** Name, as it was written. */
  readonly name: string;
  /** Parameters, in their order. */
  readonly parameters: readonly ExtensionParameter[];
}

const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The extensions that a `Sec-WebSocket-Extensions` field lists, in their order.
 *
 * @throws {ProtocolError} if the value is malformed; to pass over the faulty part could accept what was never offered
 */
export function parseExtensions(value: string): Extension[] {
  return new ExtensionParser(value).parse();
}

class ExtensionParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Extension[] {
    const extensions: Extension[] = [];
    for (;;) {
      // Members of a list may be empty (RFC 9110 5.6.1).
      while (this.#isAt(COMMA)) this.#at++;
      if (this.#at === this.#text.length) break;
      extensions.push(this.#readExtension());
      if (this.#at < this.#text.length && !this.#isAt(COMMA)) throw malformed();
    }
    if (extensions.length === 0) throw malformed();
    return extensions;
  }

  #readExtension(): Extension {
    const name = this.#readToken();
    const parameters: ExtensionParameter[] = [];
    while (this.#isAt(SEMICOLON)) {
      this.#at++;
      this.#skipBlanks();
      parameters.push(this.#readParameter());
    }
    return { name, parameters };
  }

  #readParameter(): ExtensionParameter {
    const name = this.#readToken();
    if (!this.#isAt(EQUALS)) return { name, value: null };
    this.#at++;
    this.#skipBlanks();
    return { name, value: this.#isAt(QUOTE) ? this.#readQuoted() : this.#readToken() };
  }

  #readToken(): string {
    const start = this.#at;
    while (this.#isTokenChar()) this.#at++;
    if (this.#at === start) throw malformed();
    return this.#text.slice(start, this.#at);
  }

  /** A value in quotes, which must be a token without them. */
  #readQuoted(): string {
    let value = "";
    this.#at++;
    while (this.#at < this.#text.length && !this.#isCode(QUOTE)) {
      if (this.#isCode(BACKSLASH)) this.#at++;
      if (!this.#isTokenChar()) throw malformed();
      value += this.#text[this.#at++];
    }
    if (this.#at++ >= this.#text.length || value === "") throw malformed();
    return value;
  }

  /** Whether the next character, after blanks, is `code`; it is where the parser stands then. */
  #isAt(code: number): boolean {
    this.#skipBlanks();
    return this.#isCode(code);
  }

  #isCode(code: number): boolean {
    return this.#text.charCodeAt(this.#at) === code;
  }

  #isTokenChar(): boolean {
    return (CLASS[this.#text.charCodeAt(this.#at)] & TOKEN) !== 0;
  }

  #skipBlanks(): void {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
  }
}

function malformed(): ProtocolError {
  return new ProtocolError(400, "a malformed Sec-WebSocket-Extensions", "RFC 6455 9.1");
}
