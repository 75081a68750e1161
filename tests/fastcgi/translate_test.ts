import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { BufferPool } from "../../src/base/buffers.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import type { Peer, RequestHead } from "../../src/message/exchange.ts";
import { UNKNOWN_LENGTH } from "../../src/message/exchange.ts";
import type { FastCgiLimits } from "../../src/fastcgi/codec/limits.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../../src/fastcgi/codec/limits.ts";
import { RequestTranslator } from "../../src/fastcgi/codec/translate.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { urlOf } from "../../src/message/request_url.ts";
import { encodePairs } from "../support/fastcgi.ts";
import { authorityOf, fieldsOf, targetOf } from "../support/heads.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

const RESPONDER = 1;
const AUTHORIZER = 2;
const FILTER = 3;

const localAddr = { transport: "tcp", hostname: "127.0.0.1", port: 9_000 } as const;
const remoteAddr = { transport: "tcp", hostname: "127.0.0.1", port: 54_321 } as const;
const PEERS: { http: Peer; https: Peer } = {
  http: { endpoint: "fastcgi", scheme: "http", remoteAddr, localAddr },
  https: { endpoint: "fastcgi", scheme: "https", remoteAddr, localAddr },
};

/** Parameters, whose code units are bytes; entries may repeat a name. */
type Params = Record<string, string> | [string, string][];

function encode(values: Params): Uint8Array {
  const entries = Array.isArray(values) ? values : Object.entries(values);
  return encodePairs(entries.map(([name, value]) => [bytesOf(name), bytesOf(value)]));
}

/** What `values` are translated to, by a translator that has had others before. */
function translate(
  values: Params,
  role = RESPONDER,
  limits: Partial<FastCgiLimits> = {},
): RequestHead {
  const translator = new RequestTranslator(
    { ...DEFAULT_FASTCGI_LIMITS, ...limits },
    new BufferPool(),
  );
  const other = { ...GET, REQUEST_URI: "/other", HTTPS: "on", HTTP_HOST: "other:1", HTTP_X: "y" };
  const before = encode({ ...other, CONTENT_LENGTH: "7", CONTENT_TYPE: "other", PATH_INFO: "/o" });
  try {
    translator.translate(before, before.length, RESPONDER, PEERS);
  } catch (error) {
    // Over the limits of this test.
    if (!(error instanceof ProtocolError)) throw error;
  }
  const bytes = encode(values);
  // More than the parameters may be in the buffer.
  const buffer = new Uint8Array(bytes.length + 100).fill(0x41);
  buffer.set(bytes);
  const head = translator.translate(buffer, bytes.length, role, PEERS);
  buffer.fill(0x58);
  return head;
}

function refused(values: Params, limits: Partial<FastCgiLimits> = {}): number {
  return assertThrows(() => translate(values, RESPONDER, limits), ProtocolError).status;
}

const GET = { REQUEST_METHOD: "GET", REQUEST_URI: "/", HTTP_HOST: "example.com" };

