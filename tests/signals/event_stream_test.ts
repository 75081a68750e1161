import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort, isMissing } from "../support/peers.ts";
import { startFront, startSites } from "../peers/front_servers.ts";
import type { EventStreamItem } from "../../src/message/event_stream.ts";
import { eventStream, eventText } from "../../src/message/event_stream.ts";

const APP = new URL("./event_stream_app.ts", import.meta.url).pathname;
const request = () => new Request("http://localhost/");

for (
  const [item, text] of [
    ["words", "data: words\n\n"],
    ["", "data: \n\n"],
    ["a\nb\r\nc\rd\n", "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"],
    [{ data: { a: "x\ny" } }, 'data: {"a":"x\\ny"}\n\n'],
    [{ data: null }, "data: null\n\n"],
    [{ data: () => 1 }, "data: \n\n"],
    [{}, "\n"],
    [{ comment: "hush\nid: 1\r\ndata: x" }, ": hush\n: id: 1\n: data: x\n\n"],
    [
      { retryMs: 1.5, event: "tick", id: "7", data: 5 },
      "retry: 2\nevent: tick\nid: 7\ndata: 5\n\n",
    ],
    [{ id: "", data: "x" }, "id: \ndata: x\n\n"],
    [{ kind: "message", id: "1-2", value: [1] }, "id: 1-2\ndata: [1]\n\n"],
    [{ kind: "message", id: "1-2", value: undefined }, "id: 1-2\ndata: null\n\n"],
    [{ kind: "gap" }, "event: gap\ndata: \n\n"],
  ] as [EventStreamItem, string][]
) {
  Deno.test(`the event ${Deno.inspect(item)} as it is sent`, () => {
    assertEquals(eventText(item), text);
  });
}

for (const evil of ["a\nb", "a\rb", "a\r\nid: b", "\0", "a\n\ndata: forged"]) {
  Deno.test(`no id or type ${JSON.stringify(evil)} puts lines into a stream`, () => {
    assertThrows(() => eventText({ id: evil, data: "" }), TypeError);
    assertThrows(() => eventText({ event: evil, data: "" }), TypeError);
    assertThrows(() => eventText({ kind: "message", id: evil, value: "" }), TypeError);
  });
}

for (const item of [5, null, undefined, true, () => 1] as unknown as EventStreamItem[]) {
  Deno.test(`${Deno.inspect(item)} is no event`, () => {
    assertThrows(() => eventText(item), TypeError, "goes into { data }");
  });
}

for (const ms of [-1, NaN, Infinity, "1\ndata: x" as unknown as number]) {
  Deno.test(`a time of ${JSON.stringify(ms)} is refused`, () => {
    assertThrows(() => eventText({ retryMs: ms }), RangeError);
    assertThrows(() => eventStream(request(), [], { retryMs: ms }), RangeError);
    assertThrows(() => eventStream(request(), [], { keepAliveMs: ms }), RangeError);
  });
}

Deno.test("a stream has the fields that keep it from being stored and collected", async () => {
  const headers = { "content-type": "text/plain", "x-own": "1" };
  const response = eventStream(request(), ["a"], { headers });
  assertEquals([...response.headers], [
    ["cache-control", "no-cache"],
    ["content-type", "text/event-stream"],
    ["x-accel-buffering", "no"],
    ["x-own", "1"],
  ]);
  assertEquals(await response.text(), ":\n\ndata: a\n\n");
});

/** Events without end, which note what becomes of them. */
class Endless implements AsyncIterableIterator<string> {
  taken = 0;
  returned = 0;
  [Symbol.asyncIterator]() {
    return this;
  }
  next() {
    this.taken++;
    return Promise.resolve({ done: false as const, value: "x" });
  }
  return() {
    this.returned++;
    return Promise.reject(new Error("nobody hears this"));
  }
}

Deno.test("a client that reads slowly fills no memory, and one that leaves ends the events", async () => {
  const events = new Endless();
  const reader = eventStream(request(), events).body!.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert(events.taken <= 2, `${events.taken}`);
  await reader.cancel();
  assertEquals(events.returned, 1);
});

Deno.test("the end of the request ends the events, before and after the stream has begun", async () => {
  for (const when of ["before", "after"]) {
    const events = new Endless();
    const leaving = new AbortController();
    if (when === "before") leaving.abort();
    const response = eventStream(new Request("http://a/", { signal: leaving.signal }), events);
    leaving.abort();
    assertEquals(await response.text().catch((error) => error.name), "AbortError");
    assertEquals(events.returned, 1);
  }
});

