/** Requests that wait, streams of events that say when they were sent, and downloads. */

const encoder = new TextEncoder();

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const number = (name: string) => Number(searchParams.get(name));
    switch (pathname) {
      case "/poll":
        await new Promise(() => {});
        return new Response();
      case "/events": {
        let left = number("count");
        return new Response(
          new ReadableStream({
            async pull(controller) {
              if (left-- === 0) return controller.close();
              await sleep(number("ms"));
              controller.enqueue(encoder.encode(`${Date.now()}\n`));
            },
          }, { highWaterMark: 0 }),
          { headers: { "content-type": "text/event-stream" } },
        );
      }
      default:
        return new Response(new Uint8Array(number("n")));
    }
  },
};
