import { lastNodes, parseForwarded, parseNode } from "../../src/proxies/forwarded.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("Forwarded is read as RFC 7239 has it", () => {
  const values: readonly [text: string, elements: (string | undefined)[][]][] = [
    ["", []],
    [" , ;,", []],
    ["for=192.0.2.1", [["192.0.2.1", undefined, ""]]],
    ['For="[2001:db8::1]:4711"', [["[2001:db8::1]:4711", undefined, ""]]],
    ["for=1.2.3.4;proto=https;by=9.9.9.9;host=a.example", [["1.2.3.4", "https", "a.example"]]],
    ["for=a, for=b;PROTO=http , for=c", [["a", undefined, ""], ["b", "http", ""], [
      "c",
      undefined,
      "",
    ]]],
    ['host="a.example:8080";for=_x', [["_x", undefined, "a.example:8080"]]],
    ['for="a\\"b\\\\c"', [['a"b\\c', undefined, ""]]],
    ['for="a,b;c=d", for=e', [["a,b;c=d", undefined, ""], ["e", undefined, ""]]],
    ['for=""', [["", undefined, ""]]],
    ["for=a ; proto=https", [["a", "https", ""]]],
    ["secret=x", [[undefined, undefined, ""]]],
    ["for=a;;proto=b,,for=c", [["a", "b", ""], ["c", undefined, ""]]],
  ];
  for (const [text, elements] of values) {
    const read = parseForwarded(text)?.map(({ client, proto, hostStart, hostEnd }) => [
      client,
      proto,
      text.slice(hostStart, hostEnd),
    ]);
    assertEquals(read, elements, text);
  }
});

Deno.test("a malformed Forwarded says nothing", () => {
  const values = [
    "for",
    "for=",
    "=a",
    "for =a",
    "for= a",
    "for=1.2.3.4:80",
    "for=[::1]",
    'for="a',
    'for="a\\"',
    'for="a"b',
    "for=a b",
    "for=a;for=b",
    "for=a;FOR=b",
    "for=a:b",
    'for="', // what a proxy appends is in the quotes then
    'for=", for=1.2.3.4',
  ];
  for (const text of values) assertEquals(parseForwarded(text), null, text);
});

Deno.test("long values take time in proportion", () => {
  assertEquals(parseForwarded(`for="${"\\a".repeat(200_000)}`), null);
  assertEquals(parseForwarded("for=a,".repeat(100_000))?.length, 100_000);
  assertEquals(parseForwarded(" ".repeat(400_000)), []);
  assertEquals(parseForwarded(`for=a${" ".repeat(400_000)}`)?.length, 1);
  assertEquals([...lastNodes(",".repeat(400_000))], []);
});

Deno.test("a node is an address, with a port or without", () => {
  const nodes: readonly [text: string, hostname: string, port: number][] = [
    ["192.0.2.1", "192.0.2.1", 0],
    ["192.0.2.1:80", "192.0.2.1", 80],
    ["192.0.2.1:_port", "192.0.2.1", 0],
    ["[2001:db8::1]", "2001:db8::1", 0],
    ["[2001:DB8::1]:65535", "2001:db8::1", 65_535],
    ["2001:db8::1", "2001:db8::1", 0],
    ["::ffff:192.0.2.1", "192.0.2.1", 0],
    ["[::ffff:192.0.2.1]:1", "192.0.2.1", 1],
  ];
  for (const [text, hostname, port] of nodes) {
    const node = parseNode(text);
    assertEquals([node?.hostname, node?.port], [hostname, port], text);
  }
  const others = [
    "",
    "unknown",
    "_hidden",
    "_hidden:80",
    "unknown:80",
    "example.com",
    "192.0.2.1:",
    "192.0.2.1:65536",
    "192.0.2.1:-1",
    "[192.0.2.1]",
    "[::1",
    "::1]",
    "[::1]80",
    "[::1]:",
    "[::1%eth0]",
    "192.0.2.1 ",
    "192.0.2.1\n",
  ];
  for (const text of others) assertEquals(parseNode(text), null, text);
});

Deno.test("X-Forwarded-For is read from its end", () => {
  const names = (text: string) => [...lastNodes(text)].map((node) => node?.hostname ?? null);
  assertEquals(names(""), []);
  assertEquals(names(" , "), []);
  assertEquals(names("1.1.1.1"), ["1.1.1.1"]);
  assertEquals(names("x, 1.1.1.1 ,\t2.2.2.2:5,,[::1]"), ["::1", "2.2.2.2", "1.1.1.1", null]);
});