Deno.test("HEAD gets the fields alone, and the events are returned", async () => {
  const events = new Endless();
  const response = eventStream(new Request("http://a/", { method: "HEAD" }), events);
  assertEquals([await response.text(), events.returned], ["", 1]);
});

Deno.test("events that fail, or cannot be sent, break the stream off", async () => {
  const failing = function* () {
    yield "a";
    throw new Error("on purpose");
  };
  const error = await eventStream(request(), failing()).text().catch((error) => error);
  assertEquals(error.message, "on purpose");
  let wasReturned = false;
  const evil = function* () {
    try {
      yield { id: "a\nb" };
    } finally {
      wasReturned = true;
    }
  };
  const refused = await eventStream(request(), evil()).text().catch((error) => error);
  assert(refused instanceof TypeError);
  assert(wasReturned);
});

/** What comes of an event stream, event by event. */
class Client implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #client = Deno.createHttpClient({});
  #reader: ReadableStreamDefaultReader<string> | null = null;
  #text = "";

  async open(url: string, lastEventId?: string): Promise<Response> {
    const headers: HeadersInit = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const { signal } = this.#controller;
    const response = await fetch(url, { headers, signal, client: this.#client });
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    return response;
  }

  /** The next event. */
  async next(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const event = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return event;
      }
      const { done, value } = await this.#reader!.read();
      if (done) throw new Error(`the stream has ended: ${this.#text}`);
      this.#text += value;
    }
  }

  leave(): void {
    this.#controller.abort();
    this.#reader?.read().catch(() => {});
    this.#client.close();
  }

  // deno-lint-ignore require-await
  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
  }
}

async function textOf(url: string): Promise<string> {
  using client = Deno.createHttpClient({});
  return await (await fetch(url, { client })).text();
}

/** Sees to it that streams at `url`, which a gateway of the app serves, are as they should be. */
async function check(url: string): Promise<void> {
  // Other streams of the same gateway are not meant.
  const [a, b, t] = Array.from({ length: 3 }, () => crypto.randomUUID());
  const client = new Client();
  const response = await client.open(`${url}/stream?name=${a}`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  // Each event is here before the next one is made.
  assertEquals(await client.next(), "retry: 10");
  assertEquals(await client.next(), 'id: 0\ndata: {"i":0}');
  for (let i = 1; i < 5; i++) {
    while (await textOf(`${url}/next?name=${a}`) !== "true");
    assertEquals(await client.next(), `id: ${i}\ndata: {"i":${i}}`);
  }
  assertEquals(await textOf(`${url}/ended?name=${a}`), "false");
  client.leave();
  // Where this takes a second or more, the app is told too late.
  for (let waitedMs = 0; await textOf(`${url}/ended?name=${a}`) !== "true"; waitedMs += 50) {
    assert(waitedMs < 10_000, "nobody has noticed that the client has left");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await using quiet = new Client();
  await quiet.open(`${url}/quiet?name=${b}`);
  assertEquals(await quiet.next(), ":");
  assertEquals(await quiet.next(), 'id: 0\ndata: {"i":0}');
  for (let i = 0; i < 3; i++) assertEquals(await quiet.next(), ":");
  const last = await textOf(`${url}/publish?name=${t}&value=a`);
  await textOf(`${url}/publish?name=${t}&value=b`);
  await using resumed = new Client();
  await resumed.open(`${url}/topic?name=${t}`, last);
  assertEquals(await resumed.next(), ":");
  assert(/^id: \d+-\d+\ndata: b$/.test(await resumed.next()));
  await using late = new Client();
  await late.open(`${url}/topic?name=${t}`, "1-1");
  assertEquals([await late.next(), await late.next()], [":", "event: gap\ndata: "]);
}

for (const workers of ["0", "1"]) {
  Deno.test(`event streams over HTTP, with workers ${workers}`, async () => {
    await using gateway = await startGateway([APP, "--workers", workers]);
    await check(gateway.url);
  });
}

Deno.test({
  name: "event streams behind nginx, over HTTP and FastCGI",
  ignore: isMissing("nginx"),
  async fn() {
    const fastcgi = freePort();
    const addresses = ["--http=127.0.0.1:0", `--fastcgi=127.0.0.1:${fastcgi}`];
    await using gateway = await startGateway([APP, "--workers=1", ...addresses]);
    {
      await using front = await startFront("nginx", `127.0.0.1:${fastcgi}`);
      await check(front.url);
    }
    const port = freePort();
    const site = `server {
      listen 127.0.0.1:${port};
      location / { proxy_pass http://127.0.0.1:${gateway.port}; proxy_http_version 1.1; }
    }`;
    await using front = await startSites("nginx", port, () => site);
    await check(front.url);
  },
});
