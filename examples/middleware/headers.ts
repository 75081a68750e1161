/**
 * Middleware with settings: puts headers on responses that do not have them.
 *
 *     [filter:headers]
 *     use = middleware/headers.ts
 *     x-frame-options = DENY
 */
import type { App } from "gatehouse";

export default function headers(settings: Record<string, string>): (next: App) => App {
  return (next) => ({
    async fetch(request, context) {
      const response = await next.fetch(request, context);
      const answer = new Response(response.body, response);
      for (const [name, value] of Object.entries(settings)) {
        if (!answer.headers.has(name)) answer.headers.set(name, value);
      }
      return answer;
    },
  });
}
