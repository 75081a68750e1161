import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { authorityOf, fieldsOf, targetOf } from "../support/heads.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import type { Peer, RequestHead } from "../../src/message/exchange.ts";
import { latin1Text } from "../../src/message/fields.ts";
import type { HttpLimits } from "../../src/http1/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { parseMessage } from "../../src/mongrel2/codec/message.ts";
import type { Mongrel2Message } from "../../src/mongrel2/codec/message.ts";
import { translateMessage } from "../../src/mongrel2/codec/translate.ts";
import type { TranslatedRequest } from "../../src/mongrel2/codec/translate.ts";
import { urlOf } from "../../src/message/request_url.ts";
import { clientOf } from "../../src/message/client.ts";
import { requestFields } from "../../src/worker/request_fields.ts";
import { variablesOf } from "../../src/worker/meta_variables.ts";

const localAddr = { transport: "tcp", hostname: "127.0.0.1", port: 9_999 } as const;
const PEERS: { http: Peer; https: Peer } = {
  http: { endpoint: "mongrel2", scheme: "http", remoteAddr: localAddr, localAddr },
  https: { endpoint: "mongrel2", scheme: "https", remoteAddr: localAddr, localAddr },
};

/** Headers, whose code units are bytes; a list is a header that is repeated. */
type Headers = Record<string, string | readonly string[] | undefined>;

const GET: Headers = {
  "PATH": "/",
  "host": "example.com",
  "METHOD": "GET",
  "VERSION": "HTTP/1.1",
  "URI": "/",
  "PATTERN": "/",
  "URL_SCHEME": "http",
  "REMOTE_ADDR": "192.0.2.1",
};

/** The message of a GET request with other headers besides, or instead. */
function messageOf(headers: Headers): Mongrel2Message {
  return {
    senderId: "sender",
    connId: "1",
    path: "/",
    headers: Object.entries({ ...GET, ...headers }).flatMap(([name, value]) =>
      (value === undefined ? [] : [value].flat()).map((each): [string, string] => [name, each])
    ),
    body: new Uint8Array(0),
  };
}

function translate(headers: Headers, limits: Partial<HttpLimits> = {}): TranslatedRequest {
  return translateMessage(messageOf(headers), PEERS, { ...DEFAULT_HTTP_LIMITS, ...limits });
}

function headOf(headers: Headers, limits: Partial<HttpLimits> = {}): RequestHead {
  return translate(headers, limits).head;
}

function refused(headers: Headers, limits: Partial<HttpLimits> = {}): number {
  return assertThrows(() => translate(headers, limits), ProtocolError).status;
}

Deno.test("a request becomes a head", () => {
  const { head, keepsAlive } = translate({
    "METHOD": "POST",
    "URI": "/a%20b?q=1&r=%C3%A4",
    "PATH": "/a%20b",
    "QUERY": "q=1&r=%C3%A4",
    "host": "Example.com:81",
    "x-forwarded-for": "192.0.2.1",
    "content-type": "text/plain",
    "cookie": ["a=1", "b=2"],
  });
  assertEquals(head.method, "POST");
  assertEquals(head.minorVersion, 1);
  assertEquals(head.role, "responder");
  assertEquals(head.bodyLength, 0);
  assertEquals(head.expectsContinue, false);
  assertEquals(head.peer, PEERS.http);
  assertEquals(keepsAlive, true);
  assertEquals(targetOf(head), "/a%20b?q=1&r=%C3%A4");
  assertEquals(authorityOf(head), "Example.com:81");
  assertEquals(urlOf(head), "http://example.com:81/a%20b?q=1&r=%C3%A4");
  assertEquals(fieldsOf(head), [
    ["host", "Example.com:81"],
    ["x-forwarded-for", "192.0.2.1"],
    ["content-type", "text/plain"],
    ["cookie", "a=1"],
    ["cookie", "b=2"],
  ]);
});

