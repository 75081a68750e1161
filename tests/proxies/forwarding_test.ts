import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { HEAD, RequestParser } from "../../src/http1/codec/parser.ts";
import { clientOf } from "../../src/message/client.ts";
import type { Exchange, Peer, RequestHead } from "../../src/message/exchange.ts";
import { encodePairs } from "../../src/message/pairs.ts";
import { requestIdOf } from "../../src/message/request_id.ts";
import { urlOf } from "../../src/message/request_url.ts";
import type { ForwardedField } from "../../src/proxies/forwarded_fields.ts";
import { DEFAULT_FORWARDED_FIELDS, FORWARDED_FIELDS } from "../../src/proxies/forwarded_fields.ts";
import { ForwardingHandler } from "../../src/proxies/forwarding.ts";
import { TrustedProxies } from "../../src/proxies/trusted_proxies.ts";
import { assert, assertEquals, assertMatch, assertStrictEquals } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";

const TRUSTED = new TrustedProxies(["10.0.0.0/8", "fd00::/8", "unix"]);
const LOCAL = { transport: "tcp", hostname: "10.0.0.1", port: 80 } as const;
const tcp = (hostname: string, port = 0) => ({ transport: "tcp", hostname, port } as const);

function peerAt(remoteAddr: Deno.Addr, endpoint: Peer["endpoint"] = "http"): Peer {
  return { endpoint, scheme: "http", remoteAddr, localAddr: LOCAL };
}

const PROXY = peerAt(tcp("10.0.0.9", 5_000));
const CLIENT = peerAt(tcp("192.0.2.9", 5_000));
const SOCKET = peerAt({ transport: "unix", path: "/run/a.sock" });

/** A request for `/p` of `here.example`, with these fields. */
function headOf(peer: Peer, fields: readonly string[], target = "/p"): RequestHead {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS, peer);
  const lines = ["Host: here.example", ...fields].map((line) => `${line}\r\n`).join("");
  parser.push(bytesOf(`GET ${target} HTTP/1.1\r\n${lines}\r\n`));
  assertEquals(parser.next(), HEAD);
  return parser.takeHead();
}

/** The same over FastCGI or Mongrel2, with these parameters. */
function withParams(head: RequestHead, params: Record<string, string>): RequestHead {
  const pairs = encodePairs(params);
  const block = new Uint8Array(head.fieldsEnd + pairs.length);
  block.set(head.block.subarray(0, head.fieldsEnd));
  block.set(pairs, head.fieldsEnd);
  head.block = block;
  head.paramsStart = head.fieldsEnd;
  head.paramsEnd = block.length;
  return head;
}

/** Client and URL as what comes after the handler sees them. */
function seen(head: RequestHead, handler = handlerFor(TRUSTED)): [client: string, url: string] {
  handler.handle({ head } as Exchange);
  const client = clientOf(head);
  if (!("hostname" in client)) return ["unix", urlOf(head)];
  return [client.port === 0 ? client.hostname : `${client.hostname}:${client.port}`, urlOf(head)];
}

/** All fields that forward count for it, or `fields`. */
function handlerFor(trusted: TrustedProxies, fields = FORWARDED_FIELDS): ForwardingHandler {
  return new ForwardingHandler({ handle() {} }, trusted, fields);
}

