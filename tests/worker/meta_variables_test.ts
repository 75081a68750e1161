import { assertEquals } from "../support/assert.ts";
import { encodePairs } from "../support/fastcgi.ts";
import { bytesOf } from "../support/parsing.ts";
import { BufferPool } from "../../src/base/buffers.ts";
import type { Peer, RequestHead } from "../../src/message/exchange.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../../src/fastcgi/codec/limits.ts";
import { RequestTranslator } from "../../src/fastcgi/codec/translate.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { RequestParser } from "../../src/http1/codec/parser.ts";
import { translateMessage } from "../../src/mongrel2/codec/translate.ts";
import { variablesOf } from "../../src/worker/meta_variables.ts";
import { requestFields } from "../../src/worker/request_fields.ts";

const address = { transport: "tcp", hostname: "192.0.2.1", port: 1_234 } as const;
const peer = (endpoint: Peer["endpoint"]): Peer => ({
  endpoint,
  scheme: "http",
  remoteAddr: address,
  localAddr: address,
});

function http(fields: readonly [string, string][], target = "/"): RequestHead {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS, peer("http"));
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  parser.push(bytesOf(`POST ${target} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`));
  parser.next();
  return parser.head;
}

function mongrel2(fields: readonly [string, string][]): RequestHead {
  const own = { METHOD: "POST", VERSION: "HTTP/1.1", URI: "/", PATH: "/", host: "a" };
  const headers = [
    ...Object.entries(own),
    ...fields.map(([name, value]): [string, string] => [name.toLowerCase(), value]),
  ];
  const message = { senderId: "s", connId: "1", path: "/", headers, body: new Uint8Array(0) };
  const peers = { http: peer("mongrel2"), https: peer("mongrel2") };
  return translateMessage(message, peers, DEFAULT_HTTP_LIMITS).head;
}

function fastcgi(params: readonly [string, string][]): RequestHead {
  const all = [["REQUEST_METHOD", "POST"], ["REQUEST_URI", "/"], ["HTTP_HOST", "a"], ...params];
  const bytes = encodePairs(all.map(([name, value]) => [bytesOf(name), bytesOf(value)]));
  return new RequestTranslator(DEFAULT_FASTCGI_LIMITS, new BufferPool())
    .translate(bytes, bytes.length, 1, { http: peer("fastcgi"), https: peer("fastcgi") });
}

/** Fields, and the variables made of them (RFC 3875 4.1.18). */
const FIELDS: Record<string, [fields: [string, string][], variables: Record<string, string>]> = {
  "a field": [[["X-A-B", "1"]], { HTTP_X_A_B: "1" }],
  "fields of one name, in any case": [[["X-A", "1"], ["x-a", "2"]], { HTTP_X_A: "1, 2" }],
  "cookies": [[["Cookie", "a=1"], ["X", "y"], ["cookie", "b=2"]], {
    HTTP_COOKIE: "a=1; b=2",
    HTTP_X: "y",
  }],
  "a name with an underscore": [[["X_A", "1"]], {}],
  "a name with an underscore before the one with a dash": [[["X_A", "1"], ["X-A", "2"]], {
    HTTP_X_A: "2",
  }],
  "a name with an underscore after the one with a dash": [[["X-A", "2"], ["X_A", "1"]], {
    HTTP_X_A: "2",
  }],
  "a name with both": [[["X-A_B", "1"]], {}],
  "a type": [[["Content-Type", "text/plain"]], { CONTENT_TYPE: "text/plain" }],
  "a type with an underscore": [[["Content_Type", "a/b"]], {}],
  "both types": [[["Content_Type", "a/b"], ["Content-Type", "c/d"], ["content_type", "e/f"]], {
    CONTENT_TYPE: "c/d",
  }],
  "two types, which are none": [[["Content-Type", "a/b"], ["Content-Type", "c/d"]], {
    CONTENT_TYPE: "a/b, c/d",
  }],
  "a length with an underscore": [[["Content_Length", "3"]], {}],
  "a host with an underscore": [[["_Host", "b"], ["Host_", "c"]], {}],
  "a field that would set a proxy": [[["Proxy", "http://evil/"]], {}],
  "such fields in other cases": [[["PROXY", "x"], ["pRoXy", "y"]], {}],
  "fields with names like it": [[["Proxy-", "1"], ["-Proxy", "2"], ["X-Proxy", "3"]], {
    HTTP_PROXY_: "1",
    HTTP__PROXY: "2",
    HTTP_X_PROXY: "3",
  }],
  "names of the server's own variables": [
    [["Remote-Addr", "1"], ["Request-Method", "2"], ["Server-Name", "3"], ["Https", "on"]],
    { HTTP_REMOTE_ADDR: "1", HTTP_REQUEST_METHOD: "2", HTTP_SERVER_NAME: "3", HTTP_HTTPS: "on" },
  ],
  "names of what all objects have": [[["__proto__", "1"], ["constructor", "2"]], {
    HTTP_CONSTRUCTOR: "2",
  }],
};