// RFC 6265 5.4: a list of pairs, of whatever fields.
Deno.test("an app gets the cookies of several fields as one list", () => {
  for (const cookie of [["a=1", "b=2", "c=3"], ["a=1; b=2", "c=3"]]) {
    const head = headOf({ cookie, "x-a": ["1", "2"] });
    const fields = new globalThis.Headers(requestFields(head));
    assertEquals([fields.get("cookie"), fields.get("x-a")], ["a=1; b=2; c=3", "1, 2"]);
    assertEquals(variablesOf(head, "").HTTP_COOKIE, "a=1; b=2; c=3");
  }
});

Deno.test("the head's bytes are its own", () => {
  const first = headOf({ "URI": "/first", "x-a": "first" });
  const second = headOf({ "URI": "/other", "x-a": "other" });
  assertEquals([targetOf(first), targetOf(second)], ["/first", "/other"]);
  first.detach();
  assertEquals(fieldsOf(first), [["host", "example.com"], ["x-a", "first"]]);
  assertEquals(variablesOf(first, "").URI, "/first");
  assertEquals(urlOf(first), "http://example.com/first");
});

const FOLDER = new URL("../fixtures/mongrel2/", import.meta.url);
const requests: { file: string; sent: string[] }[] = JSON.parse(
  Deno.readTextFileSync(new URL("index.json", FOLDER)),
).messages.filter(({ client }: { client: string }) => !/websocket|jssocket/.test(client));

for (const { file, sent } of requests) {
  const message = parseMessage(Deno.readFileSync(new URL(file, FOLDER)));
  if (message.path === "@*") continue;
  Deno.test(`the captured message ${file} becomes the head of the request`, () => {
    const { head, keepsAlive } = translateMessage(message, PEERS, DEFAULT_HTTP_LIMITS);
    const [line, ...lines] = sent[0].split("\r\n\r\n")[0].split("\r\n");
    assertEquals(`${head.method} ${targetOf(head)} HTTP/1.${head.minorVersion}`, line);
    const expected = [...lines, "x-forwarded-for: 127.0.0.1"].map((each) =>
      each.replace(/^[^:]+/, (name) => name.toLowerCase())
    );
    const fields = fieldsOf(head).map(([name, value]) => `${name}: ${value}`);
    assertEquals(fields.toSorted(), expected.toSorted());
    // Mongrel2 does not go on well after a chunked body.
    assertEquals(keepsAlive, head.minorVersion === 1 && !/^transfer-encoding:/im.test(sent[0]));
    const host = /^host: (.*)$/im.exec(sent[0])?.[1].trimEnd() ?? "";
    assertEquals(authorityOf(head), host);
    const env = variablesOf(head, "");
    assertEquals(env.REMOTE_ADDR, "127.0.0.1");
    assertEquals(env.REQUEST_METHOD, head.method);
  });
}

const targets: [string, string][] = [
  ["/", "/"],
  ["//", "//"],
  ["/a%2Fb/./c/../d?x=%zz&y", "/a%2Fb/./c/../d?x=%zz&y"],
  ["/[|]?\\^`{|}", "/[|]?\\^`{|}"],
  ["*", "*"],
  ["http://other.example/p?q", "http://other.example/p?q"],
  ["https://other.example", "https://other.example"],
];
for (const [uri, target] of targets) {
  Deno.test(`the URI ${JSON.stringify(uri)} is the target ${target}`, () => {
    const head = headOf({ METHOD: "OPTIONS", URI: uri });
    assertEquals(targetOf(head), target);
    assert(URL.canParse(urlOf(head)));
  });
}

Deno.test("what is no request target is refused", () => {
  for (
    const uri of [
      undefined,
      "",
      "a",
      "?q",
      "**",
      "ftp://a/",
      "http://",
      "http:///a",
      "http://a@b/",
      "@chat",
      // What has to be percent-encoded.
      "/a b",
      "/a\\b",
      "/caf\xc3\xa9",
      "/\xff\x00\x7f",
      "/a#b",
      "/a\r\nx-a: b",
    ]
  ) {
    assertEquals([uri, refused({ URI: uri })], [uri, 400]);
  }
});

