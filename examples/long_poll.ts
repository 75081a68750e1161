/**
 * Long polls: a request waits until there is news for its name, and another one brings them, in whatever
 * worker or process the two are.
 *
 *     gatehouse examples/long_poll.ts --port 8000 --processes 2
 *     curl http://127.0.0.1:8000/ann
 *     curl -d 'Good morning' http://127.0.0.1:8000/ann
 *
 * What nobody waits for is not kept: the answer to a POST says how many have got it. See
 * examples/events.ts for news that are kept.
 */
import type { Context } from "gatehouse";

/** Shorter than web servers in front wait for an answer, which is 60 s as a rule. */
const POLL_MS = 25_000;
/** Characters of a name, and of a message, at the most. */
const MAX_LENGTH = 50;

export default {
  async fetch(request: Request, { signals }: Context): Promise<Response> {
    const name = new URL(request.url).pathname.slice(1);
    if (name === "" || name.length > MAX_LENGTH) return new Response("whose?\n", { status: 404 });
    if (request.method === "POST") {
      const words = await request.text();
      if (words.length > MAX_LENGTH) return new Response("too long\n", { status: 413 });
      return new Response(`${await signals.send(`poll/${name}`, words)}\n`);
    }
    try {
      const words = await signals.wait(`poll/${name}`, { timeoutMs: POLL_MS });
      return new Response(`${words}\n`, { headers: { "cache-control": "no-store" } });
    } catch (error) {
      // Nothing for now: the client asks again.
      if ((error as Error).name !== "SignalTimeoutError") throw error;
      return new Response(null, { status: 204 });
    }
  },
};
