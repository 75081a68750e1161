/**
 * A download of `?bytes=`, made as fast as the client takes it. With `?length=known` it has a
 * Content-Length.
 *
 *     gatehouse examples/download.ts
 *     curl -o /dev/null 'http://127.0.0.1:8000/?bytes=1000000000&length=known'
 */
const part = new Uint8Array(65_536).fill(0x2e);

export default {
  fetch(request: Request): Response {
    const { searchParams } = new URL(request.url);
    let left = Number(searchParams.get("bytes") ?? 1_000_000);
    if (!Number.isSafeInteger(left) || left < 0) {
      return new Response("bytes is not a number\n", { status: 400 });
    }
    const headers: Record<string, string> = { "content-type": "application/octet-stream" };
    if (searchParams.get("length") === "known") headers["content-length"] = String(left);
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left === 0) return controller.close();
        const bytes = Math.min(left, part.length);
        left -= bytes;
        controller.enqueue(part.subarray(0, bytes));
      },
    });
    return new Response(body, { headers });
  },
};
