import { assertEquals, assertNotEquals, assertRejects } from "../../support/assert.ts";
import { Random } from "../../support/random.ts";
import { ConfigError } from "../../../src/base/errors.ts";
import { latin1Text } from "../../../src/message/fields.ts";
import { parseMessage } from "../../../src/mongrel2/codec/message.ts";
import { MAX_SEARCHED_BYTES, stickyKey } from "../../../src/dispatch/sticky/sticky_key.ts";
import type { StickyRule } from "../../../src/dispatch/sticky/rule.ts";

const CONNECTION = "server 7";

/** A message of Mongrel2; texts have one code unit for each byte. */
function message(headers: Record<string, string | string[]>, body = ""): Uint8Array {
  const all = { PATH: "/", ...headers, METHOD: "GET" };
  const json = JSON.stringify(all);
  const text = `${CONNECTION} / ${json.length}:${json},${body.length}:${body},`;
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

async function keyOf(rule: StickyRule, bytes: Uint8Array): Promise<string> {
  const key = await stickyKey(rule);
  return key(parseMessage(bytes), bytes);
}

type Case = readonly [string, StickyRule, Record<string, string | string[]>, string];

const cookie = (name: string) => ({ by: "cookie", name }) as const;
const header = (name: string) => ({ by: "header", name }) as const;
const cases: readonly Case[] = [
  ["the connection", { by: "connection" }, { cookie: "sid=1" }, CONNECTION],
  ["a cookie", cookie("sid"), { cookie: "sid=abc" }, "abc"],
  ["a cookie among others", cookie("sid"), { cookie: "a=1; sid=abc; b=2" }, "abc"],
  ["a cookie without blanks between", cookie("sid"), { cookie: "a=1;sid=abc;b=2" }, "abc"],
  ["the first of several cookies", cookie("sid"), { cookie: "sid=1; sid=2" }, "1"],
  ["a cookie in the second header", cookie("sid"), { cookie: ["a=1", "sid=2", "sid=3"] }, "2"],
  ["a cookie with an equals sign in it", cookie("sid"), { cookie: "sid=a=b==" }, "a=b=="],
  ["a cookie in quotes", cookie("sid"), { cookie: 'sid="a b"' }, '"a b"'],
  ["a cookie whose name ends so", cookie("sid"), { cookie: "xsid=1; sid=2" }, "2"],
  ["a cookie in another case", cookie("sid"), { cookie: "SID=1" }, CONNECTION],
  ["no cookie at all", cookie("sid"), {}, CONNECTION],
  ["a cookie that is empty", cookie("sid"), { cookie: "sid=; sid2=x" }, CONNECTION],
  ["a cookie without a value", cookie("sid"), { cookie: "sid; x=1" }, CONNECTION],
  ["cookies without names", cookie("sid"), { cookie: "=sid;;; =; sid" }, CONNECTION],
  ["a cookie in bytes that are no text", cookie("sid"), { cookie: "sid=\xff\x80" }, "\xff\x80"],
  ["the cookie in another header", cookie("sid"), { "x-cookie": "sid=1" }, CONNECTION],
  ["a header", header("x-user"), { "x-user": "ann" }, "ann"],
  ["a header in another case", header("X-User"), { "x-user": "ann" }, "ann"],
  ["repeated headers", header("x-user"), { "x-user": ["ann", "bob"] }, "ann, bob"],
  ["repeated headers in another order", header("x-user"), { "x-user": ["bob", "ann"] }, "bob, ann"],
  ["a header that is empty", header("x-user"), { "x-user": "" }, CONNECTION],
  ["no such header", header("x-user"), { "x-user2": "ann" }, CONNECTION],
  ["a header that is Mongrel2's own", header("path"), {}, CONNECTION],
  ["a client's header of that name", header("PATH"), { path: "mine" }, "mine"],
  ["no header named __proto__", header("__proto__"), {}, CONNECTION],
];
for (const [what, rule, headers, expected] of cases) {
  Deno.test(`requests stick by ${rule.by}: ${what}`, async () => {
    assertEquals(await keyOf(rule, message(headers)), expected);
  });
}

Deno.test("a header named __proto__ is one as any other", async () => {
  assertEquals(await keyOf(header("__proto__"), message(JSON.parse('{"__proto__": "x"}'))), "x");
});

const regexCases: readonly (readonly [string, string, string, string])[] = [
  ["the only group", "sid=([a-z]+)", "sid=abc", "abc"],
  ["groups, joined", "(a+)-(b+)", "x aa-bbb", "aabbb"],
  ["of groups those that take part", "a=(\\w+)|b=(\\w+)", "b=22", "22"],
  ["the whole match if there are no groups", "sid=\\w+", "a sid=abc;", "sid=abc"],
  ["the first match", "sid=(\\w)", "sid=1 sid=2", "1"],
  ["named groups", "(?P<sid>[0-9]+)!", "x 42!", "42"],
  ["groups that are not counted", "(?:sid|id)=(\\w+)", "id=9", "9"],
  ["what is in another case, if asked to", "(?i)SID=(\\w+)", "sid=q", "q"],
  ["the connection, if all groups are empty", "(x*)GET", "", CONNECTION],
  ["the connection, if the match is empty", "x*", "", CONNECTION],
  ["bytes beyond ASCII, as they are", "ü=(.)", "\xc3\xbc=\xff", "\xff"],
  ["the sender and the connection, too", "^([a-z]+) \\d+ /", "", "server"],
];
for (const [what, pattern, value, expected] of regexCases) {
  Deno.test(`an expression finds ${what}: ${pattern}`, async () => {
    assertEquals(await keyOf({ by: "regex", pattern }, message({ "x-value": value })), expected);
  });
}

Deno.test("an expression is searched in the body, too", async () => {
  const rule = { by: "regex", pattern: "user=(\\d+)" } as const;
  assertEquals(await keyOf(rule, message({}, "a=1&user=42")), "42");
});

Deno.test("without a match the whole message is the key, as far as it is searched", async () => {
  const rule = { by: "regex", pattern: "nowhere([xyz])" } as const;
  const short = message({ "x-value": "1" });
  assertEquals(await keyOf(rule, short), latin1Text(short, 0, short.length));
  const long = message({}, `${"-".repeat(MAX_SEARCHED_BYTES)}nowherex`);
  assertEquals(await keyOf(rule, long), latin1Text(long, 0, MAX_SEARCHED_BYTES));
});

const malformed: Record<string, string> = {
  "(": "missing closing ): `(`",
  "a**": "invalid nested repetition operator: `**`",
  "(a)\\1": "invalid escape sequence: `\\1`",
  "(?=x)": "invalid or unsupported Perl syntax: `(?=`",
  "[0-9a-f]{1001}": "invalid repeat count: `{1001}`",
  "[0-9a-f]{900}": "is too large",
  [`${"(".repeat(5_000)}x${")".repeat(5_000)}`]: "expression nests too deeply",
};
for (const [pattern, reason] of Object.entries(malformed)) {
  Deno.test(`the expression ${pattern.slice(0, 20)} is refused: ${reason}`, async () => {
    await assertRejects(() => stickyKey({ by: "regex", pattern }), ConfigError, reason);
  });
}

// With an engine that backtracks these would take longer than any test may.
const HARD = ["((a|aa)+)+[bc]!", "(a*)*(a*)*[bc]!", "(.*)(.*)(.*)(.*)[bc]!"];
for (const pattern of HARD) {
  Deno.test(`the time that ${pattern} takes is linear in the message`, async () => {
    const bytes = message({}, "a".repeat(2 * MAX_SEARCHED_BYTES));
    const key = await keyOf({ by: "regex", pattern }, bytes);
    assertEquals(key.length, MAX_SEARCHED_BYTES);
  });
}

Deno.test("no bytes of a cookie make an expression fail", async () => {
  const random = new Random(7);
  const keys = await Promise.all(
    ["sid=([^;]*)", "(\\w+)=(\\S+)", "(?s)cookie(.*)path", "[^\\x00-\\x7f]+", "\\p{L}{3}|\\bx\\b"]
      .map((pattern) => stickyKey({ by: "regex", pattern })),
  );
  const alphabet = 'sid=;" \\xü\0\x7f\x80\xff\ud83d{}[]()';
  for (let i = 0; i < 2_000; i++) {
    const value = random.text(random.below(60), alphabet);
    const bytes = message({ cookie: `sid=${value}` });
    const parsed = parseMessage(bytes);
    for (const key of keys) {
      assertNotEquals(key(parsed, bytes), "");
      assertEquals(key(parsed, bytes), key(parsed, bytes.slice()));
    }
  }
});
