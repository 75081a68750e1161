/**
 * Work that outlives the response, and work that ends when the client leaves.
 *
 *     gatehouse examples/background.ts
 */
import type { Context } from "../mod.ts";

const visits = new Map<string, number>();

async function count(visitor: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  visits.set(visitor, (visits.get(visitor) ?? 0) + 1);
}

/** Resolves after `ms`, or as soon as `signal` fires. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
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
