/**
 * Uploads of any size: the body is read as a stream and hashed, never kept. The files of a form
 * are listed; these are held in memory meanwhile.
 *
 *     gatehouse examples/upload.ts
 *     curl -T big.iso http://127.0.0.1:8000/
 *     curl -F file=@notes.txt http://127.0.0.1:8000/form
 */
import { createHash } from "node:crypto";

async function hashed(body: ReadableStream<Uint8Array> | null): Promise<Response> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of body ?? []) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return Response.json({ bytes, sha256: hash.digest("hex") });
}

async function listed(request: Request): Promise<Response> {
  let form: FormData;
  try {
    form = await request.formData();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return new Response("the body is not a form\n", { status: 400 });
  }
  const files = [...form.values()].filter((value): value is File => value instanceof File);
  return Response.json(files.map(({ name, size }) => ({ name, size })));
}

export default {
  fetch(request: Request): Response | Promise<Response> {
    if (request.method !== "POST" && request.method !== "PUT") {
      return new Response("POST or PUT something\n", {
        status: 405,
        headers: { allow: "POST, PUT" },
      });
    }
    return new URL(request.url).pathname === "/form" ? listed(request) : hashed(request.body);
  },
};
