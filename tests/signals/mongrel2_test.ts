import { serve } from "gatehouse";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../support/peers.ts";

const ignore = libzmqIsMissing();
const SIGNALS_APP = new URL("./signals_app.ts", import.meta.url);
const EVENTS_APP = new URL("./event_stream_app.ts", import.meta.url);

/** What the clients of a server have got so far. */
class Clients {
  readonly #server: FakeMongrel2;
  readonly #got = new Map<number, string>();

  constructor(server: FakeMongrel2) {
    this.#server = server;
  }

  /** Reads replies until the client `id` has got `text`; all that it has got. */
  async until(id: number, text: string): Promise<string> {
    for (;;) {
      const got = this.#got.get(id) ?? "";
      if (got.includes(text)) return got;
      const reply = await this.#server.reply();
      const [, to, bytes] = /^server \d+:(\d+), (.*)$/s.exec(reply) ?? [];
      this.#got.set(Number(to), (this.#got.get(Number(to)) ?? "") + bytes);
    }
  }

  /** Asks for `path` as a client that has not asked before; the body of its answer. */
  async ask(id: number, path: string): Promise<string> {
    await this.#server.request(id, path);
    const head = await this.until(id, "\r\n\r\n");
    const [, length] = /content-length: (\d+)/i.exec(head) ?? [];
    const start = head.indexOf("\r\n\r\n") + 4;
    if (length !== undefined) {
      assert(head.length >= start + Number(length), "small answers come whole");
      return head.slice(start, start + Number(length));
    }
    const chunks = (await this.until(id, "\r\n0\r\n\r\n")).slice(start);
    return chunks.slice(chunks.indexOf("\r\n") + 2, chunks.indexOf("\r\n0\r\n\r\n"));
  }
}

for (const workers of [0, 1]) {
  Deno.test({
    name: `requests of Mongrel2 wait for signals, and follow topics (workers: ${workers})`,
    ignore,
    async fn() {
      await using server = new FakeMongrel2();
      const mongrel2 = `${server.send},recv=${server.recv}`;
      await using _gateway = await serve({ app: SIGNALS_APP, workers, mongrel2, log() {} });
      const clients = new Clients(server);
      let next = 100;
      const ask = (path: string) => clients.ask(next++, path);

      await server.request(1, "/wait?name=news");
      await server.request(2, "/wait?name=news");
      while (await ask("/waiting?name=news") !== "2");
      // One that leaves waits no longer.
      await server.sendRaw('server 2 @* 17:{"METHOD":"JSON"},21:{"type":"disconnect"},');
      while (await ask("/waiting?name=news") !== "1");
      assertEquals(await ask("/send?name=news&value=over"), "1");
      assertStringIncludes(await clients.until(1, '"over"'), "200 OK");

      const first = await ask("/publish?name=topic&value=a");
      await server.request(3, `/read?name=topic&after=${first}&count=2`);
      await ask("/publish?name=topic&value=b");
      await ask("/publish?name=topic&value=c");
      await clients.until(3, '"b","c"');
    },
  });

  Deno.test({
    name: `event streams reach clients of Mongrel2, and end with them (workers: ${workers})`,
    ignore,
    async fn() {
      await using server = new FakeMongrel2();
      const mongrel2 = `${server.send},recv=${server.recv}`;
      await using _gateway = await serve({ app: EVENTS_APP, workers, mongrel2, log() {} });
      const clients = new Clients(server);
      let next = 100;
      const ask = (path: string) => clients.ask(next++, path);

      await server.request(1, "/stream?name=own");
      assertStringIncludes(await clients.until(1, '{"i":0}'), "text/event-stream");
      assertEquals(await ask("/next?name=own"), "true");
      await clients.until(1, '{"i":1}');
      await server.sendRaw('server 1 @* 17:{"METHOD":"JSON"},21:{"type":"disconnect"},');
      while (await ask("/ended?name=own") !== "true");

      const id = await ask("/publish?name=topic&value=old");
      await ask("/publish?name=topic&value=missed");
      await server.request(2, "/topic?name=topic", { "last-event-id": id });
      const resumed = await clients.until(2, "missed");
      assert(!resumed.includes("old"), resumed);
      await ask("/publish?name=topic&value=live");
      await clients.until(2, "live");
    },
  });
}
