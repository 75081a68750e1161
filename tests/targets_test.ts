import { assert, assertEquals } from "./support/assert.ts";
import { headOrStatus, PROTOCOLS } from "./support/protocol_heads.ts";
import { Random } from "./support/random.ts";
import { BROWSER_TARGETS } from "./fixtures/browser_targets.ts";
import type { Exchange, ResponseHead } from "../src/message/exchange.ts";
import { urlOf } from "../src/message/request_url.ts";
import { MountRouter } from "../src/gateway/router.ts";
import { variablesOf } from "../src/worker/meta_variables.ts";
import { requestFields } from "../src/worker/request_fields.ts";

const PATH_CHARS =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/%[]|";
const QUERY_CHARS = `${PATH_CHARS}?\\^\`{}`;

for (const [protocol, make] of Object.entries(PROTOCOLS)) {
  Deno.test(`${protocol}: of all bytes, a path and a query have those of RFC 3986, and what browsers send`, () => {
    for (let byte = 0; byte < 256; byte++) {
      const char = String.fromCharCode(byte);
      for (
        const [target, chars] of [
          [`/a${char}b`, PATH_CHARS + "?"],
          [`/a?b${char}c`, QUERY_CHARS],
          [`http://b/a${char}b`, PATH_CHARS + "?"],
        ]
      ) {
        const head = headOrStatus(make, { target });
        if (chars.includes(char)) {
          assert(typeof head === "object", target);
          assert(URL.canParse(urlOf(head)), target);
        } else {
          // A space ends the target over HTTP, and makes the rest no version.
          assertEquals(head, 400, JSON.stringify(target));
        }
      }
    }
  });

  for (const [browser, forms] of Object.entries(BROWSER_TARGETS)) {
    Deno.test(`${protocol}: what ${browser} sends is understood as it was meant`, () => {
      for (const [char, { path, query }] of forms) {
        const url = `/a${path}b/?a${query}b`;
        const head = headOrStatus(make, { target: url });
        assert(typeof head === "object", char);
        const { pathname, searchParams } = new URL(urlOf(head));
        // In the path, a backslash is a slash; a percent sign and a hash mean something in both.
        const meant = char === "\\" ? "/" : char === "#" ? "" : char;
        const isSlashed = char === "\\" || char === "/" || char === "?";
        if (!isSlashed && char !== "%") {
          assertEquals(decodeURIComponent(pathname), `/a${meant}b/`, char);
        }
        const text = char === "+" ? " " : char === "#" ? "" : char;
        if (char !== "&" && char !== "=" && char !== "?") {
          assertEquals([...searchParams.keys()][0], `a${text}b`, char);
        }
      }
    });
  }
}

/** What a Host field says, and the host of the URL; `null` if it is refused. */
const HOSTS: Record<string, string | null> = {
  "a.example": "a.example",
  "A.Example": "a.example",
  "a.example:80": "a.example",
  "a.example:8080": "a.example:8080",
  "a.example:": "a.example",
  "a.example:0080": "a.example",
  "a.example.": "a.example.",
  "a_b": "a_b",
  "xn--bcher-kva.example": "xn--bcher-kva.example",
  "192.0.2.1": "192.0.2.1",
  "192.0.2.1:81": "192.0.2.1:81",
  "[::1]": "[::1]",
  "[2001:DB8::0001]:81": "[2001:db8::1]:81",
  "[::ffff:192.0.2.1]": "[::ffff:c000:201]",
  // A percent sign hides another name: %2e is a dot, %40 an at sign.
  "a%2eb": null,
  "%61.example": null,
  "a%": null,
  "b%40a": null,
  // Other spellings of addresses, which the URL standard alone takes for them.
  "0x7f.1": null,
  "2130706433": null,
  "127.1": null,
  "127.0.0.01": null,
  "0177.0.0.1": null,
  "127.0.0.1.": null,
  "1.2.3.4.5": null,
  // Names without a name.
  ":80": null,
  ":": null,
  ".": null,
  "..": null,
  ".a.example": null,
  "a..example": null,
  "a.example..": null,
  // What no authority has.
  "u@a.example": null,
  "u:p@a.example": null,
  "@a.example": null,
  "a.example@": null,
  "a.example/": null,
  "a.example?": null,
  "a.example#": null,
  "a.example\\": null,
  "a.example b.example": null,
  "a.example:x": null,
  "a.example:-1": null,
  "a.example:65536": null,
  "a.example:80:80": null,
  "http://a.example": null,
  "[::1": null,
  "::1": null,
  "[::1]a": null,
  "[a.example]": null,
  "[v1.x]": null,
  // A zone is nothing to others than the client itself (RFC 6874 4).
  "[fe80::1%25eth0]": null,
  "[fe80::1%eth0]": null,
  "\xe4.example": null,
  "xn--\x80": null,
  "xn--a": null,
  "a\x00b": null,
};