const OWN = "http://here.example/p";
const cases: readonly [name: string, fields: string[], client: string, url?: string][] = [
  ["no field", [], "10.0.0.9:5000"],
  ["a client", ["X-Forwarded-For: 192.0.2.1"], "192.0.2.1"],
  ["a port", ["X-Forwarded-For: 192.0.2.1:77"], "192.0.2.1:77"],
  ["IPv6", ["X-Forwarded-For: [2001:DB8::1]:77"], "2001:db8::1:77"],
  ["the last that is not trusted", ["X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.1.1"], "192.0.2.1"],
  ["mapped addresses", ["X-Forwarded-For: ::ffff:192.0.2.1, ::ffff:10.1.1.1"], "192.0.2.1"],
  ["several lines", ["X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 192.0.2.1"], "192.0.2.1"],
  ["trusted ones alone", ["X-Forwarded-For: 10.3.3.3, 10.2.2.2"], "10.3.3.3"],
  ["an empty field", ["X-Forwarded-For:"], "10.0.0.9:5000"],
  ["unknown", ["X-Forwarded-For: 192.0.2.1, unknown"], ""],
  ["unknown beyond the client", ["X-Forwarded-For: unknown, 192.0.2.1"], "192.0.2.1"],
  ["unknown behind a trusted one", ["X-Forwarded-For: unknown, 10.2.2.2"], ""],
  ["what is malformed", ["X-Forwarded-For: 192.0.2.1, 192.0.2"], ""],
  ["a made-up name", ["X-Forwarded-For: _x"], ""],
  ["the scheme", ["X-Forwarded-Proto: https"], "10.0.0.9:5000", "https://here.example/p"],
  [
    "the scheme of a WebSocket",
    ["X-Forwarded-Proto: WSS"],
    "10.0.0.9:5000",
    "https://here.example/p",
  ],
  ["an unknown scheme", ["X-Forwarded-Proto: gopher"], "10.0.0.9:5000"],
  [
    "the nearest proxy's scheme",
    ["X-Forwarded-Proto: http,https"],
    "10.0.0.9:5000",
    "https://here.example/p",
  ],
  ["the nearest line's", ["X-Forwarded-Proto: https", "X-Forwarded-Proto: http"], "10.0.0.9:5000"],
  ["the host", ["X-Forwarded-Host: a.example:8080"], "10.0.0.9:5000", "http://a.example:8080/p"],
  [
    "the nearest proxy's host",
    ["X-Forwarded-Host: evil.example , a.example"],
    "10.0.0.9:5000",
    "http://a.example/p",
  ],
  ["a malformed host", ["X-Forwarded-Host: a.example/evil"], "10.0.0.9:5000"],
  ["a host with a user", ["X-Forwarded-Host: a@b"], "10.0.0.9:5000"],
  ["an empty host", ["X-Forwarded-Host: "], "10.0.0.9:5000"],
  [
    "all three",
    ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example"],
    "192.0.2.1",
    "https://a.example/p",
  ],
  [
    "Forwarded",
    ['Forwarded: for="[2001:db8::1]:5";proto=https;host=a.example'],
    "2001:db8::1:5",
    "https://a.example/p",
  ],
  [
    "a quoted host",
    ['Forwarded: for=192.0.2.1;host="a.example:81"'],
    "192.0.2.1",
    "http://a.example:81/p",
  ],
  ["an escaped host", ['Forwarded: for=192.0.2.1;host="a\\.example"'], "192.0.2.1"],
  [
    "the element of the last that is not trusted",
    ["Forwarded: for=6.6.6.6;host=evil.example, for=192.0.2.1;proto=https, for=10.2.2.2;proto=http"],
    "192.0.2.1",
    "https://here.example/p",
  ],
  [
    "several lines of Forwarded",
    ["Forwarded: for=6.6.6.6;host=evil.example", "Forwarded: for=192.0.2.1;host=a.example"],
    "192.0.2.1",
    "http://a.example/p",
  ],
  [
    "a malformed line before the one that counts",
    ['Forwarded: for="', "Forwarded: for=192.0.2.1;proto=https"],
    "192.0.2.1",
    "https://here.example/p",
  ],
  [
    "a quote that swallows what a proxy adds",
    ['Forwarded: for=";x=, for=192.0.2.1;proto=https'],
    "",
  ],
  ["an unknown client", ["Forwarded: for=unknown;proto=https"], "", "https://here.example/p"],
  ["a hidden client", ["Forwarded: for=_abc;proto=https"], "", "https://here.example/p"],
  ["no client", ["Forwarded: proto=https"], "10.0.0.9:5000", "https://here.example/p"],
  [
    "no client behind a trusted one",
    ["Forwarded: proto=https, for=10.2.2.2"],
    "",
    "https://here.example/p",
  ],
  [
    "both kinds that agree",
    [
      "Forwarded: for=192.0.2.1;proto=https",
      "X-Forwarded-For: 192.0.2.1",
      "X-Forwarded-Proto: https",
    ],
    "192.0.2.1",
    "https://here.example/p",
  ],
  [
    "both kinds, one with a port",
    ['Forwarded: for="192.0.2.1:99"', "X-Forwarded-For: 192.0.2.1"],
    "192.0.2.1:99",
  ],
  ["both kinds that do not agree", ["Forwarded: for=6.6.6.6", "X-Forwarded-For: 192.0.2.1"], ""],
  [
    "a scheme and host that only one kind has",
    ["Forwarded: for=192.0.2.1;proto=https;host=evil.example", "X-Forwarded-For: 192.0.2.1"],
    "192.0.2.1",
  ],
  [
    "hosts that do not agree",
    [
      "Forwarded: for=192.0.2.1;host=a.example",
      "X-Forwarded-For: 192.0.2.1",
      "X-Forwarded-Host: b.example",
    ],
    "192.0.2.1",
  ],
  ["names that look alike", [
    "X-Forwarded-Fo: 1.1.1.1",
    "X_Forwarded_For: 1.1.1.1",
    "XForwarded-For: 1.1.1.1",
  ], "10.0.0.9:5000"],
];

