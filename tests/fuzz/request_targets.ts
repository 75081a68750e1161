/**
 * Request targets: all protocols make the same of them, and of what is accepted, all ways to read it lead
 * to one mount.
 */

import type { Exchange, RequestHead, ResponseHead } from "../../src/message/exchange.ts";
import { sentPathOf, urlOf } from "../../src/message/request_url.ts";
import { MountRouter } from "../../src/gateway/router.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { headOrStatus, PROTOCOLS } from "../support/protocol_heads.ts";
import type { Random } from "../support/random.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

/** What mounts can be at, besides the root. */
const PREFIXES = ["/admin", "/admin/x", "/a", "/a/b", "/x", "/a%20b", "/caf%c3%a9", "/a/b/c"];

const SEGMENTS = ["admin", "x", "a", "b", "c", "a%20b", "caf%C3%A9", "%61", "%61dmin", "y", "a.b"];
const SPECIAL = ["", ".", "..", "...", "%2e", "%2E.", ".%2e", "%2e%2e", "..;", ";", "%25", "%00"];
const JOINTS = ["/", "/", "/", "/", "/", "/", "//", "%2f", "%5C", "\\", "/./"];
const STARTS = [
  "/",
  "/",
  "/",
  "/",
  "/",
  "//",
  "",
  "http://h/",
  "https://h/",
  "HTTP://h",
  "*",
  "http:",
];
const ENDS = ["", "", "", "/", "?", "?/../x", "?a=b&c", "#", "/..", "/."];
const SNIPPETS = [
  ...SPECIAL,
  ...JOINTS,
  ...STARTS,
  ...ENDS,
  "%",
  "%2",
  "@",
  ":",
  "[",
  "]",
  "\t",
  "h",
];

function make(random: Random): string {
  let text = random.pick(STARTS);
  for (let left = random.below(6); left > 0; left--) {
    text += random.pick(random.below(3) === 0 ? SPECIAL : SEGMENTS);
    if (left > 1) text += random.pick(JOINTS);
  }
  return perhapsMutated(random, text + random.pick(ENDS), SNIPPETS, 2);
}

function check(target: string, random: Random): void {
  const scheme = random.pick(["http", "https"] as const);
  const heads = Object.values(PROTOCOLS).map((make) => headOrStatus(make, { target, scheme }));
  const [overHttp, ...others] = heads;
  // Over HTTP, a target ends where a request line goes on; and only OPTIONS has `*`. Over FastCGI an empty
  // one is none.
  const isWord = target !== "" && target !== "*" && !/[\0-\x20]/.test(target);
  for (const head of isWord ? heads : others) {
    if (typeof head === "number") {
      assertEquals(head, 400);
      assert(!isWord || overHttp === 400, "the protocols disagree");
      continue;
    }
    assert(!isWord || typeof overHttp === "object", "the protocols disagree");
    checkUrl(head, target, scheme);
    checkMount(head, ["", ...PREFIXES].filter(() => random.below(3) > 0));
  }
}

/** The URL is of the client's own host, or the target's. */
function checkUrl(head: RequestHead, target: string, scheme: "http" | "https"): void {
  const url = new URL(urlOf(head));
  const [, host = "a.example"] = /^https?:\/\/([^/?]*)/i.exec(target) ?? [];
  assertEquals(url.origin, new URL(`${scheme}://${host}`).origin);
  assertEquals(url.hash, "");
  assertEquals(url.username + url.password, "");
}

function checkMount(head: RequestHead, prefixes: readonly string[]): void {
  if (prefixes.length === 0) return;
  const seen: (string | number)[] = [];
  const exchange = { head, respond: ({ status }: ResponseHead) => seen.push(status) };
  new MountRouter(prefixes.map((prefix, mount) => ({
    prefix,
    mount,
    handler: {
      handle: () => {
        assertEquals(head.mount, mount);
        seen.push(prefix);
      },
    },
  }))).handle(exchange as unknown as Exchange);
  assertEquals(seen.length, 1, "it is handled once");
  if (seen[0] === 400) return;
  const found = typeof seen[0] === "number" ? null : seen[0];
  assertEquals(found === null, seen[0] === 404);
  assertEquals(mountOf(prefixes, upper(new URL(urlOf(head)).pathname), upper), found, "its URL");
  const path = sentPathOf(head);
  for (const each of spellings(path)) {
    assertEquals(mountOf(prefixes, upper(each), upper), found, `read as ${each}`);
  }
  for (const whole of [decoded(path), decoded(path).replaceAll("\\", "/")]) {
    for (const each of spellings(whole)) {
      assertEquals(mountOf(prefixes, each, decoded), found, `decoded, and read as ${each}`);
    }
  }
}

/** A path as it is, without its empty segments, without its dot segments, and without either. */
function spellings(path: string): string[] {
  const merged = path.replace(/\/+/g, "/");
  return [path, merged, undotted(path), undotted(merged), undotted(path).replace(/\/+/g, "/")];
}

/** As RFC 3986 5.2.4 has it; encoded dots are no dots. */
function undotted(path: string): string {
  const output: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [index, segment] of segments.entries()) {
    if (segment === "..") output.pop();
    else if (segment !== ".") output.push(segment);
    if (index === segments.length - 1 && /^\.\.?$/.test(segment)) output.push("");
  }
  return `/${output.join("/")}`;
}

function upper(path: string): string {
  return path.replace(/%[\da-f]{2}/gi, (escape) => escape.toUpperCase());
}

function decoded(path: string): string {
  return path.replace(
    /%([\da-f]{2})/gi,
    (_, digits: string) => String.fromCharCode(Number(`0x${digits}`)),
  );
}

/** The longest prefix of whole segments, compared in some form. */
function mountOf(
  prefixes: readonly string[],
  path: string,
  form: (prefix: string) => string,
): string | null {
  const fitting = prefixes.filter((prefix) => `${path}/`.startsWith(`${form(prefix)}/`));
  return fitting.toSorted((a, b) => form(b).length - form(a).length)[0] ?? null;
}

/** Targets of requests, over every protocol. */
export const REQUEST_TARGETS: FuzzTarget = inputTarget({ name: "targets", make, check });
