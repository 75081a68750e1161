import { formatIpAddress, parseIpAddress } from "../../src/base/ip_addresses.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { TrustedProxies } from "../../src/proxies/trusted_proxies.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";

Deno.test("an address is read in all its forms, and written in one", () => {
  const forms: readonly [text: string, written: string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8::1", "2001:db8::1"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"],
    ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:201", "192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"],
  ];
  for (const [text, written] of forms) {
    assertEquals(formatIpAddress(parseIpAddress(text)!), written, text);
  }
});

Deno.test("what is no address is not taken for one", () => {
  const others = [
    "",
    "unknown",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    "1.2.3.0x4",
    "1.2.3.+4",
    "1.2.3. 4",
    "1.2.3.4 ",
    "1.2.3.4:80",
    "16909060",
    ":",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "1:2:3:4::5:6:7:8",
    "12345::",
    "::g",
    "::1%eth0",
    "[::1]",
    "::192.0.2.1:1",
    "192.0.2.1::",
    "1:2:3:4:5:6:7:192.0.2.1",
    "::192.0.2",
    "0000:0000:0000:0000:0000:0000:192.000.002.001",
  ];
  for (const text of others) assertEquals(parseIpAddress(text), null, text);
});

Deno.test("networks hold the addresses whose first bits are theirs", () => {
  const cases: readonly [list: string, inside: string[], outside: string[]][] = [
    ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], [
      "11.0.0.0",
      "9.255.255.255",
    ]],
    ["192.168.4.0/22", ["192.168.4.0", "192.168.7.255"], ["192.168.3.255", "192.168.8.0"]],
    ["192.0.2.1", ["192.0.2.1"], ["192.0.2.0", "192.0.2.2"]],
    ["0.0.0.0/0", ["1.2.3.4", "255.255.255.255"], ["::1"]],
    ["::/0", ["::1", "2001:db8::"], ["1.2.3.4"]],
    ["2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::", "2001:db9::"]],
    ["::ffff:10.0.0.0/104", ["10.9.9.9"], ["11.0.0.0"]],
    ["fe80::/10", ["fe80::1", "febf::"], ["fec0::"]],
    ["127.0.0.1,::1", ["127.0.0.1", "::1"], ["127.0.0.2", "::2"]],
  ];
  for (const [list, inside, outside] of cases) {
    const trusted = new TrustedProxies(list.split(","));
    for (const text of inside) assertEquals(trusted.has(parseIpAddress(text)!), true, text);
    for (const text of outside) assertEquals(trusted.has(parseIpAddress(text)!), false, text);
  }
});

Deno.test("who connects over a unix socket is trusted if the list says unix, and nobody else is", () => {
  const unix = { transport: "unix", path: "/run/a.sock" } as const;
  const tcp = (hostname: string) => ({ transport: "tcp", hostname, port: 1 } as const);
  assertEquals(new TrustedProxies(["unix"]).hasPeer(unix), true);
  assertEquals(new TrustedProxies(["unix"]).hasPeer(tcp("127.0.0.1")), false);
  assertEquals(new TrustedProxies(["::/0", "0.0.0.0/0"]).hasPeer(unix), false);
  assertEquals(new TrustedProxies(["fe80::/10"]).hasPeer(tcp("fe80::1%eth0")), true);
  assertEquals(new TrustedProxies(["127.0.0.0/8"]).hasPeer(tcp("")), false);
});

Deno.test("a list with something else in it is refused, with what would be right", () => {
  const wrong: readonly [text: string, reason: string][] = [
    ["", "it is not an address"],
    ["localhost", "it is not an address"],
    ["10.0.0.0/33", "it has no 33 bits"],
    ["10.0.0.0/", "it has no  bits"],
    ["10.0.0.0/-1", "it has no -1 bits"],
    ["10.0.0.0/8/8", "it is not an address"],
    ["10.0.0.1/8", "the network begins at 10.0.0.0"],
    ["2001:db8::1/32", "the network begins at 2001:db8::"],
    ["::ffff:10.0.0.0/8", "it has no 8 bits"],
    ["::/129", "it has no 129 bits"],
  ];
  for (const [text, reason] of wrong) {
    const error = assertThrows(() => new TrustedProxies([text]), ConfigError);
    assertEquals(error.message.includes(reason), true, error.message);
  }
});