Deno.test("methods are tokens of up to 32 characters", () => {
  for (const method of ["GET", "m", "PROPFIND", "x".repeat(32), "!#$%&'*+-.^_`|~09"]) {
    assertEquals(headOf({ METHOD: method }).method, method);
  }
  for (
    const method of [undefined, "", "GE T", "GET\n", "\xe9", "\u0100", "a\0", "G(", "x".repeat(33)]
  ) {
    assertEquals([method, refused({ METHOD: method })], [method, 400]);
  }
});

Deno.test("the scheme is https only where Mongrel2 says so", () => {
  assertEquals(headOf({ URL_SCHEME: "https" }).peer, PEERS.https);
  assertEquals(urlOf(headOf({ URL_SCHEME: "https" })), "https://example.com/");
  for (const scheme of ["http", "HTTPS", "", "ftp", undefined]) {
    assertEquals(headOf({ URL_SCHEME: scheme }).peer, PEERS.http);
  }
  assertEquals(headOf({ "url_scheme": "https" }).peer, PEERS.http);
});

const connections: [string, string | string[] | undefined, boolean][] = [
  ["HTTP/1.1", undefined, true],
  ["HTTP/1.1", "keep-alive", true],
  ["HTTP/1.1", "close", false],
  ["HTTP/1.1", "Close", false],
  ["HTTP/1.1", "x,  CLOSE\t,y", false],
  ["HTTP/1.1", "keep-alive, close", false],
  ["HTTP/1.1", ["keep-alive", "close"], false],
  ["HTTP/1.1", "closed", true],
  ["HTTP/1.1", "Upgrade", true],
  ["HTTP/1.0", undefined, false],
  ["HTTP/1.0", "keep-alive", true],
  ["HTTP/1.0", "Keep-Alive", true],
  ["HTTP/1.0", ["x", "keep-alive"], true],
  ["HTTP/1.0", "keep-alive, close", false],
  ["HTTP/1.0", "keep alive", false],
];
for (const [version, connection, keepsAlive] of connections) {
  const what = `${version} with ${
    connection === undefined ? "no Connection" : `Connection: ${connection}`
  }`;
  Deno.test(`${what} ${keepsAlive ? "keeps the connection" : "closes the connection"}`, () => {
    const request = translate({ VERSION: version, connection });
    assertEquals(request.keepsAlive, keepsAlive);
    assertEquals(request.head.minorVersion, version === "HTTP/1.0" ? 0 : 1);
    assertEquals(variablesOf(request.head, "").SERVER_PROTOCOL, version);
  });
}

Deno.test("hosts that make a URL are taken, with HTTP/1.0 none, too", () => {
  for (
    const host of ["a", "a:", "a:80", "A.Example:65535", "[::1]", "[::1]:8080", "192.0.2.1", ""]
  ) {
    assertEquals(authorityOf(headOf({ host })), host);
  }
  const head = headOf({ host: undefined, VERSION: "HTTP/1.0" });
  assertEquals(authorityOf(head), "");
  assertEquals(urlOf(head), "http://127.0.0.1:9999/");
});

Deno.test("bad hosts are refused", () => {
  const hosts = [
    "a b",
    " a",
    "a/b",
    "a@b",
    "a?b",
    "a:x",
    "a:99999999",
    "a:65536",
    "[::1",
    "[x]",
    "\xe9",
  ];
  for (const host of [...hosts, "a\r\nx: y", "a\0", "a,b c", "%", "a#b", "a\\b", "1.2.3.4.5.6"]) {
    assertEquals([host, refused({ host })], [host, 400]);
  }
});

