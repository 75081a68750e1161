/**
 * What passes between clients and the app of the tests, whatever server and protocol are in between.
 */

import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import type { RawResponse } from "../support/raw_client.ts";
import { get, RawClient } from "../support/raw_client.ts";

/** A server, as its clients see it. */
export interface CheckedFront {
  /** Its base URL, without a final slash. */
  readonly url: string;
  /** Its port on 127.0.0.1. */
  readonly port: number;
}

/** A server, the gateway behind it with the app of the tests, and a folder for the test's files. */
export interface CheckedSite {
  readonly front: CheckedFront;
  readonly gateway: GatewayProcess;
  readonly folder: string;
}

const CLIENTS = 200;
const TRIES = 5;
/** How often, and at what interval in milliseconds, a test looks whether something has come true. */
export const POLLS = 500;
export const PAUSE_MS = 20;

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Whether `condition` comes true in due time. */
export async function becomes(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let poll = 0; poll < POLLS; poll++) {
    if (await condition()) return true;
    await sleep(PAUSE_MS);
  }
  return false;
}

/** The body of a response. */
export async function text(response: Response | Promise<Response>): Promise<string> {
  return await (await response).text();
}

/** Asks on a connection of its own. */
export async function ask(
  { port }: CheckedFront,
  request: string | Uint8Array,
): Promise<RawResponse> {
  using client = await RawClient.connect(port);
  await client.send(request);
  return await client.receive();
}

/** What the app has counted, over all its workers. */
export class Tallies {
  readonly #url: string;
  readonly #workers = new Map<string, Record<string, number>>();

  /** For the app behind the server at `url`. */
  constructor(url: string) {
    this.#url = url;
  }

  /** The count now. */
  async count(what: "aborted" | "cancelled"): Promise<number> {
    // Several at once, so that every worker gets one.
    const answers = await Promise.all(
      Array.from({ length: 4 }, async () => await (await fetch(`${this.#url}/tally`)).json()),
    );
    for (const answer of answers) this.#workers.set(answer.worker, answer);
    return [...this.#workers.values()].reduce((sum, tally) => sum + tally[what], 0);
  }

  /** Whether the count grows beyond `before` in due time. */
  grows(what: "aborted" | "cancelled", before: number): Promise<boolean> {
    return becomes(async () => await this.count(what) > before);
  }
}

/** Target as sent, and the path and query that the app shall see. */
const TARGETS: readonly (readonly [string, string, string])[] = [
  ["/path/%C3%A4%20b+c", "/path/%C3%A4%20b+c", ""],
  ["/path/%E2%82%AC/%F0%9F%98%80", "/path/%E2%82%AC/%F0%9F%98%80", ""],
  ["/path/a%2Fb%3Fc%25d;e=f", "/path/a%2Fb%3Fc%25d;e=f", ""],
  ["/path/?a=%2F&b=c+d&e=%C3%A4%26", "/path/", "?a=%2F&b=c+d&e=%C3%A4%26"],
  ["/path/x?", "/path/x", ""],
  ["/path/x?a=/b?c", "/path/x", "?a=/b?c"],
];

/** The app sees this path and query when this target is asked for. */
export async function targetArrives(
  front: CheckedFront,
  target: string,
  path: string,
  query: string,
): Promise<void> {
  const response = await ask(front, get(target));
  assertEquals(response.status, 200, target);
  const url = new URL(JSON.parse(response.body).url);
  assertEquals(url.pathname + url.search, path + query, target);
}

/** The body of the response at `url` does not come to its end. */
async function breaks(url: string): Promise<void> {
  const response = await fetch(url);
  assertEquals(await response.text().then(() => "whole", () => "broken"), "broken", url);
}

/** A stream that the app breaks off is seen to break. */
export async function streamBreaks({ front }: CheckedSite): Promise<void> {
  await breaks(`${front.url}/break`);
}

/** The app is told when the client leaves that has sent `request`. */
export async function leavingAborts(
  { front }: CheckedSite,
  request: string = get("/hang"),
): Promise<void> {
  const tallies = new Tallies(front.url);
  const before = await tallies.count("aborted");
  let seen = false;
  // A client that leaves too early, before the request got to the app, says nothing: once more.
  for (let attempt = 0; attempt < TRIES && !seen; attempt++) {
    {
      using client = await RawClient.connect(front.port);
      await client.send(request);
      await sleep(PAUSE_MS * 5);
    }
    seen = await tallies.grows("aborted", before);
  }
  assert(seen);
}

/** Responses of so many bytes arrive whole, and those of known length have it in their head. */
export async function largeResponsesArrive({ front }: CheckedSite, bytes: number): Promise<void> {
  for (const [path, byte] of [["large", 121], ["large-bytes", 122], ["bytes", 120]] as const) {
    const response = await fetch(`${front.url}/${path}?n=${bytes}`);
    const length = response.headers.get("content-length");
    assertEquals(length, path === "bytes" ? null : String(bytes), path);
    const received = await response.bytes();
    assertEquals(received.length, bytes, path);
    assert(received.every((each) => each === byte), path);
  }
}

/** Clients at once, each with a text of its own that grows by `words` from one to the next, get it back. */
export async function manyGetTheirOwn({ front }: CheckedSite, words: number): Promise<void> {
  const asked = Array.from({ length: CLIENTS }, (_, at) => `${at} `.repeat(at * words + 1));
  // Servers close connections that are idle: none is kept for a request that would be lost with it.
  using client = Deno.createHttpClient({});
  const answered = await Promise.all(
    asked.map((body) => text(fetch(`${front.url}/echo`, { method: "POST", body, client }))),
  );
  assertEquals(answered.findIndex((answer, at) => answer !== asked[at]), -1);
}

/** Checks that hold behind every server. */
export const FRONT_CHECKS: Readonly<Record<string, (site: CheckedSite) => Promise<void>>> = {
  async "paths and queries arrive as they were sent"({ front }) {
    for (const target of TARGETS) await targetArrives(front, ...target);
  },

  async "POST: body and content type come back"({ front }) {
    const headers = { "content-type": "text/x-test; charset=utf-8" };
    const response = await fetch(`${front.url}/echo`, { method: "POST", headers, body: "tëxt" });
    assertEquals(response.headers.get("content-type"), headers["content-type"]);
    assertEquals(await response.text(), "tëxt");
  },

  async "POST: JSON, and an empty body"({ front }) {
    const value = { a: [1, "ä", null] };
    const response = await fetch(`${front.url}/json`, {
      method: "POST",
      body: JSON.stringify(value),
    });
    assertEquals(await response.json(), value);
    assertEquals(await text(fetch(`${front.url}/count`, { method: "POST" })), "0");
  },

  async "PUT, PATCH, DELETE and OPTIONS are passed on"({ front }) {
    for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const { method: seen } = await (await fetch(`${front.url}/info`, { method })).json();
      assertEquals(seen, method);
    }
  },

