/** An app whose requests wait for signals, send them, and follow topics: see apps_test.ts. */
import type { Context } from "../../src/worker/context.ts";

/** What `value` is as JSON, with what JSON has no words for. */
function shown(value: unknown): string {
  return Deno.inspect(value, { depth: 9, sorted: true });
}

/** Ends that were seen of what waited. */
const ends: string[] = [];

async function answer(request: Request, context: Context): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const name = searchParams.get("name") ?? "signal";
  const value = searchParams.get("value") ?? undefined;
  const number = (key: string) => {
    const text = searchParams.get(key);
    return text === null ? undefined : Number(text);
  };
  switch (pathname) {
    case "/wait": {
      const signal = searchParams.has("abort")
        ? AbortSignal.timeout(number("abort")!)
        : searchParams.has("aborted")
        ? AbortSignal.abort("gone before")
        : undefined;
      try {
        const woken = await context.signals.wait(name, { timeoutMs: number("ms"), signal });
        ends.push(`${name}: woken`);
        return new Response(shown(woken));
      } catch (error) {
        ends.push(`${name}: ${error instanceof Error ? error.name : error}`);
        throw error;
      }
    }
    case "/late-wait": {
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      const outcome = context.signals.wait(name);
      await outcome.catch((error) => ends.push(`${name}: late ${error.name}`));
      return new Response();
    }
    case "/early-wait": {
      const outcome = context.signals.wait(name);
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await outcome.catch((error) => ends.push(`${name}: early ${error.name}`));
      return new Response();
    }
    case "/send": {
      const wake = searchParams.get("wake") as "one" | undefined ?? undefined;
      return new Response(String(await context.signals.send(name, value, { wake })));
    }
    case "/send-kinds": {
      const map = new Map([["a", new Set([1n, new Date(5)])]]);
      const all = { map, bytes: new Uint8Array([1, 2]), nothing: undefined };
      return new Response(String(await context.signals.send(name, all)));
    }
    case "/send-size": {
      const text = "x".repeat(number("bytes")!);
      return new Response(String(await context.signals.send(name, text)));
    }
    case "/send-function":
      return new Response(String(await context.signals.send(name, () => {})));
    case "/send-much": {
      const calls = Array.from({ length: number("count")! }, () => context.signals.send(name));
      const outcomes = await Promise.allSettled(calls);
      const failed = outcomes.filter(({ status }) => status === "rejected");
      const reasons = new Set(failed.map((each) => (each as PromiseRejectedResult).reason.name));
      return new Response(`${failed.length} ${[...reasons]}`);
    }
    case "/waiting":
      return new Response(String(await context.signals.waiting(name)));
    case "/ends":
      return new Response(ends.join("\n"));
    case "/publish": {
      const count = number("count") ?? 1;
      const ids: string[] = [];
      for (let i = 0; i < count; i++) {
        ids.push(await context.topics.publish(name, count === 1 ? value : i));
      }
      return new Response(ids.at(-1));
    }
    case "/read": {
      const events: string[] = [];
      const after = searchParams.get("after");
      for await (const event of context.topics.subscribe(name, { after })) {
        events.push(event.kind === "gap" ? "gap" : shown(event.value));
        if (events.length === number("count")) break;
        // The last one is only the sign that it is.
        const until = searchParams.get("until");
        if (until !== null && events.at(-1) === shown(until)) break;
      }
      return new Response(events.join());
    }
    case "/slow": {
      // What is published while it does not look is more than is kept for it.
      const events = context.topics.subscribe(name);
      await context.topics.publish(name, "first");
      await events.next();
      const count = number("count")!;
      for (let i = 0; i < count; i++) await context.topics.publish(name, i);
      const seen: unknown[] = [];
      let gaps = 0;
      for await (const event of events) {
        if (event.kind === "gap") gaps++;
        else seen.push(event.value);
        if (seen.at(-1) === count - 1) break;
      }
      const isInOrder = seen.every((each, i) => i === 0 || each === (seen[i - 1] as number) + 1);
      return new Response(`${seen.length} ${gaps} ${isInOrder}`);
    }
    default:
      return new Response(String(Deno.pid));
  }
}

export default {
  async fetch(request: Request, context: Context): Promise<Response> {
    try {
      return await answer(request, context);
    } catch (error) {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : `${error}`;
      return new Response(text, { status: 500 });
    }
  },
};