Deno.test("values cannot break out of their fields", () => {
  for (let byte = 0; byte < 256; byte++) {
    const value = `a${String.fromCharCode(byte)}b`;
    const isControl = (byte < 0x20 && byte !== 9) || byte === 0x7f;
    if (isControl) assertEquals([byte, refused({ "x-a": value })], [byte, 400]);
    else {assertEquals(fieldsOf(headOf({ "x-a": value })), [["host", "example.com"], [
        "x-a",
        value,
      ]]);}
  }
  for (const value of ["a\r\nx-b: c", "a\nx-b: c", "a\rb", "\r\n\r\nGET /", ["b", "a\r\n"]]) {
    assertEquals([value, refused({ "x-a": value })], [value, 400]);
  }
});

Deno.test("fields with names that are none are left out", () => {
  for (
    const name of [
      "",
      " ",
      "x a",
      "x:a",
      "x\r\na",
      "x\0",
      "\xe9",
      "\u0141",
      "(x)",
      "x\t",
      "\u0130",
      "{",
    ]
  ) {
    assertEquals([name, fieldsOf(headOf({ [name]: "1" }))], [name, [["host", "example.com"]]]);
  }
  for (const name of ["x", "0", "_a", "!#$%&'*+-.^_`|~09", "__proto__x", "constructor"]) {
    assertEquals(
      fieldsOf(headOf({ [name]: "1" })).toSorted(),
      [["host", "example.com"], [name, "1"]].toSorted(),
    );
  }
});

Deno.test("what Mongrel2 says of uploads is no field of the request", () => {
  const head = headOf({
    "x-mongrel2-upload-start": "/tmp/a",
    "x-mongrel2-upload-done": "/tmp/a",
    "x-mongrel2-upload-other": "b",
    "x-mongrel2-Upload-Other": "c",
    "x-mongrel2-other": "c",
  });
  assertEquals(fieldsOf(head), [["host", "example.com"], ["x-mongrel2-other", "c"]]);
});

Deno.test("texts beyond bytes, which other senders may write into their JSON, are taken as UTF-8", () => {
  const head = headOf({ "x-a": "\u20ac", "QUERY": "\u20ac" });
  assertEquals(fieldsOf(head)[1], ["x-a", "\xe2\x82\xac"]);
  assertEquals(variablesOf(head, "").QUERY, "\u20ac");
});

/** A GET request whose field lines have so many bytes together with the target `/`. */
function ofBytes(bytes: number): Headers {
  const others = "/host: example.com\r\nx-a: \r\n".length;
  return { "x-a": "v".repeat(bytes - others) };
}

const limited: [string, Partial<HttpLimits>, (count: number) => Headers, number, number][] = [
  [
    "bytes of the target",
    { maxTargetBytes: 50 },
    (count) => ({ URI: `/${"p".repeat(count - 1)}` }),
    50,
    414,
  ],
  ["header bytes", { maxHeaderBytes: 500 }, ofBytes, 500, 431],
  ["fields", { maxHeaderCount: 10 }, (count) => ({ "x-a": Array(count - 1).fill("v") }), 10, 431],
  [
    "fields of many names",
    { maxHeaderCount: 10 },
    (count) => Object.fromEntries(Array.from({ length: count - 1 }, (_, i) => [`x-${i}`, "v"])),
    10,
    431,
  ],
];
for (const [what, limits, headers, limit, status] of limited) {
  Deno.test(`the limit of ${what} is exact, and answered with ${status}`, () => {
    headOf(headers(limit - 1), limits);
    headOf(headers(limit), limits);
    assertEquals(refused(headers(limit + 1), limits), status);
    assertEquals(refused(headers(limit * 10), limits), status);
  });
}

Deno.test("Mongrel2's own headers do not count for the limits", () => {
  headOf({ PATH: "x".repeat(1_000), EXTRA: "y" }, { maxHeaderCount: 1, maxHeaderBytes: 50 });
});

