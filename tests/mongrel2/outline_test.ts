import { assertEquals, assertThrows } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import { headerValue, parseMessage } from "../../src/mongrel2/codec/message.ts";
import { outlineOf } from "../../src/mongrel2/codec/outline.ts";
import type { TellingHeader } from "../../src/mongrel2/codec/outline.ts";
import { formatTnetstring } from "../../src/mongrel2/codec/tnetstring.ts";
import { latin1Text } from "../../src/message/fields.ts";

const NAMES: readonly TellingHeader[] = [
  "METHOD",
  "VERSION",
  "PATH",
  "FLAGS",
  "URL_SCHEME",
  "UPLOAD_STREAM",
  "x-mongrel2-upload-start",
  "x-mongrel2-upload-done",
];

function message(headers: string, body = "", path = "/p"): Uint8Array<ArrayBuffer> {
  return bytesOf(`sender-1 23 ${path} ${headers.length}:${headers},${body.length}:${body},`);
}

/** What an outline says; `null` if the message is refused. */
function outlined(bytes: Uint8Array) {
  try {
    const outline = outlineOf(bytes);
    const { client, path, method, isSecure, body } = outline;
    return { client, path, method, isSecure, body, has: NAMES.filter((name) => outline.has(name)) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return null;
  }
}

/** The same by reading all of the message. */
function read(bytes: Uint8Array): ReturnType<typeof outlined> {
  try {
    const message = parseMessage(bytes);
    return {
      client: `${message.senderId} ${message.connId}`,
      path: message.path,
      method: headerValue(message, "METHOD"),
      isSecure: headerValue(message, "URL_SCHEME") === "https",
      body: message.body,
      has: NAMES.filter((name) => headerValue(message, name) !== undefined),
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return null;
  }
}

const HEADERS: readonly string[] = [
  "{}",
  '{"URL_SCHEME":"https","METHOD":"GET"}',
  '{"URL_SCHEME":"http"}',
  '{"URL_SCHEME":"xhttp"}',
  '{"URL_SCHEME":"https","URL_SCHEME":"http"}',
  "{",
  "}",
  "",
  "[]",
  "null",
  '{"METHOD":"GET"}',
  '{"METHOD":"GET"} ',
  '{"METHOD":"GET"}}',
  '{"METHOD":"GET",}',
  '{"METHOD":"GET"',
  '{"METHOD":"GET","METHOD":"PUT"}',
  '{"METHOD":["GET","PUT"]}',
  '{"METHOD":[]}',
  '{"METHOD":7}',
  '{ "METHOD" : "GET" }',
  '{"METHO\\u0044":"GET"}',
  '{"METHOD":"G\\u0045T"}',
  '{"METHOD":"G\\qT"}',
  '{"METHOD":"G\tT"}',
  '{"METHOD":""}',
  '{"METHOD":"\xe4\xff"}',
  '{"method":"GET","Path":"/","VERSIOM":"x"}',
  '{"METHOD":"BREW","VERSION":"HTTP/1.1","PATH":"/","FLAGS":"0x1","UPLOAD_STREAM":"1",' +
  '"x-mongrel2-upload-start":"/tmp/a","x-mongrel2-upload-done":"/tmp/a"}',
  '{"__proto__":"x","METHOD":"JSON","":"","a":"METHOD"}',
  '{"a":"\\",\\"METHOD\\":\\"GET"}',
  '{"a":"b":"c"}',
  '{"a","METHOD"}',
];

Deno.test("the outline of a message says what reading all of it would", () => {
  for (const headers of HEADERS) {
    for (const body of ["", "some body"]) {
      const bytes = message(headers, body);
      assertEquals(outlined(bytes), read(bytes), headers);
    }
  }
});

Deno.test("the outline of a message is the same if its headers are a tnetstring", () => {
  const headers = { METHOD: bytesOf("PUT"), VERSION: bytesOf("HTTP/1.1"), other: bytesOf("x") };
  const block = latin1Text(formatTnetstring(headers), 0, formatTnetstring(headers).length);
  const bytes = bytesOf(`sender-1 23 @* ${block}4:body,`);
  assertEquals(outlined(bytes), {
    client: "sender-1 23",
    path: "@*",
    method: "PUT",
    isSecure: false,
    body: bytesOf("body"),
    has: ["METHOD", "VERSION"],
  });
});

Deno.test("a message that is cut off, or goes on, has no outline", () => {
  const bytes = message('{"METHOD":"GET"}', "body");
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => outlineOf(bytes.subarray(0, length)), ProtocolError);
  }
  assertThrows(() => outlineOf(Uint8Array.of(...bytes, 0x20)), ProtocolError);
});

Deno.test("the outline of a message with any change says what reading all of it would", () => {
  const random = new Random(7);
  for (let round = 0; round < 20_000; round++) {
    const bytes = message(HEADERS[random.below(HEADERS.length)], "b", random.below(2) ? "@*" : "/");
    for (let changes = random.below(3); changes >= 0; changes--) {
      const signs = '"\\:,{}[] \nMxG0';
      bytes[random.below(bytes.length)] = signs.charCodeAt(random.below(signs.length));
    }
    assertEquals(outlined(bytes), read(bytes), latin1Text(bytes, 0, bytes.length));
  }
});