for (const [name, fields, client, url = OWN] of cases) {
  Deno.test(`what a trusted proxy says counts, as far as it can be relied on (${name})`, () => {
    assertEquals(seen(headOf(PROXY, fields)), [client, url]);
  });

  Deno.test(`what others say does not count (${name})`, () => {
    const head = headOf(CLIENT, fields);
    assertEquals(seen(head), ["192.0.2.9:5000", OWN]);
    assertStrictEquals(head.peer, CLIENT);
  });
}

const told = [
  "X-Forwarded-For: 192.0.2.1",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: a.example",
];
const forged = ["Forwarded: for=6.6.6.6;proto=http;host=evil.example", "Forwarded: for=x"];
const choices: readonly [fields: readonly ForwardedField[], client: string, url: string][] = [
  [DEFAULT_FORWARDED_FIELDS, "192.0.2.1", "https://a.example/p"],
  [["x-forwarded-for"], "192.0.2.1", OWN],
  [["x-forwarded-for", "x-forwarded-proto"], "192.0.2.1", "https://here.example/p"],
  [["x-forwarded-host"], "10.0.0.9:5000", "http://a.example/p"],
  [["forwarded"], "", OWN],
  [[], "10.0.0.9:5000", OWN],
];
for (const [fields, client, url] of choices) {
  Deno.test(`fields that do not count are fields, and nothing more (${fields.join() || "none"})`, () => {
    const handler = handlerFor(TRUSTED, fields);
    for (const sent of [[...told, ...forged], [...forged, ...told]]) {
      const head = headOf(PROXY, sent);
      assertEquals(seen(head, handler), [client, url]);
      if (fields.length === 0) assertStrictEquals(head.peer, PROXY);
    }
    assertEquals(requestIdOf(identified(handler)), "theirs");
  });
}

/** A head with an id that a trusted proxy has set. */
function identified(handler: ForwardingHandler): RequestHead {
  const head = headOf(PROXY, ["X-Request-Id: theirs"]);
  seen(head, handler);
  return head;
}

Deno.test("by default, Forwarded does not count: few proxies keep that of their clients out", () => {
  const handler = new ForwardingHandler({ handle() {} }, TRUSTED);
  assertEquals(seen(headOf(PROXY, [...told, ...forged]), handler), [
    "192.0.2.1",
    "https://a.example/p",
  ]);
  assertEquals(seen(headOf(PROXY, forged), handler), ["10.0.0.9:5000", OWN]);
});

Deno.test("a trusted proxy's X-Request-Id is the request's id, if it can be one", () => {
  const longest = "x".repeat(128);
  const taken = ["a", "7f3c-Az_.~+/=:@", longest];
  for (const id of taken) {
    const head = headOf(PROXY, [`x-request-id: ${id}`]);
    assertEquals(seen(head), ["10.0.0.9:5000", OWN]);
    assertEquals(requestIdOf(head), id);
    assertStrictEquals(head.peer, PROXY);
    head.detach();
    assertEquals(requestIdOf(head), id);
  }
  const others = [
    [],
    ["X-Request-Id:"],
    ["X-Request-Id: a b"],
    ["X-Request-Id: a,b"],
    ['X-Request-Id: "a"'],
    ["X-Request-Id: a\x80"],
    ["X-Request-Id: {}"],
    [`X-Request-Id: ${longest}x`],
    ["X-Request-Id: a", "X-Request-Id: a"],
  ];
  const made = new Set<string>();
  for (
    const [peer, fields] of [
      ...others.map((each) => [PROXY, each] as const),
      ...taken.map((id) => [CLIENT, [`X-Request-Id: ${id}`]] as const),
    ]
  ) {
    const head = headOf(peer, fields);
    seen(head);
    assertMatch(requestIdOf(head), /^[a-v\d]{8}-[a-z\d]+$/);
    made.add(requestIdOf(head));
  }
  assertEquals(made.size, others.length + taken.length);
});

