/**
 * Middleware that tells how long the app took.
 *
 *     gatehouse examples/hello.ts examples/middleware/timing.ts
 */
import type { App } from "../../mod.ts";

export default function timing(next: App): App {
  return {
    async fetch(request, context) {
      const start = performance.now();
      const response = await next.fetch(request, context);
      const headers = new Headers(response.headers);
      headers.append("server-timing", `app;dur=${(performance.now() - start).toFixed(1)}`);
      return new Response(response.body, { status: response.status, headers });
    },
  };
}
