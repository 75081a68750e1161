/**
 * A module that makes its app from settings.
 *
 *     gatehouse --factory examples/factory.ts
 */
export default function makeApp(settings: { greeting?: string }): (request: Request) => Response {
  const greeting = settings.greeting ?? "Hello";
  return (request) => new Response(`${greeting}, ${new URL(request.url).pathname}\n`);
}
