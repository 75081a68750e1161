/** Requests of HTTP/1.1 made at random, and what they mean. */

import type { ParsedRequest } from "../support/parsing.ts";
import type { Random } from "../support/random.ts";

const TOKEN_CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
const VALUE_CHARS = `${TOKEN_CHARS} \t"(),/:;<=>?@[\\]{}\xe4\xff`;
const PATH_CHARS = "abcXYZ019/%._~-&=+:@!$'()*,;[]|";
const QUERY_CHARS = `${PATH_CHARS}?{}^\`\\`;
const BODY_CHARS = "abc\r\n\0: 0\xff";
const BLANKS = ["", " ", "\t", " \t "];
const HOSTS = ["a", "example.com", "[::1]:8080", "192.0.2.1:80", ""];

/** `text` with each letter in either case. */
function inAnyCase(random: Random, text: string): string {
  return text.replace(
    /[a-z]/gi,
    (letter) => random.below(2) === 0 ? letter.toLowerCase() : letter.toUpperCase(),
  );
}

function fieldLine(random: Random, name: string, value: string): string {
  return `${name}:${random.pick(BLANKS)}${value}${random.pick(BLANKS)}\r\n`;
}

/** Field lines with random names, none of which mean something, and values. */
function randomFields(random: Random, atMost: number): string[] {
  return Array.from({ length: random.below(atMost + 1) }, () => {
    const name = `x-${random.text(1 + random.below(15), TOKEN_CHARS)}`;
    return fieldLine(random, name, random.text(random.below(30), VALUE_CHARS));
  });
}

function randomTarget(random: Random, method: string, host: string) {
  const query = random.below(2) === 0 ? "" : `?${random.text(random.below(20), QUERY_CHARS)}`;
  const path = `/${random.text(random.below(40), PATH_CHARS)}${query}`;
  switch (random.below(5)) {
    case 0: {
      const authority = random.pick(["b", "b.example:8080", "[::2]"]);
      const scheme = inAnyCase(random, random.pick(["http", "https"]));
      const target = `${scheme}://${authority}${random.pick(["", path, "?q"])}`;
      return { target, authority };
    }
    case 1:
      if (method === "OPTIONS") return { target: "*", authority: host };
      return { target: path, authority: host };
    default:
      return { target: path, authority: host };
  }
}

/** Chunks with random sizes, extensions and trailers, that hold `data`. */
function randomChunks(random: Random, data: string) {
  const chunks: number[] = [];
  let text = "";
  for (let at = 0; at < data.length;) {
    const size = Math.min(data.length - at, 1 + random.below(40));
    const digits = inAnyCase(random, size.toString(16)).padStart(random.below(5), "0");
    const extension = random.pick(["", "", ";", ";a", `;a="b c"`, "; x = y;z"]);
    text += `${digits}${extension}\r\n${data.slice(at, at + size)}\r\n`;
    chunks.push(size);
    at += size;
  }
  const trailers = randomFields(random, 2).join("");
  text += `${"0".repeat(1 + random.below(3))}${random.pick(["", ";end"])}\r\n${trailers}\r\n`;
  return { text, chunks, trailers };
}

/** A valid request as text, and what the parser is to see in it. */
export function randomRequest(random: Random): [string, ParsedRequest] {
  const method = random.pick([
    "GET",
    "POST",
    "PUT",
    "OPTIONS",
    `x${random.text(random.below(20), TOKEN_CHARS)}`,
  ]);
  const minorDigit = random.pick([1, 1, 1, 0, 2 + random.below(8)]);
  const minorVersion = Math.min(minorDigit, 1);
  const lines = randomFields(random, 5);
  /** Puts a line anywhere among the others. */
  const addLine = (name: string, value: string) => {
    const line = fieldLine(random, inAnyCase(random, name), value);
    lines.splice(random.below(lines.length + 1), 0, line);
  };

  const namesHost = minorVersion === 1 || random.below(2) === 0;
  const host = namesHost ? random.pick(HOSTS) : "";
  if (namesHost) addLine("Host", host);
  const { target, authority } = randomTarget(random, method, host);

  const options = random.pick(["", "", "close", "keep-alive", "keep-alive, close", "x , Close"]);
  if (options !== "") addLine("Connection", options);
  const keepAlive = minorVersion === 1 ? !/close/i.test(options) : options === "keep-alive";

  let body = random.text(random.below(120), BODY_CHARS);
  let bodyText = body;
  let bodyLength = body.length;
  let chunks: number[] = [];
  let trailers: string | null = null;
  const framing = random.below(3);
  if (framing === 0) {
    body = bodyText = "";
    bodyLength = 0;
  } else if (framing === 1 || minorVersion === 0) {
    addLine("Content-Length", String(bodyLength).padStart(random.below(5), "0"));
  } else {
    addLine("Transfer-Encoding", inAnyCase(random, "chunked"));
    ({ text: bodyText, chunks, trailers } = randomChunks(random, body));
    bodyLength = -1;
  }
  const expects = random.below(8) === 0;
  if (expects) addLine("Expect", inAnyCase(random, "100-continue"));
  const expectsContinue = expects && minorVersion === 1 && bodyLength !== 0;

  const fields = lines.join("");
  const emptyLines = "\r\n".repeat(random.pick([0, 0, 0, 1, 4]));
  const text = `${emptyLines}${method} ${target} HTTP/1.${minorDigit}\r\n${fields}\r\n${bodyText}`;
  return [text, {
    method,
    target,
    authority,
    minorVersion,
    fields,
    bodyLength,
    keepAlive,
    expectsContinue,
    body,
    chunks,
    trailers,
  }];
}

/** What a mutation may put in: what has a meaning somewhere, and what has none anywhere. */
export const HTTP_SNIPPETS = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  "\r\n ",
  " ",
  "\t",
  "\0",
  "\x7f",
  "\xff",
  ":",
  ";",
  ",",
  "#",
  "0",
  "f",
  "-",
  "+",
  "_",
  "0\r\n\r\n",
  "Host: b\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 00\r\n",
  "Content-Length: 99999999999999999999\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "Connection: close\r\n",
  "Expect: x\r\n",
  "HTTP/2.0",
  "CONNECT ",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "ffffffffffffffff",
  "x".repeat(40),
];
