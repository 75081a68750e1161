import { assert, assertEquals } from "../support/assert.ts";
import type { ParsedRequest } from "../support/parsing.ts";
import { bytesOf, parse } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

const TOKEN_CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
const VALUE_CHARS = `${TOKEN_CHARS} \t"(),/:;<=>?@[\\]{}\xe4\xff`;
const TARGET_CHARS = "abcXYZ019/%._~-?&=+:@!$'()*,;[]{}|^\"<>`\\";
const BODY_CHARS = "abc\r\n\0: 0\xff";

type Expected = Pick<
  ParsedRequest,
  "method" | "target" | "body" | "chunks" | "trailers" | "fields"
>;

/** Field lines of random names (none that mean something) and values. */
function randomFields(random: Random): string {
  let lines = "";
  for (let i = random.below(6); i > 0; i--) {
    const value = random.text(random.below(30), VALUE_CHARS);
    lines += `x-${random.text(1 + random.below(12), TOKEN_CHARS)}:${value}\r\n`;
  }
  return lines;
}

function randomRequest(random: Random): [string, Expected] {
  const method = random.pick([
    "GET",
    "POST",
    "PUT",
    "x" + random.text(random.below(20), TOKEN_CHARS),
  ]);
  const target = `/${random.text(random.below(40), TARGET_CHARS)}`;
  let fields = `Host: ${random.pick(["a", "example.com", "[::1]:8080"])}\r\n${
    randomFields(random)
  }`;
  const data = random.text(random.below(200), BODY_CHARS);
  const framing = random.below(3);
  if (framing === 0) {
    const text = `${method} ${target} HTTP/1.1\r\n${fields}\r\n`;
    return [text, { method, target, fields, body: "", chunks: [], trailers: null }];
  }
  if (framing === 1) {
    fields += `Content-Length: ${data.length}\r\n`;
    const text = `${method} ${target} HTTP/1.1\r\n${fields}\r\n${data}`;
    return [text, { method, target, fields, body: data, chunks: [], trailers: null }];
  }
  fields += "Transfer-Encoding: chunked\r\n";
  const chunks: number[] = [];
  let body = "";
  for (let at = 0; at < data.length;) {
    const size = Math.min(data.length - at, 1 + random.below(40));
    const extension = random.pick(["", ";", ";a", `;a="b c"`]);
    body += `${size.toString(16)}${extension}\r\n${data.slice(at, at + size)}\r\n`;
    chunks.push(size);
    at += size;
  }
  const trailers = randomFields(random);
  body += `${"0".repeat(1 + random.below(3))}\r\n${trailers}\r\n`;
  const text = `${method} ${target} HTTP/1.1\r\n${fields}\r\n${body}`;
  return [text, { method, target, fields, body: data, chunks, trailers }];
}

function randomPieces(random: Random, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(random.pick([3, 30, 300]));
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

Deno.test("random pipelines of valid requests are read as they were written, in random splits", () => {
  const random = new Random(1);
  for (let round = 0; round < 3_000; round++) {
    const generated = Array.from({ length: 1 + random.below(4) }, () => randomRequest(random));
    const bytes = bytesOf(generated.map(([text]) => text).join(""));
    const { requests, error } = parse(randomPieces(random, bytes));
    assertEquals(error, null);
    assertEquals(requests.length, generated.length);
    generated.forEach(([, expected], i) => {
      assertEquals({ ...requests[i], ...expected }, requests[i]);
    });
  }
});

Deno.test("mutated requests are refused or read, the same in any split, and never crash the parser", () => {
  const random = new Random(2);
  const statuses = new Set([400, 413, 414, 417, 431, 501, 505]);
  let refused = 0;
  for (let round = 0; round < 50_000; round++) {
    const [text] = randomRequest(random);
    const bytes = bytesOf(text);
    for (let i = 1 + random.below(3); i > 0; i--) {
      bytes[random.below(bytes.length)] = random.pick([
        0,
        9,
        10,
        13,
        32,
        44,
        58,
        59,
        48,
        255,
        random.below(256),
      ]);
    }
    const whole = parse([bytes]);
    const split = parse(randomPieces(random, bytes));
    assertEquals(split, whole);
    if (whole.error !== null) {
      assert(statuses.has(whole.error), `status ${whole.error}`);
      refused++;
    }
  }
  assert(refused > 10_000, `only ${refused} were refused`);
});
