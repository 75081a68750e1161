/**
 * Work that outlives the response, and work that ends when the client leaves.
 *
 *     gatehouse examples/background.ts
 *
 * `context.waitUntil` and `context.signal` are gatehouse's: `deno serve` has neither.
 */
import type { Context } from "gatehouse";

const visits = new Map<string, number>();

async function count(visitor: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  visits.set(visitor, (visits.get(visitor) ?? 0) + 1);
}

/** Resolves after `ms`, or as soon as `signal` fires. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

export default {
  async fetch(request: Request, context: Context): Promise<Response> {
    const { remoteAddr } = context;
    const visitor = "hostname" in remoteAddr ? remoteAddr.hostname : "local";
    const { pathname } = new URL(request.url);
    if (pathname === "/visits") return Response.json(Object.fromEntries(visits));
    if (pathname === "/wait") await pause(10_000, context.signal);
    // Shutdown waits for this, too.
    context.waitUntil(count(visitor));
    return new Response(`Hello, ${visitor}\n`);
  },
};
