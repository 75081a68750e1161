/**
 * Middleware that tells how long the app took.
 *
 *     gatehouse examples/hello.ts examples/middleware/timing.ts
 */
import type { App } from "gatehouse";

export default function timing(next: App): App {
  return {
    async fetch(request, context) {
      const start = performance.now();
      const response = await next.fetch(request, context);
      // The headers of a response that came from fetch() cannot be changed, but those of its copy can.
      const timed = new Response(response.body, response);
      timed.headers.append("server-timing", `app;dur=${(performance.now() - start).toFixed(1)}`);
      return timed;
    },
  };
}