/** `GET` without some parameters, and with others. */
function having(values: Record<string, string | undefined>): Record<string, string> {
  const all: Record<string, string | undefined> = { ...GET, ...values };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

Deno.test("a request of a web server becomes a head", () => {
  const values = {
    REQUEST_METHOD: "POST",
    REQUEST_URI: "/app/a%20b?q=1&r=%C3%A4",
    SCRIPT_NAME: "/app",
    PATH_INFO: "/a b",
    QUERY_STRING: "ignored=1",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_NAME: "server.example",
    SERVER_PORT: "8080",
    CONTENT_TYPE: "text/plain",
    CONTENT_LENGTH: "12",
    HTTP_HOST: "Example.com:81",
    HTTP_USER_AGENT: "test/1.0",
    HTTP_X_TWO_WORDS: "one, two",
    REMOTE_ADDR: "192.0.2.1",
    X_OTHER: "not a field",
  };
  const head = translate(values);
  assertEquals(head.method, "POST");
  assertEquals(head.minorVersion, 1);
  assertEquals(head.role, "responder");
  assertEquals(head.bodyLength, 12);
  assertEquals(head.expectsContinue, false);
  assertEquals(head.peer, PEERS.http);
  assertEquals(targetOf(head), "/app/a%20b?q=1&r=%C3%A4");
  assertEquals(authorityOf(head), "Example.com:81");
  assertEquals(urlOf(head), "http://example.com:81/app/a%20b?q=1&r=%C3%A4");
  assertEquals(fieldsOf(head), [
    ["host", "Example.com:81"],
    ["user-agent", "test/1.0"],
    ["x-two-words", "one, two"],
    ["content-type", "text/plain"],
    ["content-length", "12"],
  ]);
  assertEquals(head.block.slice(head.paramsStart, head.paramsEnd), encode(values));
});

Deno.test("the head survives its translator, once it is detached", () => {
  const translator = new RequestTranslator(DEFAULT_FASTCGI_LIMITS, new BufferPool());
  const values = { ...GET, REQUEST_URI: "/first", HTTP_X: "1", OTHER: "2" };
  const first = encode(values);
  const head = translator.translate(first, first.length, RESPONDER, PEERS);
  head.detach();
  const second = encode({ ...GET, REQUEST_URI: "/second-and-longer", HTTP_X: "3" });
  translator.translate(second, second.length, RESPONDER, PEERS);
  assertEquals(urlOf(head), "http://example.com/first");
  assertEquals(fieldsOf(head), [["host", "example.com"], ["x", "1"]]);
  assertEquals(head.block.slice(head.paramsStart, head.paramsEnd), encode(values));
});

Deno.test("the parameters are kept as they were sent", () => {
  const cases: Params[] = [
    [["REQUEST_METHOD", "GET"], ["A", "1"], ["A", "2"], ["", ""], ["\xff", "\xfe"]],
    { REQUEST_METHOD: "GET", LONG: "x".repeat(20_000), ["N".repeat(300)]: "" },
    { REQUEST_METHOD: "GET", CONTROL: "a\r\nb\0" },
  ];
  for (const values of cases) {
    const head = translate(values);
    assertEquals(head.block.slice(head.paramsStart, head.paramsEnd), encode(values));
  }
});

Deno.test("the role is the one that was asked for", () => {
  const cases: [number, string][] = [
    [RESPONDER, "responder"],
    [AUTHORIZER, "authorizer"],
    [FILTER, "filter"],
  ];
  for (const [role, name] of cases) assertEquals(translate(GET, role).role, name);
});

Deno.test("methods are tokens, and cannot be missing but for authorizers", () => {
  const long = "M".repeat(300);
  for (
    const method of ["GET", "HEAD", "POST", "get", "PROPFIND", "M-SEARCH", "!#$%&'*+-.^_`|~", long]
  ) {
    assertEquals(translate(having({ REQUEST_METHOD: method })).method, method);
  }
  for (const method of ["G T", "GET ", "GET\r\nX: y", "G\0T", "GET/", "\xc4", "(", undefined, ""]) {
    assertEquals(refused(having({ REQUEST_METHOD: method })), 400, method);
  }
  assertEquals(translate({}, AUTHORIZER).method, "GET");
  assertEquals(translate({ REQUEST_METHOD: "PUT" }, AUTHORIZER).method, "PUT");
  assertEquals(urlOf(translate({}, AUTHORIZER)), "http://127.0.0.1:9000/");
});

const ORIGIN = "http://example.com";

Deno.test("the URL is that of REQUEST_URI", () => {
  const cases: [string, string, string][] = [
    // REQUEST_URI, the target, and the URL.
    ["/", "/", `${ORIGIN}/`],
    ["/a/b?c=d&e", "/a/b?c=d&e", `${ORIGIN}/a/b?c=d&e`],
    ["/a%2Fb%zz", "/a%2Fb%zz", `${ORIGIN}/a%2Fb%zz`],
    ["/[|]", "/[|]", `${ORIGIN}/[|]`],
    ["/?\\^`{|}", "/?\\^`{|}", `${ORIGIN}/?\\^\`{|}`],
    ["/a/../b/./c", "/a/../b/./c", `${ORIGIN}/b/c`],
    ["/a/%2e%2E/b", "/a/%2e%2E/b", `${ORIGIN}/b`],
    ["//evil.example/a", "//evil.example/a", `${ORIGIN}//evil.example/a`],
    ["/?", "/?", `${ORIGIN}/?`],
    ["*", "*", `${ORIGIN}/`],
    ["http://other.example/a?b", "http://other.example/a?b", "http://other.example/a?b"],
    ["HTTPS://Other.Example:8443", "HTTPS://Other.Example:8443", "http://other.example:8443/"],
    ["http://[::1]:80/a", "http://[::1]:80/a", "http://[::1]/a"],
  ];
  for (const [uri, target, url] of cases) {
    const head = translate(having({ REQUEST_URI: uri, SCRIPT_NAME: "/no", QUERY_STRING: "no" }));
    assertEquals(targetOf(head), target);
    assertEquals(urlOf(head), url);
  }
});

Deno.test("a REQUEST_URI that is no request target is refused", () => {
  const uris = [
    "a",
    "a/b",
    "?a",
    "#",
    " /",
    "**",
    "ftp://example.com/",
    "javascript:alert(1)",
    "http:",
    "http:/a",
    "http://",
    "http:///a",
    "http://?a",
    "http://@a/",
    "http://[::1/",
    "http://a:99999/",
    "http://a b/",
    "example.com:443",
    "\xff",
    // What has to be percent-encoded: a server that passes it on must not see another path.
    "/\\evil",
    "/a#b",
    "/a?b#c",
    "/a b",
    '/"',
    "/{}",
    "/?<>",
    "/\xc3\xa4",
    "/?\xe2\x82\xac",
    "/\0\r\n\t\x7f",
  ];
  for (const uri of uris) assertEquals(refused(having({ REQUEST_URI: uri })), 400, uri);
});

Deno.test("a REQUEST_URI with credentials is refused: no Request can have such a URL", () => {
  for (const uri of ["http://a@b/", "http://a:b@c/d", "https://:x@c/"]) {
    assertEquals(refused(having({ REQUEST_URI: uri })), 400, uri);
  }
});

Deno.test("without REQUEST_URI, the URL is made of its decoded parts", () => {
  const cases: [Record<string, string>, string][] = [
    [{}, "/"],
    [{ SCRIPT_NAME: "/app" }, "/app"],
    [{ PATH_INFO: "/path" }, "/path"],
    [{ SCRIPT_NAME: "/app", PATH_INFO: "/path" }, "/app/path"],
    [{ SCRIPT_NAME: "/app", PATH_INFO: "/path", QUERY_STRING: "a=b&c" }, "/app/path?a=b&c"],
    [{ QUERY_STRING: "a=b" }, "/?a=b"],
    [{ QUERY_STRING: "" }, "/"],
    [{ PATH_INFO: "/a b?c#d%e" }, "/a%20b%3Fc%23d%25e"],
    [{ PATH_INFO: "/\xc3\xa4\xff" }, "/%C3%A4%FF"],
    [{ PATH_INFO: "/-._~!$&'()*+,;=:@" }, "/-._~!$&'()*+,;=:@"],
    [{ PATH_INFO: '/"<>[\\]^`{|}' }, "/%22%3C%3E%5B%5C%5D%5E%60%7B%7C%7D"],
    [{ QUERY_STRING: "a b#c\xe4%20?" }, "/?a%20b%23c%E4%20?"],
    [{ PATH_INFO: "/\r\nX: y", QUERY_STRING: "\r\n" }, "/%0D%0AX:%20y?%0D%0A"],
    [{ REQUEST_URI: "", PATH_INFO: "/used" }, "/used"],
  ];
  for (const [values, target] of cases) {
    const head = translate(having({ REQUEST_URI: undefined, ...values }));
    assertEquals(targetOf(head), target);
    assertEquals(urlOf(head), ORIGIN + target);
  }
  for (const values of [{ SCRIPT_NAME: "app" }, { PATH_INFO: "path" }, { PATH_INFO: "*" }]) {
    assertEquals(refused(having({ REQUEST_URI: undefined, ...values })), 400);
  }
});

Deno.test("the scheme is what the web server says of it", () => {
  const cases: [Record<string, string>, string][] = [
    [{}, "http"],
    [{ HTTPS: "on" }, "https"],
    [{ HTTPS: "ON" }, "https"],
    [{ HTTPS: "1" }, "https"],
    [{ HTTPS: "yes" }, "https"],
    [{ HTTPS: "true" }, "https"],
    [{ HTTPS: "off" }, "http"],
    [{ HTTPS: "" }, "http"],
    [{ HTTPS: "0" }, "http"],
    [{ HTTPS: "no" }, "http"],
    [{ REQUEST_SCHEME: "https" }, "https"],
    [{ REQUEST_SCHEME: "HTTPS" }, "https"],
    [{ REQUEST_SCHEME: "http" }, "http"],
    [{ REQUEST_SCHEME: "ftp" }, "http"],
    [{ HTTP_HTTPS: "on" }, "http"],
    [{ HTTP_X_FORWARDED_PROTO: "https" }, "http"],
  ];
  for (const [values, scheme] of cases) {
    const head = translate(having(values));
    assertEquals(head.peer.scheme, scheme, JSON.stringify(values));
    assertEquals(urlOf(head), `${scheme}://example.com/`);
  }
});

Deno.test("the minor version is 0 for HTTP/1.0 only", () => {
  const cases: [string, number][] = [
    ["HTTP/1.0", 0],
    ["http/1.0", 0],
    ["HTTP/1.1", 1],
    ["HTTP/2.0", 1],
    ["HTTP/3", 1],
    ["INCLUDED", 1],
    ["", 1],
  ];
  for (const [protocol, minorVersion] of cases) {
    assertEquals(translate(having({ SERVER_PROTOCOL: protocol })).minorVersion, minorVersion);
  }
});

Deno.test("the authority is HTTP_HOST, or else SERVER_NAME with SERVER_PORT", () => {
  const cases: [Record<string, string | undefined>, string, string][] = [
    [{ HTTP_HOST: "a" }, "a", "http://a/"],
    [{ HTTP_HOST: "a:8080", SERVER_NAME: "b", SERVER_PORT: "1" }, "a:8080", "http://a:8080/"],
    [{ HTTP_HOST: "[::1]:1" }, "[::1]:1", "http://[::1]:1/"],
    [{ SERVER_NAME: "b" }, "b", "http://b/"],
    [{ SERVER_NAME: "b", SERVER_PORT: "80" }, "b:80", "http://b/"],
    [{ SERVER_NAME: "b", SERVER_PORT: "443", HTTPS: "on" }, "b:443", "https://b/"],
    [{ SERVER_NAME: "b", SERVER_PORT: "443" }, "b:443", "http://b:443/"],
    [{ SERVER_NAME: "b", SERVER_PORT: "" }, "b", "http://b/"],
    [{ SERVER_NAME: "b", SERVER_PORT: "x" }, "b", "http://b/"],
    [{ SERVER_NAME: "::1", SERVER_PORT: "80" }, "[::1]:80", "http://[::1]/"],
    [{ SERVER_NAME: "[::1]", SERVER_PORT: "81" }, "[::1]:81", "http://[::1]:81/"],
    [{ SERVER_NAME: "2001:db8::1" }, "[2001:db8::1]", "http://[2001:db8::1]/"],
    // Names that are patterns, or no names, are left out.
    [{ SERVER_NAME: "~^(?<name>.+)\\.example$" }, "", "http://127.0.0.1:9000/"],
    [{ SERVER_NAME: "a b" }, "", "http://127.0.0.1:9000/"],
    [{ SERVER_NAME: "a/b" }, "", "http://127.0.0.1:9000/"],
    [{ SERVER_NAME: "b", SERVER_PORT: "99999" }, "", "http://127.0.0.1:9000/"],
    [{ SERVER_NAME: "" }, "", "http://127.0.0.1:9000/"],
    [{}, "", "http://127.0.0.1:9000/"],
  ];
  for (const [values, authority, url] of cases) {
    const head = translate(having({ HTTP_HOST: undefined, ...values }));
    assertEquals(authorityOf(head), authority, JSON.stringify(values));
    assertEquals(urlOf(head), url);
  }
});

Deno.test("an empty HTTP_HOST is as good as none", () => {
  const head = translate(having({ HTTP_HOST: "", SERVER_NAME: "b", SERVER_PORT: "81" }));
  assertEquals(authorityOf(head), "b:81");
  assertEquals(urlOf(head), "http://b:81/");
});

Deno.test("a malformed HTTP_HOST is the client's fault", () => {
  const hosts = [
    "a b",
    "a/b",
    "a@b",
    "a?b",
    "a#b",
    "a:b",
    "a:99999",
    "::1",
    "[::1",
    "[g]",
    "\xe4",
    "a\\b",
    "<a>",
  ];
  for (const host of hosts) assertEquals(refused(having({ HTTP_HOST: host })), 400, host);
});

Deno.test("header fields have the names that CGI gave them, in lower case with hyphens", () => {
  const head = translate([
    ["REQUEST_METHOD", "GET"],
    ["HTTP_ACCEPT", "*/*"],
    ["HTTP_X_Mixed_Case", "1"],
    ["HTTP_!#$%&'*+-.^`|~", "2"],
    ["HTTP_X", ""],
    ["HTTP_X_OBS", "\xe4\xff"],
    ["HTTP_X_TAB", "a\tb  c "],
    ["http_lower", "no"],
    ["Http_X", "no"],
    ["HTTP-X", "no"],
    ["HTTPX", "no"],
    ["HTTP_", "no"],
    ["XHTTP_Y", "no"],
    ["HTTP", "no"],
  ]);
  assertEquals(fieldsOf(head), [
    ["accept", "*/*"],
    ["x-mixed-case", "1"],
    ["!#$%&'*+-.^`|~", "2"],
    ["x", ""],
    ["x-obs", "\xe4\xff"],
    ["x-tab", "a\tb  c"],
  ]);
});

Deno.test("parameters whose names are those of no fields are left out of them", () => {
  for (const name of ["A B", "A:B", "A\r\nX", "A\0", "\xc4", "A/B", "A(B)", "A=", '"']) {
    const head = translate(having({ [`HTTP_${name}`]: "no", HTTP_AFTER: "yes" }));
    assertEquals(fieldsOf(head), [["host", "example.com"], ["after", "yes"]], name);
    assertEquals(authorityOf(head), "example.com");
  }
});

Deno.test("no value can smuggle in a field", () => {
  for (const value of ["a\r\nX: y", "a\nX: y", "a\rb", "a\0b", "\r\n", "\x01", "\x1f", "\x7f"]) {
    for (const name of ["HTTP_X", "HTTP_HOST", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_COOKIE"]) {
      assertEquals(refused(having({ [name]: value })), 400, `${name}: ${JSON.stringify(value)}`);
    }
  }
});

Deno.test("CONTENT_LENGTH and CONTENT_TYPE count, whatever the fields of these names say", () => {
  const cases: [Record<string, string>, number, [string, string][]][] = [
    [{ CONTENT_LENGTH: "5" }, 5, [["content-length", "5"]]],
    [{ CONTENT_LENGTH: "0" }, 0, [["content-length", "0"]]],
    [{ CONTENT_LENGTH: "007" }, 7, [["content-length", "007"]]],
    [{ CONTENT_LENGTH: "" }, UNKNOWN_LENGTH, []],
    // What some web servers send for a body whose length they do not know.
    [{ CONTENT_LENGTH: "-1" }, UNKNOWN_LENGTH, []],
    [{}, UNKNOWN_LENGTH, []],
    [{ HTTP_CONTENT_LENGTH: "5" }, UNKNOWN_LENGTH, []],
    [{ CONTENT_LENGTH: "5", HTTP_CONTENT_LENGTH: "6" }, 5, [["content-length", "5"]]],
    [{ HTTP_CONTENT_LENGTH: "6", CONTENT_LENGTH: "5" }, 5, [["content-length", "5"]]],
    [{ CONTENT_TYPE: "a/b" }, UNKNOWN_LENGTH, [["content-type", "a/b"]]],
    [{ CONTENT_TYPE: "" }, UNKNOWN_LENGTH, []],
    [{ CONTENT_TYPE: "a/b", HTTP_CONTENT_TYPE: "c/d" }, UNKNOWN_LENGTH, [["content-type", "a/b"]]],
    [{ HTTP_CONTENT_TYPE: "c/d", CONTENT_TYPE: "a/b" }, UNKNOWN_LENGTH, [["content-type", "a/b"]]],
    [{ HTTP_CONTENT_TYPE: "c/d" }, UNKNOWN_LENGTH, [["content-type", "c/d"]]],
    [{ HTTP_CONTENT_TYPE: "c/d", CONTENT_TYPE: "" }, UNKNOWN_LENGTH, [["content-type", "c/d"]]],
  ];
  for (const [values, bodyLength, fields] of cases) {
    const head = translate(having({ HTTP_HOST: undefined, ...values }));
    assertEquals(head.bodyLength, bodyLength, JSON.stringify(values));
    assertEquals(fieldsOf(head), fields, JSON.stringify(values));
  }
});

Deno.test("a malformed CONTENT_LENGTH is refused", () => {
  for (
    const length of [
      "-2",
      "-",
      "-10",
      "--1",
      "+1",
      "1.5",
      "1e3",
      "0x1",
      " 1",
      "1 ",
      "1,1",
      "a",
      "9".repeat(20),
    ]
  ) {
    assertEquals(refused(having({ CONTENT_LENGTH: length })), 400, length);
  }
});

Deno.test("an authorizer's request has no body", () => {
  const values = having({ REQUEST_METHOD: "POST", CONTENT_LENGTH: "5" });
  assertEquals(translate(values, AUTHORIZER).bodyLength, 0);
  assertEquals(translate(having({ REQUEST_METHOD: "POST" }), AUTHORIZER).bodyLength, 0);
});

Deno.test("of parameters of the same name the last one counts", () => {
  const head = translate([
    ["REQUEST_METHOD", "POST"],
    ["REQUEST_URI", "/first"],
    ["CONTENT_LENGTH", "x"],
    ["REQUEST_METHOD", "PUT"],
    ["REQUEST_URI", "/last"],
    ["CONTENT_LENGTH", "3"],
  ]);
  assertEquals([head.method, targetOf(head), head.bodyLength], ["PUT", "/last", 3]);
});

Deno.test("no repeated field escapes its check", () => {
  const twice = (name: string, ...values: [string, string]): [string, string][] => [
    ["REQUEST_METHOD", "GET"],
    [name, values[0]],
    [name, values[1]],
  ];
  const hosts = fieldsOf(translate(twice("HTTP_HOST", "a", "b"))).filter(([name]) =>
    name === "host"
  );
  assertEquals(hosts, [["host", "b"]]);
  assertEquals(authorityOf(translate(twice("HTTP_HOST", "a", "b"))), "b");
  const types = fieldsOf(
    translate([...twice("HTTP_CONTENT_TYPE", "a/b", "c/d"), ["CONTENT_TYPE", "e/f"]]),
  );
  assertEquals(types, [["content-type", "e/f"]]);
});

Deno.test("limits are exact", () => {
  const headers = (count: number): [string, string][] => [
    ["REQUEST_METHOD", "GET"],
    ...Array.from({ length: count }, (_, i): [string, string] => [`HTTP_X${i}`, String(i)]),
  ];
  for (const count of [0, 1, 63, 64, 65, 127, 128, 129, 1_000]) {
    assertEquals(
      fieldsOf(translate(headers(count), RESPONDER, { maxHeaderCount: count })).length,
      count,
    );
    assertEquals(refused(headers(count + 1), { maxHeaderCount: count }), 431);
  }
  const uri = (bytes: number) => having({ REQUEST_URI: `/${"a".repeat(bytes - 1)}` });
  for (const maxTargetBytes of [1, 2, 100, 8_192]) {
    for (const bytes of [maxTargetBytes - 1, maxTargetBytes]) {
      if (bytes === 0) continue;
      assertEquals(targetOf(translate(uri(bytes), RESPONDER, { maxTargetBytes })).length, bytes);
    }
    assertEquals(refused(uri(maxTargetBytes + 1), { maxTargetBytes }), 414);
  }
  const parts = having({ REQUEST_URI: undefined, PATH_INFO: "/1234", QUERY_STRING: "678" });
  assertEquals(targetOf(translate(parts, RESPONDER, { maxTargetBytes: 9 })), "/1234?678");
  assertEquals(refused(parts, { maxTargetBytes: 8 }), 414);
  for (const maxBodyBytes of [1, 100, 2 ** 40]) {
    for (const bytes of [maxBodyBytes - 1, maxBodyBytes]) {
      const head = translate(having({ CONTENT_LENGTH: String(bytes) }), RESPONDER, {
        maxBodyBytes,
      });
      assertEquals(head.bodyLength, bytes);
    }
    assertEquals(
      refused(having({ CONTENT_LENGTH: String(maxBodyBytes + 1) }), { maxBodyBytes }),
      413,
    );
  }
});

Deno.test("pairs that are cut off are refused at every position", () => {
  const whole = encode(GET);
  const translator = new RequestTranslator(DEFAULT_FASTCGI_LIMITS, new BufferPool());
  let complete = 0;
  for (let end = 0; end <= whole.length; end++) {
    try {
      translator.translate(whole.subarray(0, end), end, AUTHORIZER, PEERS);
      complete++;
    } catch (error) {
      assert(error instanceof ProtocolError && error.status === 400);
    }
  }
  assertEquals(complete, 4, "only where a pair ends");
});

const NAMES = [
  "REQUEST_METHOD",
  "REQUEST_URI",
  "SCRIPT_NAME",
  "PATH_INFO",
  "QUERY_STRING",
  "CONTENT_LENGTH",
  "CONTENT_TYPE",
  "HTTPS",
  "REQUEST_SCHEME",
  "SERVER_NAME",
  "SERVER_PORT",
  "SERVER_PROTOCOL",
  "HTTP_HOST",
  "HTTP_CONTENT_TYPE",
  "HTTP_CONTENT_LENGTH",
  "HTTP_TRANSFER_ENCODING",
  "HTTP_EXPECT",
  "HTTP_X",
  "HTTP_",
  "REMOTE_ADDR",
  "__proto__",
];
const VALUES = [
  "",
  "/",
  "*",
  "GET",
  "on",
  "https",
  "1",
  "example.com",
  "::1",
  "[::1]:1",
  "http://a/",
  "http://a@b/",
  "http://[",
  "/%",
  "/..",
  "//",
  "HTTP/1.0",
  "80",
  "chunked",
];
const CHARS = "aZ09/:?#[]@!$&'()*+,;=%-._~ \t\r\n\0\x7f\xc3\xa4\xff\\^|<>{}\"`";

Deno.test("whatever the parameters, they make a head that is sound, or are refused", () => {
  const random = new Random(7);
  let heads = 0;
  for (let round = 0; round < 30_000; round++) {
    const values: [string, string][] = random.below(4) === 0
      ? []
      : [["REQUEST_METHOD", "GET"], ["REQUEST_URI", "/a"]];
    for (let i = random.below(6); i > 0; i--) {
      const name = random.below(8) === 0 ? `HTTP_${random.text(random.below(6), CHARS)}` : "";
      const value = random.below(2) === 0
        ? random.pick(VALUES)
        : random.text(random.below(12), random.pick([CHARS, "/a.%20?", "[]:.0a"]));
      values.push([name || random.pick(NAMES), value]);
    }
    const role = random.pick([RESPONDER, RESPONDER, AUTHORIZER, FILTER]);
    let head: RequestHead;
    try {
      head = translate(values, role);
    } catch (error) {
      assert(error instanceof ProtocolError, `${JSON.stringify(values)}: ${error}`);
      assert([400, 413, 414, 431].includes(error.status));
      continue;
    }
    heads++;
    const told = JSON.stringify(values);
    const url = new URL(urlOf(head));
    assertEquals([url.href, url.hash], [urlOf(head), ""], told);
    assert(/^https?:$/.test(url.protocol), told);
    assert(head.bodyLength >= UNKNOWN_LENGTH, told);
    const lines = latin1Text(head.block, head.fieldsStart, head.fieldsEnd);
    for (const line of lines.split("\r\n").slice(0, -1)) {
      assert(/^[!#$%&'*+\-.^`|~0-9a-z]+: [\t\x20-\x7e\x80-\xff]*$/.test(line), `${told}: ${line}`);
    }
    assert(lines === "" || lines.endsWith("\r\n"));
    new Headers(fieldsOf(head));
    assertEquals(head.block.slice(head.paramsStart, head.paramsEnd), encode(values));
  }
  assert(heads > 5_000, `${heads} heads`);
});
