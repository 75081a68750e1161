/** An app that blocks its thread until a file exists, and notes which requests it has begun. */

const begun: string[] = [];
const nothing = new Int32Array(new SharedArrayBuffer(4));

function exists(file: string): boolean {
  try {
    Deno.statSync(file);
    return true;
  } catch {
    return false;
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const file = searchParams.get("file") ?? "";
    const token = searchParams.get("token");
    if (token !== null) begun.push(token);
    switch (pathname) {
      case "/block":
        Deno.writeTextFileSync(`${file}.begun`, "");
        while (!exists(file)) Atomics.wait(nothing, 0, 0, 5);
        return new Response("unblocked");
      case "/wait":
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        return new Response("too late");
      case "/begun":
        return Response.json(begun);
      default:
        return new Response(await request.text());
    }
  },
};
