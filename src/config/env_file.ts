/**
 * Files of environment variables, as `deno run --env-file` takes them: `NAME=value`, a line each.
 *
 * @module
 */

import { ConfigFileError } from "../base/errors.ts";

/** A name, after which `=` stands; `export` before it means nothing. */
const NAME = /^(?:export[ \t]+)?([A-Za-z_][\w.]*)[ \t]*=[ \t]*/;
/** What a backslash before a letter stands for between double quotes. */
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
/** More of what variables stand for is taken for a mistake, in characters. */
const MAX_VALUE_LENGTH = 1_048_576;

/**
 * The variables that the file at `path` sets in `text`, in its order. Values may be in single quotes
 * (taken as they are), in double quotes or backticks (over several lines; the former with `\n` and the
 * like), or without, up to a comment. `$NAME`, `${NAME}` and `${NAME:-default}` stand for variables of the
 * file before them, of which those that `known` has count first; `\$` is a dollar sign.
 *
 * @throws {ConfigFileError} with all malformed lines
 */
export function parseEnvFile(
  text: string,
  path: string,
  known: ReadonlyMap<string, string>,
): Map<string, string> {
  return new EnvFile(text, path, known).read();
}

class EnvFile {
  readonly #text: string;
  readonly #path: string;
  readonly #known: ReadonlyMap<string, string>;
  readonly #found = new Map<string, string>();
  readonly #problems: string[] = [];
  #at = 0;
  #line = 1;

  constructor(text: string, path: string, known: ReadonlyMap<string, string>) {
    this.#text = text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
    this.#path = path;
    this.#known = known;
  }

  read(): Map<string, string> {
    while (this.#at < this.#text.length) this.#readLine();
    if (this.#problems.length > 0) throw new ConfigFileError(this.#problems);
    return this.#found;
  }

  #readLine(): void {
    const start = this.#at;
    const rest = this.#restOfLine();
    const line = rest.trimStart();
    if (line === "" || line.startsWith("#")) return this.#skip(rest.length);
    const [head, name] = NAME.exec(line) ?? [];
    if (head === undefined) {
      this.#refuse("should be NAME=value");
      return this.#skip(rest.length);
    }
    this.#at = start + (rest.length - line.length) + head.length;
    const first = this.#line;
    const value = this.#value();
    if (value?.includes("\0")) this.#refuse("has a null character in its value", first);
    else if (value !== null) this.#found.set(name, value);
  }

  /** The value that begins here; the rest of its last line is passed over. */
  #value(): string | null {
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'" && quote !== "`") return this.#plainValue();
    const end = this.#closing(quote);
    if (end < 0) {
      this.#refuse(`its value has no closing ${quote}`);
      this.#at = this.#text.length;
      return null;
    }
    const inner = this.#text.slice(this.#at + 1, end);
    const first = this.#line;
    for (const char of inner) if (char === "\n") this.#line++;
    this.#at = end + 1;
    const rest = this.#restOfLine();
    if (!/^[ \t]*(?:#.*)?$/.test(rest)) {
      this.#refuse(`has more than a comment after ${quote}`, first);
    }
    this.#skip(rest.length);
    return quote === '"' ? this.#expanded(inner) : inner;
  }

  /** Where the quoted value ends that begins here, or -1. */
  #closing(quote: string): number {
    let end = this.#at + 1;
    for (; end < this.#text.length; end++) {
      if (this.#text[end] === quote) return end;
      if (quote === '"' && this.#text[end] === "\\") end++;
    }
    return -1;
  }

  #plainValue(): string {
    const rest = this.#restOfLine();
    this.#skip(rest.length);
    const comment = rest.search(/(?:^|[ \t])#/);
    return this.#expanded((comment < 0 ? rest : rest.slice(0, comment)).trim());
  }

  /** What a value is whose variables and escapes count. */
  #expanded(value: string): string {
    let total = value.length;
    const text = value.replace(
      /\\([\s\S])|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_][\w.]*)(?::-([^}]*))?\})/g,
      (_, escaped?: string, bare?: string, braced?: string, standard?: string) => {
        if (escaped !== undefined) return ESCAPES[escaped] ?? escaped;
        const name = (bare ?? braced)!;
        const meant = (this.#known.get(name) ?? this.#found.get(name)) || (standard ?? "");
        total += meant.length;
        return total > MAX_VALUE_LENGTH ? "" : meant;
      },
    );
    if (total <= MAX_VALUE_LENGTH) return text;
    this.#refuse("has a value that is longer than 1 MiB");
    return "";
  }

  #restOfLine(): string {
    const end = this.#text.indexOf("\n", this.#at);
    return this.#text.slice(this.#at, end < 0 ? undefined : end);
  }

  /** Goes on to the next line, `length` characters from here. */
  #skip(length: number): void {
    this.#at += length + 1;
    this.#line++;
  }

  #refuse(message: string, line = this.#line): void {
    this.#problems.push(`${this.#path}:${line}: ${message}`);
  }
}
