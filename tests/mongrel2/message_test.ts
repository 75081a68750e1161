import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import { latin1Text } from "../../src/message/fields.ts";
import {
  formatControl,
  formatReply,
  headerValue,
  headerValues,
  MAX_REPLY_TARGETS,
  parseMessage,
  replyHeader,
} from "../../src/mongrel2/codec/message.ts";
import type { ControlRequest, Mongrel2Message } from "../../src/mongrel2/codec/message.ts";
import { formatTnetstring, parseTnetstring } from "../../src/mongrel2/codec/tnetstring.ts";

const FOLDER = new URL("../fixtures/mongrel2/", import.meta.url);

interface Captured {
  readonly file: string;
  readonly client: string;
  readonly protocol: "json" | "tnetstring";
  /** What the client had sent. */
  readonly sent: readonly string[];
}

const captured: readonly Captured[] = JSON.parse(
  Deno.readTextFileSync(new URL("index.json", FOLDER)),
).messages;

function bytesOfFile({ file }: Captured): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(file, FOLDER));
}

const SENDERS = {
  json: "34f9ceee-cd52-4b7f-b197-88bf2f0ec378",
  tnetstring: "7f2c6a1e-8b55-4f0b-9c54-2f6f7b0f6a01",
};

function byName(fields: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  return fields.toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}

function headersOf(message: Mongrel2Message): Record<string, string> {
  return Object.fromEntries(message.headers);
}

const isOwn = ([name]: readonly [string, string]) => /^[A-Z]/.test(name);
const isAdded = ([name]: readonly [string, string]) => /^x-(?:forwarded-for|mongrel2-)/.test(name);

/** The request line and the fields of an HTTP request, and what follows them. */
function readHttp(text: string) {
  const [, head, rest] = /^(.*?)\r\n\r\n(.*)$/s.exec(text)!;
  const [line, ...lines] = head.split("\r\n");
  const [method, uri, version] = line.split(" ");
  const fields = lines.map((each): [string, string] => {
    const [, name, value] = /^(.*?): (.*)$/.exec(each)!;
    return [name.toLowerCase(), value];
  });
  return { method, uri, version, fields, rest };
}

/** What a client that is no WebSocket sent, as Mongrel2 has to tell it. */
function checkRequest(message: Mongrel2Message, { client, sent }: Captured): void {
  const { method, uri, version, fields, rest } = readHttp(sent[0]);
  const headers = headersOf(message);
  const [path, query] = uri.split("?");
  const isWebSocket = client.startsWith("websocket");
  if (!isWebSocket) assertEquals(headers.METHOD, method);
  assertEquals(headers.URI, uri);
  assertEquals(headers.VERSION, version);
  assertEquals(headers.PATH, path);
  assertEquals(headers.QUERY, query);
  assertEquals(headers.PATTERN, uri.slice(0, 3));
  assertEquals(headers.URL_SCHEME, "http");
  assertEquals(headers.REMOTE_ADDR, "127.0.0.1");
  assertEquals(headers["x-forwarded-for"], "127.0.0.1");
  assertEquals(message.path, path);
  const clients = message.headers.filter((header) => !isOwn(header) && !isAdded(header));
  assertEquals(byName(clients), byName(fields));
  if (/^(?:upload|chunked)/.test(client)) {
    assertStringIncludes(headers["x-mongrel2-upload-start"], "/tmp/m2.");
    assertEquals(message.body.length, 0);
  } else if (!isWebSocket) {
    assertEquals(latin1Text(message.body, 0, message.body.length), rest);
  }
}

Deno.test("there are messages of both kinds of headers", () => {
  assertEquals(captured.length, 50);
  assert(captured.some(({ protocol }) => protocol === "json"));
  assert(captured.some(({ protocol }) => protocol === "tnetstring"));
});

