import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url).pathname;
const SET_UPS = [["--workers", "0"], ["--workers", "2"], ["--processes", "2", "--workers", "1"]];

async function post(port: number, path: string, body: string): Promise<string> {
  using client = await RawClient.connect(port);
  await client.send(
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return (await client.receive()).body;
}

for (const args of SET_UPS) {
  Deno.test(`examples/long_poll.ts has many clients get what one posts, ${args.join(" ")}`, async () => {
    await using gateway = await startGateway([`${EXAMPLES}long_poll.ts`, ...args]);
    const poll = async (name: string) => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get(`/${name}`));
      return (await client.receive()).body;
    };
    const polls = Array.from({ length: 40 }, (_, i) => poll(i % 2 === 0 ? "ann" : "ben"));
    const got = { ann: 0, ben: 0 };
    // All are on their way: some may come after the first words.
    for (const name of ["ann", "ben"] as const) {
      while (got[name] < 20) {
        got[name] += Number(await post(gateway.port, `/${name}`, `to ${name}`));
      }
    }
    assertEquals(got, { ann: 20, ben: 20 });
    const texts = await Promise.all(polls);
    assertEquals(texts.filter((text) => text === "to ann\n").length, 20);
    assertEquals(texts.filter((text) => text === "to ben\n").length, 20);
    assertEquals((await post(gateway.port, "/ann", "to nobody")).trim(), "0");
    assertEquals((await post(gateway.port, "/ann", "x".repeat(51))).trim(), "too long");
  });

  Deno.test(`examples/events.ts loses nothing for clients that come and go, ${args.join(" ")}`, async () => {
    await using gateway = await startGateway([`${EXAMPLES}events.ts`, ...args]);
    const { port, url } = gateway;
    const first = (await post(port, "/", "0")).trim();
    const COUNT = 150;
    /** Reads all news after the first, on connections that it leaves after some of them. */
    const follow = async (stride: number): Promise<string[]> => {
      const news: string[] = [];
      let after = first;
      while (news.length < COUNT) {
        using client = Deno.createHttpClient({});
        const headers = { "last-event-id": after };
        const response = await fetch(`${url}/events`, { headers, client });
        let text = "";
        let left = stride;
        for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
          text += chunk;
          for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
            const event = /^id: (\S+)\ndata: (.*)$/.exec(text.slice(0, end));
            text = text.slice(end + 2);
            if (event === null || left === 0) continue;
            left--;
            after = event[1];
            news.push(event[2]);
          }
          if (left === 0 || news.length === COUNT) break;
        }
      }
      return news;
    };
    const followers = Array.from({ length: 12 }, (_, i) => follow(7 + 11 * i));
    for (let i = 1; i <= COUNT; i++) {
      await post(port, "/", String(i));
      if (i === 75 && args[1] !== "0") gateway.kill("SIGHUP");
    }
    const expected = Array.from({ length: COUNT }, (_, i) => String(i + 1));
    for (const news of await Promise.all(followers)) assertEquals(news, expected);
    const page = await fetch(`${url}/`);
    assert((await page.text()).includes("EventSource"));
  });
}
