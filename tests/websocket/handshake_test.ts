import { createHash } from "node:crypto";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { parseFieldLines } from "../../src/message/fields.ts";
import { latin1Bytes } from "../../src/base/bytes.ts";
import type { DeflateTerms } from "../../src/websocket/codec/deflate_terms.ts";
import { DEFAULT_DEFLATE_TERMS } from "../../src/websocket/codec/deflate_terms.ts";
import {
  acceptHandshake,
  acceptKey,
  HandshakeError,
  readHandshake,
} from "../../src/websocket/codec/handshake.ts";

/** The key of the example in RFC 6455 1.3, and what answers it. */
const SAMPLE = ["dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="];

const FIELDS: readonly (readonly [string, string])[] = [
  ["Host", "example.com"],
  ["Upgrade", "websocket"],
  ["Connection", "Upgrade"],
  ["Sec-WebSocket-Key", SAMPLE[0]],
  ["Sec-WebSocket-Version", "13"],
];

/** The fields of a handshake, with others in the place of those of the same name; `null` for none. */
function fieldsWith(others: Readonly<Record<string, string | readonly string[] | null>>) {
  const fields = FIELDS.filter(([name]) => !(name in others)).map((field) => [...field]);
  for (const [name, values] of Object.entries(others)) {
    for (const value of values === null ? [] : [values].flat()) {
      fields.push([name, value as string]);
    }
  }
  return fields as [string, string][];
}

function read(others: Parameters<typeof fieldsWith>[0] = {}, line = {}) {
  const request = { method: "GET", minorVersion: 1, bodyLength: 0, ...line };
  return readHandshake({ ...request, fields: fieldsWith(others) });
}

function answerTo(
  others: Parameters<typeof fieldsWith>[0],
  protocol = "",
  deflate: DeflateTerms | null = null,
) {
  const { fieldLines, deflate: terms } = acceptHandshake(read(others), protocol, deflate);
  return { fields: Object.fromEntries(parseFieldLines(latin1Bytes(fieldLines))), terms };
}

Deno.test("a handshake is answered with what proves that its key was read", () => {
  assertEquals(answerTo({}), {
    fields: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-accept": SAMPLE[1] },
    terms: null,
  });
  for (let at = 0; at < 50; at++) {
    const key = createHash("md5").update(`${at}`).digest("base64");
    const hash = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    assertEquals(acceptKey(key), hash.digest("base64"));
  }
});

const ACCEPTED: Readonly<Record<string, Parameters<typeof fieldsWith>[0]>> = {
  "names in capitals": { Upgrade: "WebSocket", Connection: "UPGRADE" },
  "lists": { Upgrade: "h2c, websocket", Connection: "keep-alive,\tUpgrade , x" },
  "lists in several lines": {
    Upgrade: ["h2c", "websocket"],
    Connection: ["keep-alive", "upgrade"],
  },
  "blanks": { Upgrade: " websocket\t" },
  "a key with all kinds of characters": { "Sec-WebSocket-Key": "AZaz09+/AZaz09+/AZaz0w==" },
};

for (const [name, others] of Object.entries(ACCEPTED)) {
  Deno.test(`a handshake is accepted with ${name}`, () => void answerTo(others));
}

