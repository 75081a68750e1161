import { assertEquals, assertThrows } from "../support/assert.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { placesElsewhere } from "../../src/client/dial.ts";
import { parseTarget, withPath } from "../../src/client/target.ts";

/** Text, and scheme, place, Host and path that it stands for. */
const READ: Record<string, readonly [string, string, string, string]> = {
  "http://127.0.0.1:8000": ["http", "127.0.0.1 8000", "127.0.0.1:8000", "/"],
  "http://example.com/a b?c=d#e": ["http", "example.com 80", "example.com", "/a%20b?c=d"],
  "HTTPS://Example.COM/x": ["https", "example.com 443", "example.com", "/x"],
  "https://example.com:443/": ["https", "example.com 443", "example.com", "/"],
  "http://[::1]:81/": ["http", "::1 81", "[::1]:81", "/"],
  "fcgi://localhost/x.php?y": ["fcgi", "localhost 9000", "localhost", "/x.php?y"],
  "fcgi://localhost:80/": ["fcgi", "localhost 80", "localhost:80", "/"],
  "fcgi://localhost:9001": ["fcgi", "localhost 9001", "localhost:9001", "/"],
  "ws://localhost:8000/s": ["ws", "localhost 8000", "localhost:8000", "/s"],
  "wss://localhost/s": ["wss", "localhost 443", "localhost", "/s"],
  "http+unix:/run/a.sock": ["http", "/run/a.sock", "localhost", "/"],
  "http+unix:/run/a.sock:/b?c": ["http", "/run/a.sock", "localhost", "/b?c"],
  "fcgi+unix:a.sock:/b:/c": ["fcgi", "a.sock", "localhost", "/b:/c"],
};

for (const [text, [scheme, place, authority, path]] of Object.entries(READ)) {
  Deno.test(`${text} is read as a target`, () => {
    const target = parseTarget(text);
    const { address } = target;
    const shown = address.transport === "unix"
      ? address.path
      : `${address.hostname} ${address.port}`;
    assertEquals([target.scheme, shown, target.authority, target.path], [
      scheme,
      place,
      authority,
      path,
    ]);
  });
}

for (
  const text of [
    "",
    "127.0.0.1:8000",
    "/path",
    "ftp://a/",
    "http://",
    "http://a:99999/",
    "http://user:secret@a/",
    "http+unix:",
    "http+unix::/a",
    "https+unix:/a",
    "gopher+unix:/a",
    "http:/a",
  ]
) {
  Deno.test(`${JSON.stringify(text)} is refused as a target`, () => {
    const { message } = assertThrows(() => parseTarget(text), ConfigError);
    assertEquals(message.includes("secret"), false);
  });
}

Deno.test("a target's path is replaced by another path alone", () => {
  const target = parseTarget("http://localhost:1/a");
  assertEquals(withPath(target, "/b?c d").path, "/b?c%20d");
  for (const path of ["b", "", "http://other/"]) {
    assertThrows(() => withPath(target, path), ConfigError);
  }
  // What looks like a host in a path stays in the path.
  assertEquals(withPath(target, "//other/b").authority, "localhost:1");
});

Deno.test("only addresses of this machine are taken for it", () => {
  const target = parseTarget("http://x/");
  const elsewhere = (hostname: string) =>
    placesElsewhere({ target, places: [{ transport: "tcp", hostname, port: 1 }] });
  for (const own of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
    assertEquals(elsewhere(own), []);
  }
  const others = ["10.0.0.1", "0.0.0.0", "::", "128.0.0.1", "fe80::1", "127.0.0.1.evil.example"];
  for (const other of others) assertEquals(elsewhere(other), [other]);
  assertEquals(placesElsewhere({ target, places: [{ transport: "unix", path: "/a" }] }), []);
});
