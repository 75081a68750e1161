/** The app under attack, for `deno serve` and gatehouse alike. */
const large = "x".repeat(200_000);

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/large":
        return new Response(large);
      case "/headers":
        return new Response(String([...request.headers].length));
      case "/read": {
        let bytes = 0;
        for await (const chunk of request.body ?? []) bytes += chunk.length;
        return new Response(String(bytes));
      }
      case "/hold":
        return await new Promise<Response>(() => {});
      default:
        return new Response("Hello World");
    }
  },
};
