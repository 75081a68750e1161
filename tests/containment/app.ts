/** An app that does to its worker what apps should not, by path. */
import type { Context } from "gatehouse";

const worker = crypto.randomUUID();
const hoard: Uint8Array[] = [];
const reasons: string[] = [];

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const nothing = new Int32Array(new SharedArrayBuffer(4));

/** Holds the thread up, as a computation would, and leaves the processor to others. */
function block(ms?: number): void {
  Atomics.wait(nothing, 0, 0, ms);
}

export default {
  async fetch(request: Request, context: Context): Promise<Response> {
    const url = new URL(request.url);
    const number = (name: string) => Number(url.searchParams.get(name));
    switch (url.pathname) {
      case "/worker":
        return new Response(worker);
      case "/loop":
        for (;;);
      case "/wait":
        block();
        break;
      case "/microtasks":
        for (;;) await null;
      case "/hang-later":
        setTimeout(block, 20);
        return new Response("later");
      case "/stream-then-hang":
        return new Response(
          new ReadableStream({
            async pull(controller) {
              controller.enqueue(new TextEncoder().encode("begun"));
              await sleep(100);
              block();
            },
          }, { highWaterMark: 0 }),
        );
      case "/block":
        block(number("ms"));
        return new Response(worker);
      case "/pieces":
        for (const end = Date.now() + number("ms"); Date.now() < end;) {
          block(50);
          await sleep(0);
        }
        return new Response(worker);
      case "/sleep":
        await sleep(number("ms"));
        return new Response(worker);
      case "/until-aborted":
        await new Promise<void>((resolve) => {
          context.signal.addEventListener("abort", () => {
            reasons.push(context.signal.reason.name);
            resolve();
          });
        });
        return new Response("too late");
      case "/stream-until-aborted":
        return new Response(
          new ReadableStream({
            async pull(controller) {
              await sleep(20);
              controller.enqueue(new TextEncoder().encode("."));
            },
          }, { highWaterMark: 0 }),
        );
      case "/stream":
        return new Response(
          new ReadableStream({
            async start(controller) {
              controller.enqueue(new TextEncoder().encode(worker));
              await sleep(number("ms"));
              controller.enqueue(new TextEncoder().encode(" end"));
              controller.close();
            },
          }),
        );
      case "/reasons":
        return Response.json({ worker, reasons });
      case "/leak":
        hoard.push(new Uint8Array(number("bytes")).fill(1));
        return new Response(worker);
      case "/exhaust": {
        const kept: object[] = [];
        for (;;) kept.push({ at: kept.length });
      }
    }
    return new Response("hello");
  },
};
