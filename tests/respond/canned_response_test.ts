/** Canned responses: what stands for a value, how it is written, and what is refused at the start. */
import { ConfigError, ProtocolError } from "../../src/base/errors.ts";
import type { RequestHead } from "../../src/message/exchange.ts";
import { bodyTemplate, CannedResponse, fieldTemplate } from "../../src/respond/canned_response.ts";
import type { RequestPlace } from "../../src/respond/request_values.ts";
import { RequestValues } from "../../src/respond/request_values.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { translateMessage } from "../../src/mongrel2/codec/translate.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { peersOf, PROTOCOLS } from "../support/protocol_heads.ts";

/** The head of a request from Mongrel2, with these headers besides the usual ones. */
function headOf(uri: string, headers: Record<string, string> = {}): RequestHead {
  const all = {
    METHOD: "GET",
    VERSION: "HTTP/1.1",
    URI: uri,
    PATTERN: "/old/(.*)",
    URL_SCHEME: "http",
    REMOTE_ADDR: "192.0.2.1",
    host: "example.com",
    ...headers,
  };
  const message = {
    senderId: "s",
    connId: "1",
    path: "/",
    headers: Object.entries(all),
    body: new Uint8Array(0),
  };
  return translateMessage(message, peersOf("mongrel2"), DEFAULT_HTTP_LIMITS).head;
}

const ROUTE: RequestPlace = { kind: "route" };
const mount = (prefix: string): RequestPlace => ({ kind: "mount", prefix });

/** What the field `name` with the value `text` is for a request. */
function field(name: string, text: string, head: RequestHead, place: RequestPlace): string {
  const response = new CannedResponse({
    code: 302,
    fields: [fieldTemplate(name, text, "--header")],
    body: bodyTemplate("", "--body"),
  }, "respond");
  const { fieldLines } = response.make(new RequestValues(head, place));
  const [, value] = /^[^:]+: (.*)\r\n$/s.exec(fieldLines) ?? [];
  return value;
}

function body(text: string, type: string | null, head: RequestHead): string {
  const response = new CannedResponse({
    code: 200,
    fields: type === null ? [] : [fieldTemplate("Content-Type", type, "--header")],
    body: bodyTemplate(text, "--body"),
  }, "respond");
  return new TextDecoder().decode(response.make(new RequestValues(head, ROUTE)).body);
}

const VALUES: [template: string, uri: string, value: string][] = [
  ["{PATH}", "/old/a/b?x=1", "/old/a/b"],
  ["{QUERY}", "/old/a?x=1?y", "x=1?y"],
  ["{QUERY}", "/old/a", ""],
  ["{URI}", "/old/a?x=1", "/old/a?x=1"],
  ["{URI}", "http://example.com/old/a?x=1", "/old/a?x=1"],
  ["{URI}", "/old/a?", "/old/a"],
  ["{PREFIX}", "/old/a", "/old/"],
  ["{MATCH}", "/old/a/b", "a/b"],
  ["{MATCH}", "/old/", ""],
  ["{MATCH}", "/elsewhere", ""],
  ["{METHOD} {VERSION} {URL_SCHEME} {REMOTE_ADDR}", "/", "GET HTTP/1.1 http 192.0.2.1"],
  ["{host}", "/", "example.com"],
  ["{x-none}", "/", ""],
  ["{{PATH}} { } {} {1}", "/", "{PATH} { } {} {1}"],
];

for (const [template, uri, value] of VALUES) {
  Deno.test(`${template} of ${uri} is ${JSON.stringify(value)}`, () => {
    assertEquals(field("X", template, headOf(uri), ROUTE), value);
  });
}

Deno.test("the prefix of a mount is taken off as it was written, or as it is read", () => {
  for (
    const [path, match] of [
      ["/old", ""],
      ["/old/a", "/a"],
      ["/old/%41?x", "/%41"],
    ]
  ) {
    assertEquals(field("X", "{MATCH}", headOf(path), mount("/old")), match, path);
  }
  assertEquals(field("X", "{MATCH}", headOf("/%c3%a4/x"), mount("/%C3%A4")), "/x");
  assertEquals(
    field("X", "{PREFIX}|{PATTERN}|{MATCH}", headOf("/a"), mount("")),
    "|/old/%28.*%29|/a",
  );
});

Deno.test("values are the same over all protocols", () => {
  for (const make of Object.values(PROTOCOLS)) {
    const head = make({ target: "/old/a?b", host: "example.com:81", scheme: "https" });
    assertEquals(
      field("Location", "{URL_SCHEME}://{host}/new{MATCH}?{QUERY}", head, mount("/old")),
      "https://example.com:81/new/a?b",
    );
  }
});

Deno.test("fields that come more than once are joined", () => {
  const message = [["x-a", "1"], ["x-a", "2"]] as const;
  const head = translateMessage(
    {
      senderId: "s",
      connId: "1",
      path: "/",
      headers: [["METHOD", "GET"], ["VERSION", "HTTP/1.1"], ["URI", "/"], ...message],
      body: new Uint8Array(0),
    },
    peersOf("mongrel2"),
    DEFAULT_HTTP_LIMITS,
  ).head;
  assertEquals(field("X", "{x-a}", head, ROUTE), "1%2C%202");
});

