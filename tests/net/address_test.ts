import { assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { formatListenAddress, parseListenAddress } from "../../src/net/address.ts";
import type { ListenAddress } from "../../src/net/address.ts";
import { ConfigError } from "../../src/base/errors.ts";

const tcp = (hostname: string, port: number): ListenAddress => ({
  transport: "tcp",
  hostname,
  port,
});
const unix = (path: string, mode?: number): ListenAddress => ({ transport: "unix", path, mode });

const addresses: Record<string, ListenAddress> = {
  "8000": tcp("127.0.0.1", 8000),
  "0": tcp("127.0.0.1", 0),
  ":80": tcp("", 80),
  "0.0.0.0:80": tcp("0.0.0.0", 80),
  "localhost:81": tcp("localhost", 81),
  "10.0.0.1:65535": tcp("10.0.0.1", 65535),
  "[::1]:8000": tcp("::1", 8000),
  "unix:/run/a.sock": unix("/run/a.sock"),
  "unix:a.sock,mode=0660": unix("a.sock", 0o660),
  "unix:a.sock,mode=600": unix("a.sock", 0o600),
  "unix:a.sock,mode=0o666": unix("a.sock", 0o666),
};
for (const [text, expected] of Object.entries(addresses)) {
  Deno.test(`the address ${text} is understood`, () => {
    assertEquals(parseListenAddress(text), expected);
  });
}

const badAddresses = [
  "",
  "localhost",
  "a b:80",
  "/run/a.sock:80",
  "a:65536",
  "a:-1",
  "a:8o",
  "[zz]:80",
  "http://a:80",
  "[127.0.0.1]:80",
  "unix:",
  "unix:,mode=660",
  "unix:/a,mode=999",
  "unix:/a,mode=66",
  "unix:/a,owner=x",
];
for (const text of badAddresses) {
  Deno.test(`the address "${text}" is refused with the forms that exist`, () => {
    const error = assertThrows(() => parseListenAddress(text), ConfigError, "HOST:PORT");
    assertStringIncludes(error.message, JSON.stringify(text));
  });
}

Deno.test("addresses are shown as URLs", () => {
  const shown = (scheme: string, address: Deno.Addr) => formatListenAddress(scheme, address);
  assertEquals(
    shown("http", { transport: "tcp", hostname: "127.0.0.1", port: 1 }),
    "http://127.0.0.1:1",
  );
  assertEquals(shown("https", { transport: "tcp", hostname: "::1", port: 1 }), "https://[::1]:1");
  assertEquals(shown("http", { transport: "unix", path: "/a" }), "http+unix:/a");
});

for (const text of ["::1", "::1:80", "fe80::1:2:8000", "2001:db8:0:0:0:0:0:1:8000"]) {
  Deno.test(`the address "${text}" is refused, since IPv6 needs brackets`, () => {
    const error = assertThrows(() => parseListenAddress(text), ConfigError, "in brackets before");
    assertStringIncludes(error.message, JSON.stringify(text));
    assertStringIncludes(error.message, "[IPV6]:PORT");
  });
}

const reasons: Record<string, string> = {
  "a:65536": "ports go up to 65535",
  ":123456": "ports go up to 65535",
  "[zz]:80": "zz is not an IPv6 address",
  "unix:": "the path is missing",
  "unix:/a,owner=x": '"owner=x" is not mode=0660 or another octal mode',
  "unix:/a,mode=660,mode=600": "the mode is given more than once",
  "unix:/a,mode=999": '"mode=999" is not mode=0660 or another octal mode',
};
for (const [text, reason] of Object.entries(reasons)) {
  Deno.test(`the address "${text}" is refused, since ${reason}`, () => {
    assertThrows(() => parseListenAddress(text), ConfigError, reason);
  });
}
