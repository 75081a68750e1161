import { ProtocolError } from "../../src/base/errors.ts";
import type { CgiHead } from "../../src/fastcgi/codec/cgi_head.ts";
import { CgiHeadReader } from "../../src/fastcgi/codec/cgi_head.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { bytesOf, splits } from "../support/parsing.ts";

/** Reads a response; the head, and what is left for the body. Pieces are wiped, as read buffers would be. */
function read(pieces: readonly Uint8Array[]): { head: CgiHead; body: string } | null {
  const reader = new CgiHeadReader();
  for (const [index, piece] of pieces.entries()) {
    const borrowed = piece.slice();
    const found = reader.push(borrowed);
    if (found === null) {
      borrowed.fill(0x58);
      continue;
    }
    const rest = [borrowed.subarray(found.bodyStart), ...pieces.slice(index + 1)];
    const body = rest.map((part) => String.fromCharCode(...part)).join("");
    return { head: found.head, body };
  }
  return null;
}

const head = (
  status: number,
  statusText: string,
  fields: readonly (readonly [string, string])[],
): CgiHead => ({ status, statusText, fields });

/** Heads with CRLF, and what they say. */
const HEADS: readonly (readonly [name: string, text: string, expected: CgiHead])[] = [
  ["one field", "Content-Type: text/html\r\n\r\n", head(200, "", [["Content-Type", "text/html"]])],
  ["a status", "Status: 404 Not Found\r\nX: 1\r\n\r\n", head(404, "Not Found", [["X", "1"]])],
  ["a status alone", "Status: 204\r\n\r\n", head(204, "", [])],
  ["a status behind others", "X: 1\r\nstatus: 500 \r\n\r\n", head(500, "", [["X", "1"]])],
  ["a place without a status", "location: /x\r\n\r\n", head(302, "", [["location", "/x"]])],
  [
    "a place with a status",
    "Location: /x\r\nStatus: 201 Created\r\n\r\n",
    head(201, "Created", [["Location", "/x"]]),
  ],
  [
    "fields of the same name, in their order",
    "Set-Cookie: a=1\r\nX: 1\r\nSet-Cookie: b=2\r\n\r\n",
    head(200, "", [["Set-Cookie", "a=1"], ["X", "1"], ["Set-Cookie", "b=2"]]),
  ],
  [
    "white space around values, and in them",
    "A:b\r\nC: \t d  e\t \r\nF:\r\nG:  \r\n\r\n",
    head(200, "", [["A", "b"], ["C", "d  e"], ["F", ""], ["G", ""]]),
  ],
  [
    "bytes beyond ASCII, each one code unit",
    "X: caf\xc3\xa9 \xa0\r\n\r\n",
    head(200, "", [["X", "caf\xc3\xa9 \xa0"]]),
  ],
  ["colons in values", "X: a:b: c\r\n\r\n", head(200, "", [["X", "a:b: c"]])],
  [
    "every character of names",
    "!#$%&'*+-.^_`|~9aZ: x\r\n\r\n",
    head(200, "", [[
      "!#$%&'*+-.^_`|~9aZ",
      "x",
    ]]),
  ],
];

Deno.test("a head is read at every split, with CRLF and with LF", async (test) => {
  for (const [name, text, expected] of HEADS) {
    await test.step(name, () => {
      for (const lines of [text, text.replaceAll("\r\n", "\n"), text.replace("\r\n", "\n")]) {
        for (const body of ["", "\r\nbody\n\n: x"]) {
          const bytes = bytesOf(lines + body);
          for (const pieces of [[bytes], ...splits(bytes)]) {
            assertEquals(read(pieces), { head: expected, body });
          }
        }
      }
    });
  }
});

// RFC 9110 15.2.
Deno.test("heads of interim responses are skipped at every split", () => {
  const [, text, expected] = HEADS[1];
  const interim = [
    "Status: 100 Continue\r\n\r\n",
    "Status: 103\r\nLink: </a>; rel=preload\r\n\r\n",
  ];
  for (const before of [interim[0], interim[1], interim.join(""), interim[0].repeat(3)]) {
    const bytes = bytesOf(`${before}${text}body`);
    for (const pieces of [[bytes], ...splits(bytes)]) {
      assertEquals(read(pieces), { head: expected, body: "body" });
    }
    assertEquals(read([bytesOf(before)]), null);
  }
});