  async "the first part of a stream arrives before its last is made"({ front, folder }) {
    const gate = `${folder}/stream-gate`;
    const response = await fetch(`${front.url}/gated?file=${encodeURIComponent(gate)}`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    assertEquals((await reader.read()).value, "first\n");
    await Deno.writeTextFile(gate, "");
    assertEquals((await reader.read()).value, "last\n");
    assertEquals((await reader.read()).done, true);
  },

  async "HEAD, 204 and 304 have no body, and the connection goes on"({ front }) {
    using client = await RawClient.connect(front.port);
    for (const [path, status] of [["/", 200], ["/stream", 200], ["/none", 404]] as const) {
      await client.send(get(path).replace("GET", "HEAD"));
      assertEquals((await client.receive("head")).status, status);
    }
    for (const status of [204, 304]) {
      await client.send(get(`/status?code=${status}`));
      assertEquals((await client.receive()).status, status);
    }
    await client.send(get("/"));
    assertEquals((await client.receive()).body, "hello");
  },

  async "statuses and bodies of the app's own errors are left alone"({ front }) {
    const response = await fetch(`${front.url}/none`);
    assertEquals([response.status, await response.text()], [404, "not found"]);
    for (const code of [201, 400, 401, 410, 418, 503]) {
      const response = await fetch(`${front.url}/status?code=${code}`);
      assertEquals([response.status, await response.text()], [code, ""]);
    }
  },

  async "redirects are passed on as they are: to a URL and to a path"({ front }) {
    const cases: [number, string][] = [
      [301, "https://example.com/there?a=b"],
      [302, "/there?a=b%20c"],
      [303, "there"],
      [307, "/%C3%A4"],
      [308, "//example.com/"],
      [201, "/made"],
    ];
    for (const [code, to] of cases) {
      const response = await fetch(
        `${front.url}/redirect?code=${code}&to=${encodeURIComponent(to)}`,
        { redirect: "manual" },
      );
      assertEquals(
        [response.status, response.headers.get("location"), await response.text()],
        [code, to, "moved"],
      );
    }
  },

  async "two Set-Cookie fields stay two"({ front }) {
    const response = await fetch(`${front.url}/cookies`);
    await response.body?.cancel();
    assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
  },

  async "an app that throws is a 500, and the log has its stack"({ front, gateway }) {
    const response = await fetch(`${front.url}/throw`);
    await response.body?.cancel();
    assertEquals(response.status, 500);
    await gateway.logged(/thrown on purpose/);
    await gateway.logged(/^\s+at .*fixtures\/app\.ts:\d+/);
  },

  async "a response that ends before its length is seen to break"({ front }) {
    await breaks(`${front.url}/length?n=9`);
  },

  async "a client that leaves while the app sends cancels the stream"({ front }) {
    const tallies = new Tallies(front.url);
    const before = await tallies.count("cancelled");
    const client = new AbortController();
    const response = await fetch(`${front.url}/stream?ms=5&count=1000000`, client);
    assertEquals(response.status, 200);
    client.abort();
    await response.body?.cancel().catch(() => {});
    assert(await tallies.grows("cancelled", before));
  },

  async "many clients at once each get their own answer"(site) {
    await manyGetTheirOwn(site, 20);
  },
};