Deno.test("who connects over a unix socket is a proxy if unix is trusted", () => {
  const fields = ["X-Forwarded-For: 192.0.2.1"];
  assertEquals(seen(headOf(SOCKET, fields)), ["192.0.2.1", OWN]);
  assertEquals(seen(headOf(SOCKET, [])), ["unix", OWN]);
  const others = handlerFor(new TrustedProxies(["0.0.0.0/0"]));
  assertEquals(seen(headOf(SOCKET, fields), others), ["unix", OWN]);
});

Deno.test("a forwarded host counts for an absolute target, and leaves its path alone", () => {
  const targets: readonly [target: string, url: string][] = [
    ["http://evil.example/a?b", "http://a.example/a?b"],
    ["http://evil.example", "http://a.example/"],
    ["http://evil.example?b", "http://a.example/?b"],
    ["/http://evil.example/", "http://a.example/http://evil.example/"],
  ];
  for (const [target, url] of targets) {
    assertEquals(seen(headOf(PROXY, ["X-Forwarded-Host: a.example"], target))[1], url, target);
  }
});

Deno.test("over FastCGI and Mongrel2, who asked the front server is the proxy or not", () => {
  const fields = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"];
  const forwarded = ["192.0.2.1", "https://here.example/p"];
  const told: readonly [params: Record<string, string>, seen: string[]][] = [
    [{ REMOTE_ADDR: "10.2.2.2", REMOTE_PORT: "9" }, forwarded],
    [{ REMOTE_ADDR: "::ffff:10.2.2.2" }, forwarded],
    [{ REMOTE_ADDR: "192.0.2.7", REMOTE_PORT: "9" }, ["192.0.2.7:9", OWN]],
    [{ REMOTE_ADDR: "unix:" }, forwarded],
    [{ REMOTE_ADDR: "" }, forwarded],
    [{ REMOTE_ADDR: "example.com" }, ["10.0.0.9:5000", OWN]],
    // It does not say: then it is itself who asks.
    [{ REMOTE_ADD: "192.0.2.7" }, forwarded],
  ];
  for (const endpoint of ["fastcgi", "mongrel2"] as const) {
    const peer = peerAt(PROXY.remoteAddr, endpoint);
    for (const [params, expected] of told) {
      assertEquals(
        seen(withParams(headOf(peer, fields), params)),
        expected,
        JSON.stringify(params),
      );
    }
  }
});

Deno.test("what Mongrel2 has put in place of X-Forwarded-For does not speak against Forwarded", () => {
  const fields = ["X-Forwarded-For: 10.2.2.2", "Forwarded: for=192.0.2.1;proto=https"];
  const params = { REMOTE_ADDR: "10.2.2.2" };
  const seenOver = (endpoint: Peer["endpoint"]) =>
    seen(withParams(headOf(peerAt(PROXY.remoteAddr, endpoint), fields), params));
  assertEquals(seenOver("mongrel2"), ["192.0.2.1", "https://here.example/p"]);
  assertEquals(seenOver("fastcgi"), ["", OWN]);
});

Deno.test("the clients of a proxy are known again, and not confused", () => {
  const handler = handlerFor(TRUSTED);
  const peerOf = (peer: Peer, ...fields: string[]) => {
    const head = headOf(peer, fields);
    seen(head, handler);
    return head.peer;
  };
  const other = peerAt(tcp("10.0.0.9", 5_001));
  const first = peerOf(PROXY, "X-Forwarded-For: 192.0.2.1");
  assertStrictEquals(peerOf(other, "X-Forwarded-For: 192.0.2.1"), first);
  assert(peerOf(PROXY, "X-Forwarded-For: 192.0.2.2") !== first);
  assert(peerOf(PROXY, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https") !== first);
  for (let i = 0; i < 3_000; i++) {
    const address = `198.51.${i >> 8}.${i & 0xff}`;
    assertEquals(peerOf(PROXY, `X-Forwarded-For: ${address}`).remoteAddr, tcp(address));
  }
  assertEquals(peerOf(PROXY, "X-Forwarded-For: 192.0.2.1"), first);
});