Deno.test("no path among the values begins as a host would", () => {
  for (const name of ["PATH", "URI", "MATCH", "PREFIX", "PATTERN"]) {
    for (const place of [ROUTE, mount("/old"), mount("")]) {
      const value = field("Link", `<{${name}}>`, headOf("/old//evil.example"), place);
      assertEquals(/^<[/\\]{2}/.test(value), false, `${name}: ${value}`);
    }
  }
});

/** Targets that by themselves, or behind a template, would lead to other hosts. */
const EVIL = [
  "//evil.example/x",
  "///evil.example",
  "/old//evil.example",
  "/old/https://evil.example/",
  "/old/.evil.example/",
  "/old/@evil.example/",
  "/old/:80@evil.example/",
  "/old/%5cevil.example",
  "/old/x?//evil.example",
  "/%2f%2fevil.example",
  "/old/javascript:alert(1)",
  "http://evil.example//evil.example/x",
];
const LOCATIONS = [
  "{PATH}",
  "{URI}",
  "{MATCH}",
  "/{MATCH}",
  "/{PATH}",
  "{PREFIX}{MATCH}",
  "{PREFIX}{QUERY}",
  "{MATCH}{QUERY}",
  "{PREFIX}/new{MATCH}",
  "new/{MATCH}",
  "?{QUERY}",
  "https://example.com{PATH}",
  "https://example.com{MATCH}",
  "https://example.com:8443{MATCH}{QUERY}",
  "https://example.com/{PATH}",
  "https://example.com?{QUERY}",
  "//example.com{MATCH}",
  "{URL_SCHEME}://example.com{URI}",
  "https://{host}{MATCH}",
  "https://www.{host}{PATH}",
];

for (const template of LOCATIONS) {
  Deno.test(`a Location of ${template} leads to no host but its own`, () => {
    for (const uri of EVIL) {
      for (const pattern of ["/old/(.*)", "/old(.*)", "/", "(.*)"]) {
        for (const place of [ROUTE, mount("/old"), mount("")]) {
          const head = headOf(uri, { PATTERN: pattern });
          // What a client names in an absolute target is its host.
          if (uri.startsWith("http:") && template.includes("{host}")) continue;
          const location = field("Location", template, head, place);
          const { protocol, hostname, username } = new URL(location, "http://example.com/old/x");
          const about = `${uri} -> ${location}`;
          assertEquals([hostname.replace(/^www\./, ""), username], ["example.com", ""], about);
          assertEquals(/^https?:$/.test(protocol), true, about);
        }
      }
    }
  });
}

Deno.test("what is before a path and begins it is one slash", () => {
  const head = headOf("/old/a");
  assertEquals(field("Location", "/new/{MATCH}", head, mount("/old")), "/new/a");
  assertEquals(
    field("Location", "https://a.example/{PATH}", head, ROUTE),
    "https://a.example/old/a",
  );
  assertEquals(field("Location", "https://a.example{MATCH}", head, ROUTE), "https://a.example/a");
});

const UNDECIDED = [
  "{user-agent}",
  "{host}/x",
  "{QUERY}",
  "{METHOD}/x",
  "https://{PATH}",
  "https:///{PATH}",
  "https:/{PATH}",
  "https:{PATH}",
  "h{PATH}",
  "https://{user-agent}/",
  "https://example.com{user-agent}",
  "https://example.com{QUERY}",
  "/\\{PATH}",
  "{URL_SCHEME}{PATH}",
  "{URL_SCHEME}:/{PATH}",
];
for (const template of UNDECIDED) {
  Deno.test(`a Location of ${template} is refused: the request would decide where it leads`, () => {
    const { message } = assertThrows(
      () => fieldTemplate("Location", template, "--header"),
      ConfigError,
    );
    assertStringIncludes(message, "--header: ");
    assertStringIncludes(message, "which host");
  });
}

Deno.test("a constant Location can be anything", () => {
  for (const text of ["mailto:a@example.com", "https://example.com", "x", "{{PATH}}"]) {
    const expected = text.replace("{{PATH}}", "{PATH}");
    assertEquals(field("Location", text, headOf("/"), ROUTE), expected);
  }
});

Deno.test("a Location of the request's host needs a request that names one", () => {
  const head = headOf("/");
  head.authorityEnd = head.authorityStart;
  assertThrows(() => field("Location", "https://{host}{PATH}", head, ROUTE), ProtocolError);
});

