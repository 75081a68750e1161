import { ConfigError } from "../../src/base/errors.ts";
import {
  DEFAULT_IMPORT_HOSTS,
  ImportHosts,
  isLoopback,
  isReloaded,
} from "../../src/loader/names/fetch_policy.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";

/** A pattern, URLs that it allows, and URLs that it does not. */
const PATTERNS: [string, readonly string[], readonly string[]][] = [
  [
    "example.com",
    [
      "https://example.com/a",
      "http://example.com/a",
      "https://EXAMPLE.com:443/",
      "http://example.com:80",
    ],
    [
      "https://example.com:8443/",
      "https://example.com:80/",
      "http://example.com:443/",
      "https://a.example.com/",
      "https://example.com.evil.org/",
      "https://example.com@evil.org/",
      "https://xexample.com/",
    ],
  ],
  [
    "example.com:443",
    ["https://example.com/", "http://example.com:443/"],
    ["http://example.com/", "https://example.com:444/"],
  ],
  ["Example.COM:08443", ["https://example.com:8443/"], ["https://example.com/"]],
  [
    "*.example.com",
    ["https://a.example.com/", "https://a.b.example.com/", "http://a.example.com/"],
    ["https://example.com/", "https://a.example.com:1/", "https://aexample.com/"],
  ],
  ["*.example.com:1", ["https://a.example.com:1/"], ["https://a.example.com/"]],
  ["127.0.0.1:8000", ["http://127.0.0.1:8000/"], ["http://127.0.0.2:8000/", "http://127.0.0.1/"]],
  ["[::1]:80", ["http://[::1]/", "http://[0:0::1]:80/"], ["https://[::1]/", "http://[::2]/"]],
  ["[0:0:0::1]", ["http://[::1]/", "https://[::1]/"], []],
  ["bücher.example", ["https://bücher.example/", "https://xn--bcher-kva.example/"], []],
];

for (const [pattern, allowed, refused] of PATTERNS) {
  Deno.test(`--allow-import=${pattern} allows that host, at that port`, () => {
    const hosts = new ImportHosts(["other.example", pattern]);
    for (const url of allowed) assertEquals([url, hosts.allow(new URL(url))], [url, true]);
    for (const url of refused) assertEquals([url, hosts.allow(new URL(url))], [url, false]);
  });
}

Deno.test("any host is allowed, or none", () => {
  assertEquals(new ImportHosts("any").allow(new URL("http://example.com:1/")), true);
  assertEquals(new ImportHosts([]).allow(new URL("https://example.com/")), false);
});

Deno.test("the hosts that Deno allows are allowed unless others are named", () => {
  const hosts = new ImportHosts(DEFAULT_IMPORT_HOSTS);
  for (const host of ["deno.land", "jsr.io", "esm.sh", "cdn.jsdelivr.net"]) {
    assertEquals(hosts.allow(new URL(`https://${host}/a.ts`)), true);
    assertEquals(hosts.allow(new URL(`http://${host}/a.ts`)), false);
  }
});

for (
  const text of [
    "",
    "*",
    "*.",
    "*.*.com",
    "a.*.com",
    "https://example.com",
    "example.com/path",
    "example.com:",
    "example.com:0",
    "example.com:65536",
    "example.com:http",
    "user@example.com",
    "::1",
    "[::1",
    "[::x]",
    "a b",
    "999.0.0.1",
  ]
) {
  Deno.test(`"${text}" is no host to import from`, () => {
    const error = assertThrows(() => new ImportHosts([text]), ConfigError);
    assertEquals(
      error.message,
      `cannot use "${text}" as a host to import from: it should be HOST or HOST:PORT, such as ` +
        "example.com, *.example.com or [::1]:8080",
    );
  });
}

Deno.test("loopback is what no other machine can be", () => {
  const cases: [string, boolean][] = [
    ["http://localhost/", true],
    ["http://LOCALHOST:1/", true],
    ["http://127.0.0.1/", true],
    ["http://127.1/", true],
    ["http://127.255.255.254/", true],
    ["http://2130706433/", true],
    ["http://[::1]/", true],
    ["http://[0:0:0:0:0:0:0:1]/", true],
    ["http://localhost.example.com/", false],
    ["http://127.0.0.1.example.com/", false],
    ["http://127.example.com/", false],
    ["http://128.0.0.1/", false],
    ["http://0.0.0.0/", false],
    ["http://[::]/", false],
    ["http://[::2]/", false],
    ["http://[::ffff:10.0.0.1]/", false],
    ["http://localhost@example.com/", false],
  ];
  for (const [url, expected] of cases) {
    assertEquals([url, isLoopback(new URL(url))], [url, expected]);
  }
});

Deno.test("a URL is reloaded if a prefix of it is named", () => {
  const url = "https://example.com/a/b.ts";
  assertEquals(isReloaded(url, "none"), false);
  assertEquals(isReloaded(url, "all"), true);
  assertEquals(isReloaded(url, []), false);
  assertEquals(isReloaded(url, ["https://example.com/a/"]), true);
  assertEquals(isReloaded(url, [url]), true);
  assertEquals(isReloaded(url, [`${url}x`, "https://example.org/"]), false);
  assertEquals(isReloaded("npm:hono@4", ["npm:"]), true);
});
