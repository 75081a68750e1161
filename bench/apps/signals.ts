/** An app whose requests wait, or follow: see bench/signals.ts. */
import { eventStream } from "../../src/message/event_stream.ts";
import type { Context } from "../../src/worker/context.ts";

export default {
  async fetch(request: Request, { signals, topics }: Context): Promise<Response> {
    const url = request.url;
    // A URL that is kept while a request waits takes more than the request.
    const { pathname } = new URL(url);
    switch (pathname) {
      case "/wait":
        return new Response(`${await signals.wait("bench", { timeoutMs: 600_000 })}`);
      case "/waiting":
        return new Response(`${await signals.waiting("bench")}`);
      case "/send":
        return new Response(`${await signals.send("bench", "woken")}`);
      case "/publish":
        return new Response(await topics.publish("bench", new URL(url).searchParams.get("value")));
      default:
        return eventStream(request, topics.subscribe("bench"));
    }
  },
};