/** Those that tell of fields. */
function ofFields(env: Record<string, string>): Record<string, string> {
  const { HTTP_HOST: host, ...others } = env;
  assertEquals(host, "a");
  return Object.fromEntries(
    Object.entries(others).filter(([name]) => /^(?:HTTP|CONTENT)_/.test(name)),
  );
}

for (const [what, [fields, expected]] of Object.entries(FIELDS)) {
  for (const [protocol, make] of Object.entries({ http, mongrel2 })) {
    Deno.test(`${protocol}: variables of ${what}`, () => {
      const env = variablesOf(make(fields), "");
      assertEquals(ofFields(env), expected);
      assertEquals(env.REQUEST_METHOD, "POST");
      assertEquals(env.SERVER_NAME, "a");
      assertEquals(env.HTTPS, undefined);
    });
  }
}

Deno.test("the length is that of the body, whatever fields say", () => {
  const lines = "Content_Length: 9\r\nContent-Length: 0003\r\n";
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS, peer("http"));
  parser.push(bytesOf(`POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\nabc`));
  parser.next();
  assertEquals(variablesOf(parser.head, "").CONTENT_LENGTH, "3");
  const chunked = http([["Content_Length", "9"], ["Transfer-Encoding", "chunked"]]);
  assertEquals(variablesOf(chunked, "").CONTENT_LENGTH, undefined);
});

/** Parameters of a web server, which does not say what fields it has made them of. */
const PARAMS: Record<string, [params: [string, string][], variables: Record<string, string>]> = {
  "one of a field": [[["HTTP_X_A", "1"]], { HTTP_X_A: "1" }],
  "two of the same name": [[["HTTP_X_A", "1"], ["HTTP_X_A", "2"]], { HTTP_X_A: "1, 2" }],
  "two cookies": [[["HTTP_COOKIE", "a=1"], ["HTTP_COOKIE", "b=2"]], { HTTP_COOKIE: "a=1; b=2" }],
  "one that would set a proxy": [[["HTTP_PROXY", "http://evil/"]], {}],
  "a type and a length, twice": [
    [["CONTENT_TYPE", "a/b"], ["CONTENT_LENGTH", "1"], ["CONTENT_TYPE", "c/d"], [
      "CONTENT_LENGTH",
      "2",
    ]],
    { CONTENT_TYPE: "c/d", CONTENT_LENGTH: "2" },
  ],
};

for (const [what, [params, expected]] of Object.entries(PARAMS)) {
  Deno.test(`fastcgi: variables of ${what}`, () => {
    const head = fastcgi(params);
    assertEquals(ofFields(variablesOf(head, "")), expected);
    // The app's headers say the same.
    const headers = new Headers(requestFields(head));
    for (const [name, value] of Object.entries(expected)) {
      const field = name.replace(/^HTTP_/, "").toLowerCase().replaceAll("_", "-");
      assertEquals(headers.get(field), value);
    }
  });
}

Deno.test("several Cookie lines are one field to apps, in the place of the first", () => {
  const fields = requestFields(
    http([["A", "1"], ["cookie", "a=1"], ["B", "2"], ["Cookie", "b=2"]]),
  );
  assertEquals(fields, [["Host", "a"], ["A", "1"], ["cookie", "a=1; b=2"], ["B", "2"]]);
  assertEquals(requestFields(http([["Cookie", "a=1"]])), [["Host", "a"], ["Cookie", "a=1"]]);
});

Deno.test("PATH_INFO is decoded once, but for slashes and what is no UTF-8", () => {
  const cases: Record<string, string> = {
    "/": "/",
    "/a%20b": "/a b",
    "/%C3%A4%e2%82%ac": "/ä€",
    "/a%2Fb%2fc": "/a%2Fb%2Fc",
    "/%2541": "/%41",
    "/%ff": "/%ff",
    "/%41%ff": "/%41%ff",
    "/100%": "/100%",
    "/%zz%41": "/%zzA",
    "/%4": "/%4",
    "/%%41": "/%A",
  };
  for (const [target, pathInfo] of Object.entries(cases)) {
    assertEquals(variablesOf(http([], target), "").PATH_INFO, pathInfo, target);
  }
});
