/**
 * Uploads with progress: `PUT /ID` takes a file, and `GET /ID` is a stream of events that tells how much of it
 * has arrived, to anybody who asks before, meanwhile or (for a minute) afterwards. `/` is a page for both. One
 * worker has both requests: with more, the events come from whichever has the upload.
 *
 *     gatehouse examples/progress.ts --workers 1
 *     curl -N http://127.0.0.1:8000/42 & curl -T big.iso http://127.0.0.1:8000/42
 */

/** Uploads that are kept track of, and waited for, at the most. */
const MAX_UPLOADS = 1_000;
const KEPT_MS = 60_000;

class Upload {
  received = 0;
  total: number | null = null;
  state: "waiting" | "running" | "done" | "failed" = "waiting";
  #changed = Promise.withResolvers<void>();

  change(changes: Partial<Pick<Upload, "received" | "total" | "state">>): void {
    Object.assign(this, changes);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** What there is to tell, each time that something has changed: one event for all that came meanwhile. */
  async *events(): AsyncGenerator<string> {
    for (;;) {
      const { received, total, state } = this;
      const changed = this.#changed.promise;
      yield `data: ${JSON.stringify({ received, total, state })}\n\n`;
      if (state === "done" || state === "failed") return;
      if (received === this.received && state === this.state) await changed;
    }
  }
}

const uploads = new Map<string, Upload>();

function uploadOf(id: string): Upload | null {
  let upload = uploads.get(id);
  if (upload === undefined) {
    if (uploads.size >= MAX_UPLOADS) return null;
    upload = new Upload();
    uploads.set(id, upload);
  }
  return upload;
}

function forget(id: string, upload: Upload): void {
  if (uploads.get(id) === upload) uploads.delete(id);
}

async function take(request: Request, id: string, upload: Upload): Promise<Response> {
  const length = request.headers.get("content-length");
  upload.change({ state: "running", total: length === null ? null : Number(length) });
  try {
    // A real application writes the chunks somewhere.
    for await (const chunk of request.body ?? []) {
      upload.change({ received: upload.received + chunk.length });
    }
    upload.change({ state: "done" });
  } catch {
    // The client has gone: nobody is left to answer to.
    upload.change({ state: "failed" });
  }
  Deno.unrefTimer(setTimeout(() => forget(id, upload), KEPT_MS));
  return Response.json({ received: upload.received });
}

function watch(request: Request, id: string, upload: Upload): Response {
  const events = ReadableStream.from(upload.events()).pipeThrough(new TextEncoderStream());
  request.signal.addEventListener("abort", () => upload.state === "waiting" && forget(id, upload));
  return new Response(events, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      // For nginx, which else keeps events until a buffer is full.
      "x-accel-buffering": "no",
    },
  });
}

const PAGE = `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Upload</title>
<input type="file"> <progress value="0" max="1"></progress> <output></output>
<script type="module">
const [input, bar, said] = ["input", "progress", "output"].map((name) => document.querySelector(name));
input.onchange = async () => {
  const path = "/" + crypto.randomUUID();
  const events = new EventSource(path);
  events.onmessage = ({ data }) => {
    const { received, total, state } = JSON.parse(data);
    bar.value = total ? received / total : 0;
    said.value = state + ": " + received;
    if (state === "done" || state === "failed") events.close();
  };
  await new Promise((resolve) => events.onopen = resolve);
  await fetch(path, { method: "PUT", body: input.files[0] });
};
</script>
`;

export default {
  fetch(request: Request): Response | Promise<Response> {
    const id = new URL(request.url).pathname.slice(1);
    if (id === "") return new Response(PAGE, { headers: { "content-type": "text/html" } });
    const upload = uploadOf(id);
    if (upload === null) return new Response("too many uploads\n", { status: 503 });
    if (request.method === "GET") return watch(request, id, upload);
    if (request.method !== "PUT") {
      return new Response("PUT or GET\n", { status: 405, headers: { allow: "PUT, GET" } });
    }
    if (upload.state !== "waiting") return new Response("it is here\n", { status: 409 });
    return take(request, id, upload);
  },
};