for (const entry of captured) {
  Deno.test(`the captured message ${entry.file} tells what the client sent`, () => {
    const message = parseMessage(bytesOfFile(entry));
    assertEquals(message.senderId, SENDERS[entry.protocol]);
    assert(/^\d+$/.test(message.connId));
    if (message.path === "@*") {
      assertEquals(message.headers, [["METHOD", "JSON"]]);
      assertEquals(message.body, bytesOf('{"type":"disconnect"}'));
    } else if (message.path === "@chat") {
      assertEquals(headersOf(message).METHOD, "JSON");
      assertEquals(`@chat ${latin1Text(message.body, 0, message.body.length)}\0`, entry.sent[0]);
    } else {
      checkRequest(message, entry);
    }
  });
}

Deno.test("a WebSocket's messages tell their flags, and have their contents as bodies", () => {
  for (const client of ["websocket-j", "websocket-t"]) {
    const messages = captured.filter((each) => each.client === client)
      .map((entry) => parseMessage(bytesOfFile(entry)));
    const told = messages.map((message) => {
      const { METHOD, FLAGS } = headersOf(message);
      return [METHOD, FLAGS, latin1Text(message.body, 0, message.body.length)];
    });
    assertEquals(told, [
      ["WEBSOCKET_HANDSHAKE", undefined, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
      ["WEBSOCKET", "0x81", "hello"],
      ["WEBSOCKET", "0x82", "\0\xff"],
      ["WEBSOCKET", "0x89", "ping"],
      ["WEBSOCKET", "0x81", "abcdef"],
      ["WEBSOCKET", "0x88", "\x03\xe8bye"],
      ["JSON", undefined, '{"type":"disconnect"}'],
    ]);
  }
});

Deno.test("the same requests say the same with JSON and with tnetstrings", () => {
  const messagesOf = (protocol: string) => {
    const texts = captured.filter((each) =>
      each.protocol === protocol && /-[jt]$/.test(each.client)
    );
    return texts.map((entry) => {
      const { path, headers, body } = parseMessage(bytesOfFile(entry));
      const comparable = headers.map(([name, value]): [string, string] => [
        name,
        // The names of the routes and of the uploads' files differ.
        /upload/.test(name) ? "file" : value.replace(/^\/[jt]\//, "/x/"),
      ]);
      // Repeated fields are together, and in their order; others come in another order.
      return { path: path.replace(/^\/[jt]\//, "/x/"), headers: byName(comparable), body };
    });
  };
  const json = messagesOf("json");
  assertEquals(json.length, 23);
  assertEquals(messagesOf("tnetstring"), json);
});

Deno.test("repeated fields, lists in the message, come as several, in their order", () => {
  for (const client of ["repeated-j", "repeated-t"]) {
    const entry = captured.find((each) => each.client === client)!;
    const bytes = bytesOfFile(entry);
    const list = entry.protocol === "json" ? '"x-a":["1","2"]' : "3:x-a,8:1:1,1:2,]";
    assertStringIncludes(latin1Text(bytes, 0, bytes.length), list);
    const { headers } = parseMessage(bytes);
    assertEquals(headers.filter(([name]) => name === "x-a").map(([, value]) => value), ["1", "2"]);
    assertEquals(headers.filter(([name]) => name === "cookie").map(([, value]) => value), [
      "a=1",
      "b=2",
    ]);
    assertEquals(headers.find(([name]) => name === "x-u")![1], 'caf\xc3\xa9 "q" \\');
  }
});

/** A message whose headers are `block`, with its tag; all code units are bytes. */
function message(block: string, tag: string, body = ""): Uint8Array<ArrayBuffer> {
  return bytesOf(`sender 7 /path ${block.length}:${block}${tag}${body.length}:${body},`);
}

function parseJson(json: string): readonly (readonly [string, string])[] {
  return parseMessage(message(json, ",")).headers;
}

Deno.test("the parts of a message are told apart, whatever is in them", () => {
  assertEquals(parseMessage(message('{"A":"b"}', ",", "0:,} \0\xff")), {
    senderId: "sender",
    connId: "7",
    path: "/path",
    headers: [["A", "b"]],
    body: bytesOf("0:,} \0\xff"),
  });
  assertEquals(parseMessage(bytesOf("s c \xc3\xa9?x=1 2:{},0:,")), {
    senderId: "s",
    connId: "c",
    path: "\xc3\xa9?x=1",
    headers: [],
    body: bytesOf(""),
  });
  assertEquals(parseMessage(bytesOf("s c p 0:}0:,")).headers, []);
});

Deno.test("the body is a view of the message", () => {
  const bytes = message("{}", ",", "body");
  const { body } = parseMessage(bytes);
  bytes.fill(0x58);
  assertEquals(body, bytesOf("XXXX"));
});

const jsonHeaders: Record<string, [string, [string, string][]]> = {
  "bytes that are not UTF-8": ['{"x":"\xff\xfe\x80"}', [["x", "\xff\xfe\x80"]]],
  "UTF-8": ['{"\xc3\xa9":"\xe2\x82\xac"}', [["\xc3\xa9", "\xe2\x82\xac"]]],
  "line ends between tokens": ['\r\n{\n\t"x" :\r\n"a" ,\n"y":[\n"b"\t]\n}\n', [["x", "a"], [
    "y",
    "b",
  ]]],
  "line ends within and between strings": ['{\n"x":"a\nb\\"\n\\\\"\n,"\ny":"\n"}', [
    ["x", 'a\nb"\n\\'],
    ["\ny", "\n"],
  ]],
  "control characters": ['{"x":"\0\x01\t\n\r\x1f\x7f"}', [["x", "\0\x01\t\n\r\x1f\x7f"]]],
  "escaped characters": ['{"x":"\\"\\\\\\/\\n\\u00e9"}', [["x", '"\\/\n\xe9']]],
  "names of any object's members": [
    '{"__proto__":"1","constructor":"2","toString":["3"]}',
    [["__proto__", "1"], ["constructor", "2"], ["toString", "3"]],
  ],
  "an empty name and value": ['{"":""}', [["", ""]]],
  "a list of none": ['{"a":[],"b":"c"}', [["b", "c"]]],
  "a name given twice": ['{"a":"1","a":"2"}', [["a", "2"]]],
};
for (const [what, [json, headers]] of Object.entries(jsonHeaders)) {
  Deno.test(`headers in JSON can have ${what}`, () => assertEquals(parseJson(json), headers));
}

Deno.test("headers in tnetstrings can have any bytes, and lists", () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const headers = { x: all, list: [bytesOf("1"), bytesOf("")], none: [] };
  const written = formatTnetstring(headers);
  const text = latin1Text(written, 0, written.length);
  const [, length, block] = /^(\d+):(.*)\}$/s.exec(text)!;
  assertEquals(Number(length), block.length);
  assertEquals(parseMessage(message(block, "}")).headers, [
    ["x", latin1Text(all, 0, 256)],
    ["list", "1"],
    ["list", ""],
  ]);
});

const malformed: Record<string, string[]> = {
  "nothing": ["", " ", "  ", "   "],
  "no sender, connection or path": [
    "s",
    "s c",
    "s c p",
    "s c p ",
    " c p 2:{},0:,",
    "s  p 2:{},0:,",
    "s c  2:{},0:,",
    "2:{},0:,",
  ],
  "no headers": ["s c p 0:,", "s c p 0:,0:,", "s c p x:{},0:,", "s c p 02:{},0:,", "s c p :,0:,"],
  "no body, or another than one": [
    "s c p 2:{},",
    "s c p 2:{},0:",
    "s c p 2:{},0:}",
    "s c p 2:{},1:,",
    "s c p 2:{},00:,",
    "s c p 2:{},0:,,",
    "s c p 2:{},0:,0:,",
    "s c p 2:{},0:,\n",
    "s c p 2:{},999999999:,",
  ],
};
for (const [what, texts] of Object.entries(malformed)) {
  Deno.test(`a message with ${what} is refused`, () => {
    for (const text of texts) {
      const error = assertThrows(() => parseMessage(bytesOf(text)), ProtocolError);
      assertEquals([text, error.status], [text, 400]);
    }
  });
}

const badHeaders: [string, string, string[]][] = [
  ["has headers that are not JSON", ",", [
    "",
    "{",
    "}",
    "{'a':1}",
    '{"a":}',
    '{"a":"b"',
    '{"a":"b"}x',
    '{"a":"b"},',
    '{"a":"\\"}',
    '{"a":"\\x"}',
    "{a:1}",
    '\0{"a":"b"}',
  ]],
  ["has headers that are not an object", ",", ["[]", "null", "1", '"a"', "true", '[{"a":"b"}]']],
  ["has a header that is not text", ",", [
    '{"a":1}',
    '{"a":null}',
    '{"a":true}',
    '{"a":{}}',
    '{"a":[1]}',
    '{"a":[["b"]]}',
    '{"a":"b","c":["d",null]}',
  ]],
  ["has a header that is not text", "}", [
    "1:a,1:1#",
    "1:a,0:~",
    "1:a,4:true!",
    "1:a,0:}",
    "1:a,4:1:1#]",
    "1:a,7:4:1:b,]]",
    "1:a,0:]1:b,0:~",
  ]],
  ["has headers that are not a dictionary", "]", ["", "4:1:a,]"]],
  ["has headers that are not a dictionary", "~", [""]],
  ["has headers that are not a dictionary", "#", ["1"]],
  ["has headers that are not a dictionary", "!", ["true"]],
  ["a tnetstring has a key that is not a string", "}", ["1:1#0:~"]],
  ["a tnetstring has no length", "}", ["1:a,", "x"]],
  ["a tnetstring has the unknown tag", ";", ["{}"]],
];
for (const [reason, tag, blocks] of badHeaders) {
  Deno.test(`a message that ${reason} (tag ${tag}) is refused`, () => {
    assert(isRead(message(tag === "," ? "{}" : "", tag === "," ? "," : "}")));
    for (const block of blocks) {
      assertThrows(() => parseMessage(message(block, tag)), ProtocolError, reason);
    }
  });
}

Deno.test("headers that are very deep are refused like others", () => {
  const deep = `{"a":${"[".repeat(500_000)}${"]".repeat(500_000)}}`;
  assertThrows(() => parseMessage(message(deep, ",")), ProtocolError);
  assertThrows(() => parseMessage(message("[".repeat(500_000), ",")), ProtocolError);
});

/** Whether `bytes` are read; fails if anything but a protocol's error says that they are not. */
function isRead(bytes: Uint8Array): boolean {
  try {
    const { headers } = parseMessage(bytes);
    return headers.every(([name, value]) => typeof name === "string" && typeof value === "string");
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assertEquals(error.status, 400);
    return false;
  }
}

Deno.test("every captured message is refused if it is cut off anywhere, or followed by anything", () => {
  for (const entry of captured) {
    const bytes = bytesOfFile(entry);
    assert(isRead(bytes));
    for (let end = 0; end < bytes.length; end++) assert(!isRead(bytes.subarray(0, end)));
    for (const more of [" ", ",", "0:,", "\0"]) {
      assert(!isRead(new Uint8Array([...bytes, ...bytesOf(more)])));
    }
  }
});

Deno.test("a captured message with any byte changed is read as another or refused", () => {
  const interesting = bytesOf('\0\n "\\,:0129{}[]~#!^a\x7f\x80\xff');
  for (const entry of captured) {
    if (!/get|repeated|post|chunked/.test(entry.client)) continue;
    const bytes = bytesOfFile(entry);
    for (let at = 0; at < bytes.length; at++) {
      const before = bytes[at];
      for (const byte of interesting) {
        bytes[at] = byte;
        isRead(bytes);
      }
      bytes[at] = before;
    }
  }
});

Deno.test("messages with random changes are read as others or refused", () => {
  const random = new Random(6);
  const all = captured.map(bytesOfFile);
  for (let round = 0; round < 20_000; round++) {
    const bytes = random.pick(all).slice();
    for (let i = random.below(5); i >= 0; i--) {
      const at = random.below(bytes.length);
      const from = random.below(bytes.length);
      if (random.below(2) === 0) bytes[at] = random.below(256);
      else bytes.copyWithin(at, from, from + random.below(20));
    }
    isRead(random.below(4) === 0 ? bytes.subarray(random.below(bytes.length)) : bytes);
  }
});

const ID = "34f9ceee-cd52-4b7f-b197-88bf2f0ec378";

const replies: Record<string, [readonly string[], string, string]> = {
  "to one connection": [["7"], "HTTP/1.1 200 OK\r\n\r\n", `${ID} 1:7, HTTP/1.1 200 OK\r\n\r\n`],
  "to several connections": [["7", "12", "300"], "x", `${ID} 8:7 12 300, x`],
  "of any bytes": [["1"], "\0\xff ,", `${ID} 1:1, \0\xff ,`],
  "that closes a connection": [["9"], "", `${ID} 1:9, `],
};
for (const [what, [connIds, payload, reply]] of Object.entries(replies)) {
  Deno.test(`a reply ${what} is written as Mongrel2 reads it`, () => {
    assertEquals(formatReply(ID, connIds, bytesOf(payload)), bytesOf(reply));
    const header = replyHeader(ID, connIds);
    assertEquals(header, reply.slice(0, reply.length - payload.length));
  });
}

Deno.test("a reply to as many connections as Mongrel2 takes is one netstring of them", () => {
  const connIds = Array.from({ length: MAX_REPLY_TARGETS }, (_, i) => String(i));
  const ids = connIds.join(" ");
  assertEquals(MAX_REPLY_TARGETS, 128);
  assertEquals(replyHeader("s", connIds), `s ${ids.length}:${ids}, `);
});

const controls: [ControlRequest, string][] = [
  [{ "keep-alive": true }, "31:3:ctl,21:10:keep-alive,4:true!}]"],
  [{ credits: 65_536 }, "28:3:ctl,18:7:credits,5:65536#}]"],
  [{ cancel: true }, "26:3:ctl,16:6:cancel,4:true!}]"],
  [{ "keep-alive": false, credits: 0 }, "46:3:ctl,36:10:keep-alive,5:false!7:credits,1:0#}]"],
  [{}, "9:3:ctl,0:}]"],
];
for (const [request, payload] of controls) {
  Deno.test(`the control ${JSON.stringify(request)} is written as Mongrel2 reads it`, () => {
    const written = formatControl(ID, ["7", "12"], request);
    assertEquals(latin1Text(written, 0, written.length), `${ID} 6:X 7 12, ${payload}`);
    const { value, next } = parseTnetstring(bytesOf(payload));
    assertEquals(next, payload.length);
    assertEquals(value, [bytesOf("ctl"), Object.assign(Object.create(null), request)]);
  });
}

Deno.test("headers are found by their exact names", () => {
  const message = {
    headers: [["x-a", "1"], ["x-a", "2"], ["METHOD", "GET"], ["x-b", ""]],
  } as const;
  assertEquals(headerValues(message, "x-a"), ["1", "2"]);
  assertEquals(headerValues(message, "METHOD"), ["GET"]);
  assertEquals(headerValues(message, "X-A"), []);
  assertEquals(headerValue(message, "x-a"), "1");
  assertEquals(headerValue(message, "METHOD"), "GET");
  assertEquals(headerValue(message, "x-b"), "");
  assertEquals(headerValue(message, "X-A"), undefined);
});
