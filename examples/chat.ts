/**
 * A chat: what one says, all hear, whichever worker has their sockets. (Between processes, chat_rooms.ts.)
 *
 *     gatehouse examples/chat.ts --port 8000
 *
 * Open http://127.0.0.1:8000/ in two windows. It runs unchanged under `deno serve`.
 */
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
    // The gateway closes sockets when it stops, or when the code that opened them is replaced.
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

const sockets = new Set<WebSocket>();
/** The sockets of other workers. */
const others = new BroadcastChannel("chat");
others.onmessage = ({ data }) => tell(data);

function tell(message: string): void {
  for (const socket of sockets) {
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
  }
}

export default {
  fetch(request: Request): Response {
    if (request.headers.get("upgrade") !== "websocket") {
      return new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onopen = () => sockets.add(socket);
    socket.onclose = () => sockets.delete(socket);
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return socket.close(1003, "texts only");
      const message = data.slice(0, MAX_LENGTH);
      tell(message);
      others.postMessage(message);
    };
    return response;
  },
};
