/**
 * News as an event stream: what one posts, all get, whichever worker or process has them. A client that
 * was away gets what it has missed.
 *
 *     gatehouse examples/events.ts --port 8000 --processes 2
 *     curl -N http://127.0.0.1:8000/events
 *     curl -d 'It rains' http://127.0.0.1:8000/
 */
import type { Context } from "gatehouse";
import { eventStream } from "gatehouse/events";

const PAGE = `<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>News</title>
<form><input name="words" autocomplete="off" autofocus><button>Tell</button></form>
<ul id="news"></ul>
<script>
  const show = (text) => {
    const item = document.createElement("li");
    item.textContent = text;
    document.querySelector("#news").prepend(item);
  };
  // It comes back by itself, and says what it has had last.
  const source = new EventSource("events");
  source.onmessage = ({ data }) => show(data);
  source.addEventListener("gap", () => show("(some news are missing)"));
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    fetch("", { method: "POST", body: event.target.words.value });
    event.target.reset();
  };
</script>
`;
/** Characters of a piece of news at the most. */
const MAX_LENGTH = 500;

export default {
  async fetch(request: Request, { topics }: Context): Promise<Response> {
    if (request.method === "POST") {
      const words = await request.text();
      if (words === "" || words.length > MAX_LENGTH) {
        return new Response(`from 1 to ${MAX_LENGTH} characters\n`, { status: 400 });
      }
      return new Response(`${await topics.publish("news", words)}\n`);
    }
    if (new URL(request.url).pathname.endsWith("/events")) {
      const after = request.headers.get("last-event-id");
      return eventStream(request, topics.subscribe("news", { after }), { retryMs: 1_000 });
    }
    return new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8" } });
  },
};
