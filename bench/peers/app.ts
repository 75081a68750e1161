/** The app of the benchmark, for `deno serve` and gatehouse alike. */
const large = "x".repeat(1_048_576);

export default {
  fetch(request: Request): Response | Promise<Response> {
    if (request.method === "POST") return request.json().then((value) => Response.json(value));
    if (request.url.endsWith("/large")) return new Response(large);
    return new Response("Hello World");
  },
};
