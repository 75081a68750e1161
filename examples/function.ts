/**
 * A bare function as an app: it tells what was asked, and echoes JSON.
 *
 *     gatehouse examples/function.ts
 *     curl http://127.0.0.1:8000/ --json '{"hello": "world"}'
 */
export default async function app(request: Request): Promise<Response> {
  if (request.method !== "POST") {
    const { method, url, headers } = request;
    return Response.json({ method, url, headers: Object.fromEntries(headers) });
  }
  try {
    return Response.json(await request.json());
  } catch {
    return Response.json({ error: "the body is not JSON" }, { status: 400 });
  }
}
