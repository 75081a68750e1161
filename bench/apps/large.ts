/** An app that is small itself, with a large response. Its body takes no memory before it is sent. */
const large = new Uint8Array(1_048_576);

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/large") return new Response(large);
    if (pathname === "/upload") {
      let bytes = 0;
      for await (const chunk of request.body ?? []) bytes += chunk.length;
      return new Response(String(bytes));
    }
    return new Response("Hello World", { headers: { "x-app": "large" } });
  },
};
