/**
 * A chat with rooms, whose sockets stay open when this file changes: what one says is heard by all in the room,
 * whichever worker or process has their sockets.
 *
 *     gatehouse examples/chat_rooms.ts --port 8000 --watch
 *
 * Open http://127.0.0.1:8000/kitchen in two windows, change a text below, and go on talking.
 */
import type { App, AppSocket } from "../mod.ts";

const PAGE = `<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Chat</title>
<ul id="said"></ul>
<form><input name="words" autocomplete="off" autofocus><button>Say</button></form>
<script>
  const url = location.href.replace("http", "ws");
  const form = document.querySelector("form");
  let socket;
  function connect() {
    socket = new WebSocket(url);
    socket.onmessage = ({ data }) => {
      const item = document.createElement("li");
      item.textContent = data;
      document.querySelector("#said").append(item);
    };
    socket.onclose = () => setTimeout(connect, 1000);
  }
  form.onsubmit = (event) => {
    event.preventDefault();
    socket.send(form.words.value);
    form.reset();
  };
  connect();
</script>
`;
/** Characters of a message at the most. */
const MAX_LENGTH = 500;

/** What is kept of a guest, also when the code is replaced. */
interface Guest {
  readonly room: string;
  saidCount: number;
}

type Socket = AppSocket<Guest>;

/** Tells all in the room of `socket`, and who has it. */
function tell(socket: Socket, text: string): void {
  socket.publish(socket.data.room, text);
  socket.send(text);
}

export default {
  fetch(request, context) {
    const room = new URL(request.url).pathname.slice(0, 100);
    return context.upgrade(request, { data: { room, saidCount: 0 } }) ??
      new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8" } });
  },
  websocket: {
    open(socket: Socket) {
      socket.subscribe(socket.data.room);
    },
    message(socket: Socket, message) {
      if (typeof message !== "string") return socket.close(1003, "texts only");
      socket.data.saidCount++;
      tell(socket, message.slice(0, MAX_LENGTH));
    },
    close(socket: Socket) {
      socket.publish(
        socket.data.room,
        `Somebody left who had said ${socket.data.saidCount} things`,
      );
    },
  },
} satisfies App;
