/**
 * The smallest app: it answers everything the same.
 *
 *     gatehouse examples/hello.ts
 */
export default {
  fetch(): Response {
    return new Response("Hello from gatehouse\n");
  },
};