Deno.test("the variables are Mongrel2's own besides those of CGI", () => {
  const head = headOf({
    "METHOD": "POST",
    "URI": "/app/a%20b?q=1",
    "PATH": "/app/a%20b",
    "QUERY": "q=1",
    "PATTERN": "/app",
    "URL_SCHEME": "https",
    "EXTRA": "caf\xc3\xa9",
    "LATIN": "\xe9",
    "host": "example.com:8443",
    "x-two-words": ["1", "2"],
    "cookie": ["a=1", "b=2"],
    "content-type": "text/plain",
    "x_underscored": "no",
    "proxy": "no",
    "remote_addr": "no",
    "remote-addr": "field",
  });
  head.bodyLength = 5;
  const env = variablesOf(head, "/app");
  assertEquals({ ...env }, {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "gatehouse",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_NAME: "example.com",
    SERVER_PORT: "8443",
    REQUEST_METHOD: "POST",
    REQUEST_SCHEME: "https",
    REQUEST_URI: "/app/a%20b?q=1",
    SCRIPT_NAME: "/app",
    PATH_INFO: "/a b",
    QUERY_STRING: "q=1",
    HTTPS: "on",
    REMOTE_ADDR: "192.0.2.1",
    CONTENT_TYPE: "text/plain",
    CONTENT_LENGTH: "5",
    HTTP_HOST: "example.com:8443",
    HTTP_X_TWO_WORDS: "1, 2",
    HTTP_COOKIE: "a=1; b=2",
    HTTP_REMOTE_ADDR: "field",
    METHOD: "POST",
    VERSION: "HTTP/1.1",
    URI: "/app/a%20b?q=1",
    PATH: "/app/a%20b",
    QUERY: "q=1",
    PATTERN: "/app",
    URL_SCHEME: "https",
    EXTRA: "café",
    LATIN: "\xe9",
  });
  assertEquals(clientOf(head), { transport: "tcp", hostname: "192.0.2.1", port: 0 });
});

Deno.test("a client's fields cannot pass for what Mongrel2 says", () => {
  const { head } = translate({
    "remote_addr": "203.0.113.9",
    "method": "DELETE",
    "uri": "/other",
    "x-REMOTE_ADDR": "203.0.113.9",
  });
  assertEquals([head.method, targetOf(head)], ["GET", "/"]);
  assertEquals(variablesOf(head, "").REMOTE_ADDR, "192.0.2.1");
});

Deno.test("whatever headers there are, they are refused or make a head that can be used", () => {
  const random = new Random(7);
  const names = [
    "x-a",
    "host",
    "connection",
    "cookie",
    "URI",
    "METHOD",
    "VERSION",
    "EXTRA",
    "proxy",
    "",
  ];
  const alphabet = 'aZ09/:.%?&=#@[]* -,;"\\\r\n\t\0\x7f\x80\xff\u20ac';
  let heads = 0;
  for (let round = 0; round < 5_000; round++) {
    const headers: Headers = {};
    for (let i = random.below(5); i > 0; i--) {
      const text = () =>
        random.text(random.below(12), alphabet.slice(0, random.pick([10, 25, 40])));
      const name = random.below(4) === 0 ? text() : random.pick(names);
      headers[name] = name === "URI"
        ? `/${text()}`
        : random.below(3) === 0
        ? [text(), text()]
        : text();
    }
    let head: RequestHead;
    try {
      head = headOf(headers);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      continue;
    }
    heads++;
    assert(URL.canParse(urlOf(head)));
    variablesOf(head, "");
    const text = latin1Text(head.block, head.fieldsStart, head.fieldsEnd);
    assert(/^(?:[!#$%&'*+\-.^_`|~\w]+: [\t\x20-\x7e\x80-\xff]*\r\n)*$/.test(text), text);
    assertEquals(bytesOf(text).length, text.length);
  }
  assert(heads > 500);
});
