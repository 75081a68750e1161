/** What apps do: look at the URL, choose a route, set a field. For `deno serve` and gatehouse alike. */
const text = "x".repeat(1_048_576);
const bytes = new TextEncoder().encode(text);
const PIECE = bytes.subarray(0, 65_536);

const headers = { "x-app": "routed" };

export default {
  fetch(request: Request): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/":
        return new Response("Hello World", { headers });
      case "/json":
        return request.json().then((value) => Response.json(value, { headers }));
      case "/bytes":
        return new Response(bytes, { headers });
      case "/text":
        return new Response(text, { headers });
      case "/stream":
        return new Response(pieces(16), { headers });
      case "/count":
        return counted(request);
      case "/hash":
        return hashed(request);
      case "/burn":
        burn(Number(new URL(request.url).searchParams.get("ms") ?? 5));
        return new Response("done", { headers });
      default:
        return new Response("Not Found", { status: 404, headers });
    }
  },
};

function pieces(count: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      if (count-- > 0) controller.enqueue(PIECE.slice());
      else controller.close();
    },
  });
}

async function counted(request: Request): Promise<Response> {
  let length = 0;
  for await (const chunk of request.body ?? []) length += chunk.length;
  return new Response(String(length), { headers });
}

async function hashed(request: Request): Promise<Response> {
  const digest = await crypto.subtle.digest("SHA-256", await request.arrayBuffer());
  return new Response(new Uint8Array(digest).toHex?.() ?? String(digest.byteLength), { headers });
}

function burn(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
