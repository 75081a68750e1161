/**
 * Server-sent events: a counter, until the client leaves or `?count=` is reached.
 *
 *     gatehouse examples/sse.ts
 *     curl -N 'http://127.0.0.1:8000/?interval=500'
 *
 * An event is made when there is room for it, so a client that reads slowly gets fewer of them
 * and fills no memory.
 */
const encoder = new TextEncoder();

export default {
  fetch(request: Request): Response {
    const { searchParams } = new URL(request.url);
    const intervalMs = Number(searchParams.get("interval") ?? 1_000);
    const count = Number(searchParams.get("count") ?? Infinity);
    if (!(intervalMs > 0) || !(count >= 0)) {
      return new Response("interval and count are no such numbers\n", { status: 400 });
    }
    const { signal } = request;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let sent = 0;
    const events = new ReadableStream<Uint8Array>({
      start(controller) {
        signal.addEventListener("abort", () => {
          clearTimeout(timer);
          controller.error(signal.reason);
        }, { once: true });
      },
      pull(controller) {
        if (sent >= count) return controller.close();
        return new Promise((resolve) => {
          timer = setTimeout(() => {
            controller.enqueue(encoder.encode(`id: ${sent}\ndata: tick ${sent}\n\n`));
            sent++;
            resolve();
          }, intervalMs);
        });
      },
      cancel() {
        clearTimeout(timer);
      },
    });
    return new Response(events, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
    });
  },
};
