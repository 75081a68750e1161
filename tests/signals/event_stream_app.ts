/** An app with event streams, and what became of them: see event_stream_test.ts. */
import { eventStream } from "../../src/message/event_stream.ts";
import type { Context } from "../../src/worker/context.ts";

const ended = new Set<string>();

/** Gives an event, and then waits until it is told to go on, or to end. */
async function* events(name: string, context: Context) {
  try {
    for (let i = 0;; i++) {
      yield { id: String(i), data: { i } };
      const { promise, resolve } = Promise.withResolvers<void>();
      next.set(name, resolve);
      context.signal.addEventListener("abort", () => resolve());
      await promise;
    }
  } finally {
    ended.add(name);
  }
}

const next = new Map<string, () => void>();

export default {
  async fetch(request: Request, context: Context): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get("name") ?? "";
    switch (pathname) {
      case "/stream":
        return eventStream(request, events(name, context), { retryMs: 10, keepAliveMs: 60_000 });
      case "/quiet":
        return eventStream(request, events(name, context), { keepAliveMs: 20 });
      case "/topic": {
        const after = request.headers.get("last-event-id");
        return eventStream(request, context.topics.subscribe(name, { after }));
      }
      case "/publish":
        return new Response(await context.topics.publish(name, searchParams.get("value")));
      case "/next":
        next.get(name)?.();
        return new Response(String(next.has(name)));
      default:
        return new Response(String(ended.has(name)));
    }
  },
};
