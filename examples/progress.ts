/**
 * Uploads with progress: `PUT /ID` takes a file, and `GET /ID` is a stream of events that tells how much of it
 * has arrived, to anybody who asks before, meanwhile or afterwards, whichever worker or process has the upload.
 * `/` is a page for both.
 *
 *     gatehouse examples/progress.ts --processes 2
 *     curl -N http://127.0.0.1:8000/42 & curl -T big.iso http://127.0.0.1:8000/42
 */
import type { Context } from "gatehouse";
import { eventStream } from "gatehouse/events";

/** Time between two events, in milliseconds: watchers need not hear of each chunk. */
const PAUSE_MS = 100;

interface Progress {
  readonly received: number;
  readonly total: number | null;
  readonly state: "running" | "done" | "failed";
}

async function take(request: Request, topic: string, { topics }: Context): Promise<Response> {
  const length = request.headers.get("content-length");
  const total = length === null ? null : Number(length);
  let received = 0;
  let told = -1;
  const tell = async (state: Progress["state"]) => {
    told = received;
    await topics.publish(topic, { received, total, state } satisfies Progress);
  };
  // Who watches misses an event if it cannot be published, and the upload goes on.
  const timer = setInterval(() => told !== received && tell("running").catch(() => {}), PAUSE_MS);
  try {
    // A real application writes the chunks somewhere.
    for await (const chunk of request.body ?? []) received += chunk.length;
    clearInterval(timer);
    await tell("done");
  } catch {
    clearInterval(timer);
    // The client has gone: nobody is left to answer to.
    await tell("failed").catch(() => {});
  }
  return Response.json({ received });
}

/** What is told of an upload, to its end. */
async function* progress(topic: string, after: string, { topics }: Context) {
  for await (const event of topics.subscribe(topic, { after })) {
    yield event;
    if (event.kind === "message" && (event.value as Progress).state !== "running") return;
  }
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
  fetch(request: Request, context: Context): Response | Promise<Response> {
    const id = new URL(request.url).pathname.slice(1);
    if (id === "") return new Response(PAGE, { headers: { "content-type": "text/html" } });
    if (id.length > 64) return new Response("the id is too long\n", { status: 404 });
    const topic = `upload ${id}`;
    switch (request.method) {
      case "GET": {
        const after = request.headers.get("last-event-id") ?? "0";
        return eventStream(request, progress(topic, after, context));
      }
      case "PUT":
        return take(request, topic, context);
      default:
        return new Response("PUT or GET\n", { status: 405, headers: { allow: "PUT, GET" } });
    }
  },
};
