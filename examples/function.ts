/**
 * A bare function as an app: it tells what was asked, and echoes JSON.
 *
 *     gatehouse examples/function.ts
 *     curl http://127.0.0.1:8000/ --json '{"hello": "world"}'
 *
 * `deno serve` takes objects only: there, write `export default { fetch: app }`.
 */
export default async function app(request: Request): Promise<Response> {
  if (request.method !== "POST") {
    const { method, url, headers } = request;
    return Response.json({ method, url, headers: Object.fromEntries(headers) });
  }
  try {
    return Response.json(await request.json());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return Response.json({ error: "the body is not JSON" }, { status: 400 });
  }
}
