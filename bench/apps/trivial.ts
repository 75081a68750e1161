/** The least that an app can do, for `deno serve` and gatehouse alike. */
export default {
  fetch(): Response {
    return new Response("Hello World");
  },
};
