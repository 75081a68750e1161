import { ProtocolError } from "../../src/base/errors.ts";
import { MAX_PROXY_HEADER_BYTES, ProxyHeaderReader } from "../../src/proxies/proxy_header.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";
import { bytesOf, splits } from "../support/parsing.ts";

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const chars = (...codes: number[]) => String.fromCharCode(...codes);

/** A header of version 2. */
function binary(command: number, family: number, body: string): string {
  return SIGNATURE + chars(command, family, body.length >> 8, body.length & 0xff) + body;
}

const IPV4 = chars(192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 4, 1, 0xbb);
const IPV6_ONE = chars(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const IPV6 = IPV6_ONE + IPV6_ONE + chars(0xdc, 4, 1, 0xbb);
const MAPPED = chars(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9) + IPV6_ONE +
  chars(0, 80, 1, 0xbb);
const UNIX = "/run/a".padEnd(108, "\0") + "\0".repeat(108);

function pushed(pieces: readonly Uint8Array[]): [client: Deno.Addr | null, rest: string] | null {
  const reader = new ProxyHeaderReader();
  for (const [i, piece] of pieces.entries()) {
    const borrowed = piece.slice();
    const header = reader.push(borrowed);
    if (header === null) {
      borrowed.fill(0x58);
      continue;
    }
    const rest = [reader.rest, ...pieces.slice(i + 1)]
      .map((bytes) => String.fromCharCode(...bytes)).join("");
    return [header.client, rest];
  }
  return null;
}

const tcp = (hostname: string, port: number) => ({ transport: "tcp", hostname, port } as const);

const valid: readonly [name: string, text: string, client: Deno.Addr | null][] = [
  ["v1, IPv4", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", tcp("192.0.2.1", 56_324)],
  ["v1, IPv6", "PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n", tcp("2001:db8::1", 0)],
  ["v1, mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", tcp("192.0.2.1", 1)],
  ["v1, unknown", "PROXY UNKNOWN\r\n", null],
  ["v1, unknown and more", "PROXY UNKNOWN ffff:f:: 1 2 3\r\n", null],
  [
    "v1, as long as there can be",
    `PROXY UNKNOWN ${"x".repeat(107 - 16)}\r\n`,
    null,
  ],
  ["v2, IPv4", binary(0x21, 0x11, IPV4), tcp("192.0.2.1", 56_324)],
  ["v2, IPv6", binary(0x21, 0x21, IPV6), tcp("2001:db8::1", 56_324)],
  ["v2, mapped", binary(0x21, 0x21, MAPPED), tcp("192.0.2.9", 80)],
  ["v2, unix", binary(0x21, 0x31, UNIX), { transport: "unix", path: "/run/a" }],
  [
    "v2, unix with a full path",
    binary(0x21, 0x31, "p".repeat(216)),
    { transport: "unix", path: "p".repeat(108) },
  ],
  ["v2, local", binary(0x20, 0x11, IPV4), null],
  ["v2, local without addresses", binary(0x20, 0, ""), null],
  ["v2, unspecified", binary(0x21, 0, ""), null],
  [
    "v2, with fields after the addresses",
    binary(0x21, 0x11, `${IPV4}\x03\0\x04abcd\x20\0\x05\x01\0\0\0\0`),
    tcp("192.0.2.1", 56_324),
  ],
  [
    "v2, as long as there can be",
    binary(0x21, 0x11, IPV4 + "\x04".repeat(MAX_PROXY_HEADER_BYTES - 28)),
    tcp("192.0.2.1", 56_324),
  ],
];

for (const [name, text, client] of valid) {
  Deno.test(`a PROXY header is read in every split (${name})`, () => {
    const whole = bytesOf(`${text}GET / HTTP/1.1\r\n`);
    const header = bytesOf(text);
    assertEquals(pushed([whole]), [client, "GET / HTTP/1.1\r\n"]);
    for (const pieces of splits(header)) assertEquals(pushed(pieces), [client, ""]);
    for (let end = 0; end < header.length; end++) {
      assertEquals(pushed([header.subarray(0, end)]), null, `cut off after ${end} bytes`);
    }
  });
}

const invalid: readonly [name: string, text: string][] = [
  ["another protocol", "GET / HTTP/1.1\r\n"],
  ["TLS", "\x16\x03\x01\0\xa5"],
  ["PROXY in small letters", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n"],
  ["two spaces", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n"],
  ["two spaces later", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"],
  ["a tab", "PROXY TCP4\t1.2.3.4 1.2.3.4 1 2\r\n"],
  ["no CR", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"],
  ["a CR within", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r2\r\n"],
  ["an unknown family", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"],
  ["a family in small letters", "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n"],
  ["IPv6 for IPv4", "PROXY TCP4 ::1 1.2.3.4 1 2\r\n"],
  ["IPv4 for IPv6", "PROXY TCP6 1.2.3.4 ::1 1 2\r\n"],
  ["no destination", "PROXY TCP4 1.2.3.4\r\n"],
  ["a word too many", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"],
  ["a port that is too large", "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"],
  ["a port with a zero before it", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"],
  ["a port with a sign", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"],
  ["a name", "PROXY TCP4 localhost 1.2.3.4 1 2\r\n"],
  ["no family", "PROXY \r\n"],
  ["a line too long by a byte", `PROXY UNKNOWN ${"x".repeat(107 - 15)}\r\n`],
  ["a line without an end", `PROXY UNKNOWN ${"x".repeat(200)}`],
  ["a wrong signature", "\r\n\r\n\0\r\nQUIX\n"],
  ["version 1 in the form of version 2", binary(0x11, 0x11, IPV4)],
  ["version 3", binary(0x31, 0x11, IPV4)],
  ["an unknown command", binary(0x22, 0x11, IPV4)],
  ["datagrams", binary(0x21, 0x12, IPV4)],
  ["an unknown family of version 2", binary(0x21, 0x41, UNIX)],
  ["a family without a transport", binary(0x21, 0x10, IPV4)],
  ["a transport without a family", binary(0x21, 0x01, IPV4)],
  ["IPv4 cut short", binary(0x21, 0x11, IPV4.slice(1))],
  ["IPv6 cut short", binary(0x21, 0x21, IPV6.slice(1))],
  ["unix cut short", binary(0x21, 0x31, UNIX.slice(1))],
  ["more than there can be", SIGNATURE + chars(0x21, 0x11, 0x0f, 0xf1)],
];

for (const [name, text] of invalid) {
  Deno.test(`what is no PROXY header is refused in every split (${name})`, () => {
    const bytes = bytesOf(text);
    assertThrows(() => pushed([bytes]), ProtocolError, "no valid PROXY header");
    for (const pieces of splits(bytes)) assertThrows(() => pushed(pieces), ProtocolError);
  });
}

Deno.test("a PROXY header that says too large a length is refused before its bytes are kept", () => {
  const reader = new ProxyHeaderReader();
  assertThrows(
    () => reader.push(bytesOf(`${SIGNATURE}\x21\x11\xff\xff`)),
    ProtocolError,
    "too long",
  );
});