for (const [protocol, make] of Object.entries(PROTOCOLS)) {
  Deno.test(`${protocol}: the URL's host is just what Host says, or that is refused`, () => {
    for (const [host, expected] of Object.entries(HOSTS)) {
      const head = headOrStatus(make, { host });
      const seen = typeof head === "number" ? head : new URL(urlOf(head)).host;
      assertEquals(seen, expected ?? 400, JSON.stringify(host));
    }
    assertEquals(headOrStatus(make, { host: `${"a.".repeat(300)}b` }), 400);
  });

  Deno.test(`${protocol}: a URL, the Host field and the variables name the same host, whatever the target says`, () => {
    for (const [host, expected] of Object.entries(HOSTS)) {
      if (/[/?#]/.test(host)) continue;
      for (const target of [`http://${host}/p?q`, `http://${host}`, `http://${host}?q`]) {
        const head = headOrStatus(make, { target, host: "other.example" });
        if (expected === null) {
          assertEquals(head, 400, target);
          continue;
        }
        assert(typeof head === "object", target);
        const url = new URL(urlOf(head));
        assertEquals(url.host, expected, target);
        const env = variablesOf(head, "");
        assertEquals(new Headers(requestFields(head)).get("host"), host, target);
        assertEquals(env.HTTP_HOST, host, target);
      }
    }
  });

  Deno.test(`${protocol}: the scheme is the connection's, whatever an absolute target says`, () => {
    for (const scheme of ["http", "https"] as const) {
      for (const said of ["http", "https", "HTTPS", "HtTp"]) {
        const head = headOrStatus(make, { target: `${said}://bank.example/x?y`, scheme });
        assert(typeof head === "object");
        assertEquals(urlOf(head), `${scheme}://bank.example/x?y`);
        assertEquals(variablesOf(head, "").HTTPS, scheme === "https" ? "on" : undefined);
      }
    }
  });

  Deno.test(`${protocol}: targets of no known form are refused`, () => {
    for (
      const target of [
        "a",
        "?q",
        "http:",
        "http:/a",
        "http:a",
        "http:///a",
        "http://",
        "http://?a",
        "https:///a",
        "ftp://a/",
        "ws://a/",
        "file:///a",
        "javascript:a",
        "data:,a",
        "a.example:443",
        "http://u@a/",
        "http://u:p@a/",
        "http://a:99999/",
        "http://a%2eb/",
        "http://[::1/",
        "http://[::1%25eth0]/",
        "http://a\\b/",
        "http:\\\\a\\",
        "**",
      ]
    ) {
      assertEquals(headOrStatus(make, { target }), 400, target);
    }
  });
}

/** Mounts, and where the router leads: the mount, 400 or 404. */
const MOUNTS = ["", "/admin", "/admin/public", "/a%20b", "/caf%c3%a9"];
const ROUTES: Record<string, string | number> = {
  "/": "",
  "/site": "",
  "/admin": "/admin",
  "/admin/": "/admin",
  "/admin?/../x": "/admin",
  "/?/admin": "",
  "/admin/x": "/admin",
  "/admin/public": "/admin/public",
  "/admin/publicity": "/admin",
  "/administration": "",
  "/admin;x": "",
  "/admin.": "",
  "/admin..": "",
  "/.../admin": "",
  "/.admin": "",
  "/admin%00": "",
  "/admin%20": "",
  "/admin%3fx": "",
  "/ADMIN": "",
  "/x//y": "",
  "/x%2fy%5Cz": "",
  "/%7euser/100%/%zz": "",
  "/a%20b": "/a%20b",
  "/a%20b/%c3%a4": "/a%20b",
  "/a%2520b": "",
  "/a+b": "",
  "/caf%C3%A9/x": "/caf%c3%a9",
  "/caf%c3%A9": "/caf%c3%a9",
  "*": "",
  // Dot segments within a mount.
  "/x/../y": "",
  "/x/%2e%2E/y": "",
  "/./x": "",
  "/..": "",
  "/../../x": "",
  "/x/../x/..": "",
  "/admin/x/../y": "/admin",
  "/admin/./x": "/admin",
  "/admin/.": "/admin",
  "/admin/%2e/x": "/admin",
  "/admin/public/./x": "/admin/public",
  "/admin/../admin": "/admin",
  "/x/../admin/../y": "",
  // And such as lead from one into another.
  "/x/../admin": 400,
  "/./admin": 400,
  "/x/..//../admin": 400,
  "/x/%2e%2e/admin": 400,
  "/x/.%2E/admin/y": 400,
  "/x/%2E./admin/y": 400,
  "/%2e/admin": 400,
  "/../admin": 400,
  "/x/../admin?q": 400,
  "/admin/..": 400,
  "/admin/../x": 400,
  "/admin/%2e%2e": 400,
  "/admin/public/../secret": 400,
  "/admin/x/../public": 400,
  "/x;/../admin": 400,
  "/x/..;/admin": "",
  // Empty segments: to some they are none, and what follows goes up further.
  "//admin": 400,
  "///admin": 400,
  "/admin//public": 400,
  "/admin//..": 400,
  "/admin//../public": 400,
  "/admin//../x": 400,
  "/admin/x//../..": 400,
  "/x//../admin": 400,
  "/admin//x": "/admin",
  // Escapes that are decoded by some.
  "/%61dmin": 400,
  "/admin%2f": 400,
  "/admin%2Fx": 400,
  "/admin%5cx": 400,
  "/admin/%70ublic": 400,
  "/x/..%2fadmin": 400,
  "/x%2f..%2fadmin": 400,
  "/x%2f../admin": 400,
  "/x%2f/../admin": 400,
  "/x%5c..%5cadmin": 400,
  "/admin/%2f..": 400,
  "/admin%2f..%2fx": 400,
  "/..%2fadmin": 400,
  "/admin/..%2fx": 400,
  "/%2fadmin": 400,
  "/caf%e9": "",
  // Dot segments that are left as they are by who decodes escapes, or if they are encoded.
  "/%61dmin/..": 400,
  "/%61dmin/../x": 400,
  "/admin/%70ublic/../x": 400,
  "/./caf%C3%A9/%2E.": 400,
  "/./admin/%2e%2e/x": 400,
  // Absolute targets are no other.
  "http://h/admin": "/admin",
  "http://h/x/../admin": 400,
  "http://h//admin": 400,
  "http://h": "",
  "http://h?/admin": "",
  "https://h/admin": "/admin",
};

for (const [protocol, make] of Object.entries(PROTOCOLS)) {
  Deno.test(`${protocol}: all readings of a path lead to the mount that its app is at, or it is refused`, () => {
    for (const [target, expected] of Object.entries(ROUTES)) {
      if (target === "*" && protocol === "http") continue;
      const head = headOrStatus(make, { target });
      if (typeof head === "number") {
        assertEquals(head, expected, target);
        continue;
      }
      let seen: string | number = "nowhere";
      const exchange = { head, respond: ({ status }: ResponseHead) => seen = status };
      // Apps that may do different things have workers, and numbers, of their own.
      const router = new MountRouter(MOUNTS.map((prefix, index) => ({
        prefix,
        mount: index % 2,
        handler: {
          handle(handled: Exchange) {
            seen = prefix;
            assertEquals(handled.head.mount, index % 2);
            const { pathname } = new URL(urlOf(handled.head));
            const start = pathname.slice(0, prefix.length).toLowerCase();
            assertEquals(start, prefix.toLowerCase());
          },
        },
      })));
      router.handle(exchange as unknown as Exchange);
      assertEquals(seen, expected, target);
    }
  });
}

/** Paths, and whether all servers in front agree on what is below what in them. */
const DISPUTED: Record<string, boolean> = {
  "/a//b": false,
  "/a/../b": false,
  "/a/..//b": false,
  "/a/..": false,
  "/a//": false,
  "/a//./b": false,
  "/a//.../b": false,
  "/a//..b": false,
  "//a/../b": false,
  "//../a": false,
  "/a%2fb": false,
  "/a%2e%2eb": false,
  "/a%2f..b": false,
  "/a/.%2fb": false,
  "/%2f../a": false,
  "/..%2f..%2fa": false,
  "/a/../..%2fb": false,
  "/100%/..": false,
  "/?//..": false,
  "/a?b//../c%2f..": false,
  // Who merges slashes goes up further.
  "/a//..": true,
  "/a//../b": true,
  "/a/b/..//../c": true,
  "/a//b/../../c": true,
  "/a//%2e%2E/b": true,
  "/a//.%2e": true,
  "/a/.//../b": true,
  "http://h/a//../b": true,
  "http://h/a//..?q": true,
  // Who decodes escapes finds slashes.
  "/a/..%2fb": true,
  "/a/..%5Cb": true,
  "/a%2F../b": true,
  "/a%2f..%2fb": true,
  "/a/%2f..": true,
  "/a/%2e%2e%2Fb": true,
  "/a%5c%2e./b": true,
  "/a%2fb/../c": true,
  "/a%2f/../b": true,
  "/a%5cb/%2e%2e": true,
};

for (const [protocol, make] of Object.entries(PROTOCOLS)) {
  Deno.test(`${protocol}: dot segments that servers resolve in different ways are refused, with one app, too`, () => {
    for (const [target, isDisputed] of Object.entries(DISPUTED)) {
      const head = headOrStatus(make, { target });
      assertEquals(head === 400, isDisputed, target);
    }
  });
}

Deno.test("of random paths, what a server in front sees below a folder is there to the app, too, or refused", () => {
  const random = new Random(4);
  const pieces = [
    "a",
    "b",
    "c",
    "",
    ".",
    "..",
    "%2e",
    "%2E.",
    "%2f",
    "%5c",
    "..%2f",
    "a%2fb",
    "%2f..",
    "...",
    "%61",
  ];
  const make = PROTOCOLS.http;
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const target = "/" +
      Array.from({ length: random.below(7) }, () => random.pick(pieces)).join("/");
    const head = headOrStatus(make, { target });
    if (head === 400) {
      refused++;
      continue;
    }
    assert(typeof head === "object", target);
    const segments = new URL(urlOf(head)).pathname.split("/").slice(1);
    // What is below an empty or an encoded name is below no folder that is guarded.
    const end = segments.findIndex((segment) => segment === "" || segment.includes("%"));
    const plain = end < 0 ? segments : segments.slice(0, end);
    for (const slashes of [/%2f/gi, /%2f|%5c/gi]) {
      // As nginx does it: escapes are decoded, slashes merged, and dot segments resolved.
      const seen: string[] = [];
      for (const segment of decodeURI(target.replace(slashes, "/")).split("/")) {
        if (segment === "..") seen.pop();
        else if (segment !== "" && segment !== ".") seen.push(segment);
      }
      assertEquals(seen.slice(0, plain.length), plain, target);
    }
  }
  assert(refused > 1_000 && refused < 15_000, `${refused} were refused`);
});