Deno.test("no value ends a field line, or means something to its syntax", () => {
  const agent = 'a"b, c;d=e <f> (g) \\h \xff';
  const head = headOf("/a'b(c);d,e=f", { "user-agent": agent });
  assertEquals(
    field("X", 'attachment; filename="{user-agent}"', head, ROUTE),
    'attachment; filename="a%22b%2C%20c%3Bd=e%20%3Cf%3E%20%28g%29%20%5Ch%20%FF"',
  );
  assertEquals(field("Link", "<{PATH}>; rel=up", head, ROUTE), "</a%27b%28c%29%3Bd%2Ce=f>; rel=up");
  assertEquals(
    field(
      "Location",
      "/?a={user-agent}&b={PATH}",
      headOf("/x", { "user-agent": "&b=c#d/" }),
      ROUTE,
    ),
    "/?a=%26b%3Dc%23d%2F&b=/x",
  );
  // What no endpoint lets through, if one did.
  for (let code = 0; code < 256; code++) {
    const odd = Object.assign(headOf("/"), { method: String.fromCharCode(code) });
    for (const [name, text] of [["X", "{METHOD}"], ["Location", "/?{METHOD}"]]) {
      assertEquals(/^[\x21-\x7e]+$/.test(field(name, text, odd, ROUTE)), true, `${code}`);
    }
  }
});

const SPECIAL = `<b>&"'</b>`;
const BODIES: [type: string | null, text: string, expected: string][] = [
  [null, "{x-a}", SPECIAL],
  ["text/plain", "{x-a}", SPECIAL],
  [
    "text/html; charset=utf-8",
    "<p title='{x-a}'>",
    `<p title='&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;'>`,
  ],
  ["application/xhtml+xml", "{x-a}", "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"],
  ["image/svg+xml", "{x-a}", "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"],
  [
    "application/problem+json",
    '{"a":{"b":"{x-a}"}}',
    '{"a":{"b":"\\u003cb\\u003e\\u0026\\"\\u0027\\u003c/b\\u003e"}}',
  ],
];
for (const [type, text, expected] of BODIES) {
  Deno.test(`in a body of ${type ?? "no type"}, values are ${expected}`, () => {
    assertEquals(body(text, type, headOf("/", { "x-a": SPECIAL })), expected);
  });
}

Deno.test("values in JSON are what was sent", () => {
  const text = body('{"a":"{x-a}"}', "application/json", headOf("/", { "x-a": `\\"\t${SPECIAL}` }));
  assertEquals(JSON.parse(text), { a: `\\"\t${SPECIAL}` });
});

Deno.test("bodies are UTF-8, as are values that are", () => {
  const utf8 = String.fromCharCode(...new TextEncoder().encode("ü"));
  assertEquals(body("ä{x-a}", null, headOf("/", { "x-a": utf8 })), "äü");
  assertEquals(body("ä{x-a}", null, headOf("/", { "x-a": "\xfc" })), "äü");
});

Deno.test("a body that values are in is not guessed to be of another type", () => {
  const made = (text: string) => {
    const terms = { code: 200, fields: [], body: bodyTemplate(text, "--body") };
    return new CannedResponse(terms, "respond").make(new RequestValues(headOf("/"), ROUTE))
      .fieldLines;
  };
  assertEquals(made(""), "");
  assertEquals(made("x"), "content-type: text/plain; charset=utf-8\r\n");
  assertEquals(
    made("{PATH}"),
    "content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n",
  );
});

const WRONG: Record<string, () => unknown> = {
  "a placeholder that does not exist": () => fieldTemplate("X", "{PAHT}", "--header"),
  "one in another case": () => bodyTemplate("{Path}", "--body"),
  "a field in another case": () => bodyTemplate("{User-Agent}", "--body"),
  "a name that is none": () => fieldTemplate("X Y", "z", "--header"),
  "a name with a line end": () => fieldTemplate("X\r\nY", "z", "--header"),
  "a value with a line end": () => fieldTemplate("X", "a\r\nY: b", "--header"),
  "a value with NUL": () => fieldTemplate("X", "\0", "--header"),
  "a value beyond ASCII": () => fieldTemplate("X", "ä", "--header"),
  "a length": () => fieldTemplate("Content-Length", "5", "--header"),
  "a coding": () => fieldTemplate("transfer-encoding", "chunked", "--header"),
  "a type that is the request's": () => fieldTemplate("Content-Type", "{accept}", "--header"),
  "a refresh to the request's path": () => fieldTemplate("Refresh", "0; url={PATH}", "--header"),
  "a body of 204": () => withBody(204, "x"),
  "a body of 304": () => withBody(304, "x"),
  "a placeholder in a script": () => withBody(200, "{PATH}", "text/javascript"),
  "two types": () =>
    new CannedResponse({
      code: 200,
      fields: ["a/b", "c/d"].map((type) => fieldTemplate("content-type", type, "--header")),
      body: bodyTemplate("", "--body"),
    }, "respond"),
};
for (const [what, make] of Object.entries(WRONG)) {
  Deno.test(`${what} is refused at the start`, () => {
    assertThrows(make, ConfigError);
  });
}

function withBody(code: number, text: string, type = "text/plain"): CannedResponse {
  const fields = [fieldTemplate("content-type", type, "--header")];
  return new CannedResponse({ code, fields, body: bodyTemplate(text, "--body") }, "respond");
}