/** What is refused: the fields, the rest of the request, the status and field lines of the answer. */
const REFUSED:
  readonly (readonly [string, Parameters<typeof fieldsWith>[0], object, number, RegExp?])[] = [
    ["POST", {}, { method: "POST" }, 405, /^allow: GET\r\n$/],
    ["a method in lower case", {}, { method: "get" }, 405],
    ["HTTP/1.0", {}, { minorVersion: 0 }, 400],
    ["a body", {}, { bodyLength: 1 }, 400],
    ["a body of unknown length", {}, { bodyLength: -1 }, 400],
    ["no Upgrade", { Upgrade: null }, {}, 426, /upgrade: websocket\r\n/],
    ["another Upgrade", { Upgrade: "h2c" }, {}, 426, /upgrade: websocket\r\n/],
    ["an Upgrade that only begins so", { Upgrade: "websocket2" }, {}, 426],
    ["no Connection", { Connection: null }, {}, 400],
    ["a Connection without Upgrade", { Connection: "keep-alive, upgrade2" }, {}, 400],
    ["no key", { "Sec-WebSocket-Key": null }, {}, 400],
    ["an empty key", { "Sec-WebSocket-Key": "" }, {}, 400],
    ["a key of 15 bytes", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j" }, {}, 400],
    ["a key of 17 bytes", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZWE=" }, {}, 400],
    ["a key with other characters", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j_Q==" }, {}, 400],
    ["a key with a line", { "Sec-WebSocket-Key": `${SAMPLE[0]}\n` }, {}, 400],
    ["two keys", { "Sec-WebSocket-Key": [SAMPLE[0], SAMPLE[0]] }, {}, 400],
    ["no version", { "Sec-WebSocket-Version": null }, {}, 400],
    ["version 8", { "Sec-WebSocket-Version": "8" }, {}, 426, /^sec-websocket-version: 13\r\n/],
    ["version 14", { "Sec-WebSocket-Version": "14" }, {}, 426, /^sec-websocket-version: 13\r\n/],
    ["version 013", { "Sec-WebSocket-Version": "013" }, {}, 426],
    ["a list of versions", { "Sec-WebSocket-Version": "13, 8" }, {}, 426],
    ["two versions", { "Sec-WebSocket-Version": ["13", "13"] }, {}, 400],
    ["an empty list of subprotocols", { "Sec-WebSocket-Protocol": "" }, {}, 400],
    ["a subprotocol that is no token", { "Sec-WebSocket-Protocol": "a b" }, {}, 400],
    ["a subprotocol with a line end", { "Sec-WebSocket-Protocol": "a\r\nb" }, {}, 400],
    ["a subprotocol twice", { "Sec-WebSocket-Protocol": "a, b, a" }, {}, 400],
    ["a subprotocol twice, in two lines", { "Sec-WebSocket-Protocol": ["a", "a"] }, {}, 400],
  ];

for (const [name, others, line, status, fieldLines] of REFUSED) {
  Deno.test(`a handshake is refused with ${status} for ${name}`, () => {
    const error = assertThrows(() => read(others, line), HandshakeError);
    assertEquals(error.status, status);
    if (fieldLines !== undefined) assert(fieldLines.test(error.fieldLines), error.fieldLines);
  });
}

Deno.test("subprotocols are those of all lines, and one of them is answered", () => {
  const others = { "Sec-WebSocket-Protocol": ["chat, superchat", "v2.x"] };
  assertEquals(read(others).protocols, ["chat", "superchat", "v2.x"]);
  assertEquals(answerTo(others, "superchat").fields["sec-websocket-protocol"], "superchat");
  assertEquals(answerTo(others).fields["sec-websocket-protocol"], undefined);
  assertThrows(() => answerTo(others, "Chat"), TypeError);
  assertThrows(() => answerTo({}, "chat"), TypeError);
});

const MALFORMED_EXTENSIONS = [
  "",
  ",",
  ";",
  "a b",
  "a;",
  "a; ;b",
  "a; b=",
  "a; b==c",
  "a; b=c d",
  'a; b="',
  'a; b="c',
  'a; b=""',
  'a; b="c d"',
  'a; b="c\\',
  'a; b="c" d',
  'a; b="c"d',
  "a; =b",
  "a=b",
  "(a)",
  "a/b",
  "a; b=\xe4",
];

for (const value of MALFORMED_EXTENSIONS) {
  Deno.test(`a handshake is refused for the extensions ${JSON.stringify(value)}`, () => {
    const error = assertThrows(() => read({ "Sec-WebSocket-Extensions": value }), HandshakeError);
    assertEquals(error.status, 400);
  });
}

Deno.test("extensions are those of all lines, with parameters and values in quotes", () => {
  const values = ['a; b; c=1;d = "2" , , e', 'f;g="\\3\\\\x"'.replace("\\\\x", "x")];
  assertEquals(read({ "Sec-WebSocket-Extensions": values }).extensions, [
    {
      name: "a",
      parameters: [{ name: "b", value: null }, { name: "c", value: "1" }, {
        name: "d",
        value: "2",
      }],
    },
    { name: "e", parameters: [] },
    { name: "f", parameters: [{ name: "g", value: "3x" }] },
  ]);
});

const D = "permessage-deflate";
/** What a client offers, and what a server with the default terms answers; `null` for no compression. */
const OFFERS: readonly (readonly [string, string | null, Partial<DeflateTerms>?])[] = [
  ["other-extension", null],
  ["Permessage-Deflate", null],
  ["x-webkit-deflate-frame", null],
  [D, D],
  [`other; a=b, ${D}`, D],
  [`${D}; server_no_context_takeover`, `${D}; server_no_context_takeover`, {
    serverNoContextTakeover: true,
  }],
  [`${D}; client_no_context_takeover`, `${D}; client_no_context_takeover`, {
    clientNoContextTakeover: true,
  }],
  [`${D}; client_max_window_bits`, D],
  [`${D}; client_max_window_bits=15`, D],
  [`${D}; client_max_window_bits=10`, `${D}; client_max_window_bits=10`, {
    clientMaxWindowBits: 10,
  }],
  [`${D}; client_max_window_bits=8`, `${D}; client_max_window_bits=8`, { clientMaxWindowBits: 8 }],
  [`${D}; client_max_window_bits="9"`, `${D}; client_max_window_bits=9`, {
    clientMaxWindowBits: 9,
  }],
  [`${D}; server_max_window_bits=15`, D],
  [`${D}; server_max_window_bits=9`, `${D}; server_max_window_bits=9`, { serverMaxWindowBits: 9 }],
  [
    `${D}; server_max_window_bits=12; client_max_window_bits=11; client_no_context_takeover; server_no_context_takeover`,
    `${D}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11`,
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 11,
    },
  ],
  // What zlib cannot do.
  [`${D}; server_max_window_bits=8`, null],
  [`${D}; server_max_window_bits=8, ${D}`, D],
  // What must be declined.
  [`${D}; unknown`, null],
  [`${D}; unknown=1, ${D}; client_max_window_bits`, D],
  [`${D}; server_no_context_takeover=1`, null],
  [`${D}; client_no_context_takeover="x"`, null],
  [`${D}; server_no_context_takeover; server_no_context_takeover`, null],
  [`${D}; client_no_context_takeover; client_no_context_takeover`, null],
  [`${D}; server_max_window_bits`, null],
  [`${D}; server_max_window_bits=10; server_max_window_bits=10`, null],
  [`${D}; client_max_window_bits; client_max_window_bits`, null],
  [`${D}; client_max_window_bits=10; client_max_window_bits`, null],
  ...["7", "16", "08", "010", "+9", "0", "9.0", "1e1", "a", "100"].flatMap((bits) => [
    [`${D}; server_max_window_bits=${bits}`, null] as const,
    [`${D}; client_max_window_bits=${bits}`, null] as const,
  ]),
  // The first that can be accepted.
  [
    `${D}; server_max_window_bits=7, ${D}; server_max_window_bits=10, ${D}`,
    `${D}; server_max_window_bits=10`,
    {
      serverMaxWindowBits: 10,
    },
  ],
];

for (const [offer, answer, terms] of OFFERS) {
  Deno.test(`the offer "${offer}" is answered with ${answer ?? "no compression"}`, () => {
    const answered = answerTo({ "Sec-WebSocket-Extensions": offer }, "", DEFAULT_DEFLATE_TERMS);
    assertEquals(answered.fields["sec-websocket-extensions"], answer ?? undefined);
    assertEquals(answered.terms, answer === null ? null : { ...DEFAULT_DEFLATE_TERMS, ...terms });
  });
}

Deno.test("a server that wants to spend less says so, as far as the client understands", () => {
  const sparing = {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 11,
    clientMaxWindowBits: 10,
  };
  const both =
    `${D}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits`;
  const table = [
    [D, `${both}=11`, 15],
    [`${D}; client_max_window_bits`, `${both}=11; client_max_window_bits=10`, 10],
    [`${D}; client_max_window_bits=12`, `${both}=11; client_max_window_bits=10`, 10],
    [
      `${D}; client_max_window_bits=9; server_max_window_bits=10`,
      `${both}=10; client_max_window_bits=9`,
      9,
    ],
  ] as const;
  for (const [offer, answer, clientBits] of table) {
    const { fields, terms } = answerTo({ "Sec-WebSocket-Extensions": offer }, "", sparing);
    assertEquals(fields["sec-websocket-extensions"], answer);
    assertEquals(terms?.clientMaxWindowBits, clientBits);
  }
});

Deno.test("fields of any length are read in time in proportion", () => {
  const many = Array.from({ length: 60_000 }, (_, at) => `p${at}`).join();
  assertEquals(read({ "Sec-WebSocket-Protocol": many }).protocols.length, 60_000);
  const offers = Array(60_000).fill("a; b=c").join();
  assertEquals(read({ "Sec-WebSocket-Extensions": offers }).extensions.length, 60_000);
  const blanks = " ".repeat(300_000);
  assertEquals(read({ "Sec-WebSocket-Extensions": `a${blanks};${blanks}b` }).extensions.length, 1);
});