Deno.test("interim responses without end are too long a head", () => {
  const reader = new CgiHeadReader();
  const many = bytesOf("Status: 102 Processing\r\n\r\n".repeat(1_000));
  assertEquals(reader.push(many), null);
  assertEquals(reader.push(many), null);
  assertThrows(() => reader.push(many), ProtocolError, "too long");
});

Deno.test("a head that is not complete is waited for", () => {
  for (const text of ["", "X", "X: 1", "X: 1\r", "X: 1\r\n", "X: 1\r\n\r", "X: 1\n\r"]) {
    assertEquals(read([bytesOf(text)]), null, JSON.stringify(text));
  }
});

const MALFORMED: readonly (readonly [name: string, text: string])[] = [
  ["no field line", "\r\n"],
  ["no field line, and a body", "\nX: 1\n\n"],
  ["a line without a colon", "Content-Type\r\n\r\n"],
  ["a line of HTTP", "HTTP/1.1 200 OK\r\nX: 1\r\n\r\n"],
  ["no name", ": x\r\n\r\n"],
  ["white space behind a name", "X : x\r\n\r\n"],
  ["a folded line", "X: 1\r\n 2\r\n\r\n"],
  ["NUL in a value", "X: a\0b\r\n\r\n"],
  ["CR in a value", "X: a\rb\r\n\r\n"],
  ["DEL in a value", "X: a\x7fb\r\n\r\n"],
  ["a name beyond ASCII", "\xe9: x\r\n\r\n"],
  ["an empty status", "Status:\r\n\r\n"],
  ["a status that is no number", "Status: OK\r\n\r\n"],
  ["a status that runs into its text", "Status: 200OK\r\n\r\n"],
  ["a status too short", "Status: 20\r\n\r\n"],
  ["a status too long", "Status: 2000\r\n\r\n"],
  ["a change of protocol", "Status: 101 Switching Protocols\r\n\r\n"],
  ["a status of four digits", "Status: 1000\r\n\r\n"],
  ["a status out of range", "Status: 600\r\n\r\n"],
];

Deno.test("a malformed head is refused at every split", async (test) => {
  for (const [name, text] of MALFORMED) {
    await test.step(name, () => {
      const bytes = bytesOf(text);
      for (const pieces of [[bytes], ...splits(bytes)]) {
        const { status } = assertThrows(() => read(pieces), ProtocolError);
        assertEquals(status, 502);
      }
    });
  }
});

Deno.test("a head may have 64 KiB and no more, however it is split", () => {
  const ofLength = (bytes: number) => bytesOf(`X: ${"x".repeat(bytes - 7)}\r\n\r\n`);
  for (const piece of [1_000, 65_535, 65_536, 100_000]) {
    const pieces = (bytes: Uint8Array) =>
      Array.from(
        { length: Math.ceil(bytes.length / piece) },
        (_, at) => bytes.subarray(at * piece, (at + 1) * piece),
      );
    assert(read(pieces(ofLength(65_536))) !== null);
    assertThrows(() => read(pieces(ofLength(65_537))), ProtocolError, "too long");
    assertThrows(() => read(pieces(ofLength(90_000))), ProtocolError, "too long");
    assertThrows(() => read(pieces(bytesOf("x".repeat(65_537)))), ProtocolError, "too long");
  }
});

Deno.test("long runs of white space are read in no time that grows with their square", () => {
  // With 60,000 of them, a square would be minutes.
  const spaces = " ".repeat(30_000);
  const found = read([bytesOf(`X:${spaces}a${spaces}b\r\n\r\n`)]);
  assertEquals(found?.head.fields, [["X", `a${spaces}b`]]);
  assertThrows(() => read([bytesOf(`X: a${spaces}${spaces}\0\r\n\r\n`)]), ProtocolError);
});
