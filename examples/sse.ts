/**
 * Server-sent events: a counter, until the client leaves or `?count=` is reached.
 *
 *     gatehouse examples/sse.ts
 *     curl -N 'http://127.0.0.1:8000/?interval=500'
 */
const encoder = new TextEncoder();

export default {
  fetch(request: Request): Response {
    const { searchParams } = new URL(request.url);
    const intervalMs = Number(searchParams.get("interval") ?? 1_000);
    const count = Number(searchParams.get("count") ?? Infinity);
    let timer: ReturnType<typeof setInterval> | undefined;
    let sent = 0;
    const events = new ReadableStream<Uint8Array>({
      start(controller) {
        timer = setInterval(() => {
          controller.enqueue(encoder.encode(`id: ${sent}\ndata: tick ${sent}\n\n`));
          if (++sent < count) return;
          clearInterval(timer);
          controller.close();
        }, intervalMs);
      },
      cancel() {
        clearInterval(timer);
      },
    });
    return new Response(events, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
    });
  },
};
