/** An app of `node:http` that answers with what it was given: the same under Node and under gatehouse. */

import { AsyncLocalStorage } from "node:async_hooks";
import { Buffer } from "node:buffer";
import diagnostics from "node:diagnostics_channel";
import { once } from "node:events";
import http from "node:http";
import process from "node:process";
import { finished } from "node:stream";

/** What happened, by the names of what happened to. */
const told = new Map();

function tell(name, what) {
  told.set(name, [...told.get(name) ?? [], what]);
}

function json(res, value) {
  res.setHeader("Content-Type", "application/json");
  res.end(JSON.stringify(value));
}

/** Codes of what `tries` throw. */
function codesOf(...tries) {
  return tries.map((each) => {
    try {
      each();
      return "fine";
    } catch (error) {
      return `${error.name} ${error.code}`;
    }
  });
}

function events(name, req, res) {
  for (const event of ["aborted", "end", "close"]) req.on(event, () => tell(name, `req ${event}`));
  for (const event of ["finish", "close"]) res.on(event, () => tell(name, `res ${event}`));
}

const contexts = new AsyncLocalStorage();
const started = new Set();
diagnostics.subscribe("http.server.request.start", ({ request }) => started.add(request));
diagnostics.subscribe("http.server.response.finish", ({ request }) => {
  if (request.url === "/channel") tell("channel", "finish");
});

const CASES = {
  request: (req, res) =>
    json(res, [req.method, req.url, req.httpVersion, req.headers, req.rawHeaders]),
  distinct: (req, res) => json(res, req.headersDistinct),
  swapped: (req, res) => {
    // As Express does.
    Object.setPrototypeOf(req, Object.create(http.IncomingMessage.prototype));
    Object.setPrototypeOf(res, Object.create(http.ServerResponse.prototype));
    json(res, [req.headers, req.headersDistinct, req.url, req.socket === req.connection]);
  },
  socket: (req, res) => {
    const { remoteAddress, remoteFamily, localAddress, localPort, encrypted } = req.socket;
    const { remotePort, destroyed, writable } = req.socket;
    json(res, [
      remoteAddress,
      remoteFamily,
      localAddress,
      localPort === Number(req.headers.host.split(":")[1]) || req.headers.host === "a",
      typeof remotePort,
      encrypted ?? false,
      destroyed,
      writable,
    ]);
  },
  body: async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    json(res, [Buffer.concat(chunks).toString(), req.trailers, req.rawTrailers, req.complete]);
  },
  text: (_, res) => res.end("text"),
  message: (_, res) => {
    res.statusCode = 404;
    res.statusMessage = "Nothing Here";
    res.end("none");
    tell("message", res.statusMessage);
  },
  borrowed: (_, res) => {
    // As the package "cookies" does.
    http.OutgoingMessage.prototype.setHeader.call(res, "Set-Cookie", ["a=1"]);
    res.end();
    tell("borrowed", res.statusMessage);
  },
  head: (_, res) => {
    res.setHeader("X-Old", "1");
    res.writeHead(201, "Made it", { "X-A": 1, "x-b": ["2", "3"] });
    res.end("head");
  },
  list: (_, res) => void res.writeHead(200, ["X-A", "1", "X-A", "2", "Set-Cookie", "a=1"]).end("l"),
  cookies: (_, res) => {
    res.setHeader("Set-Cookie", ["a=1", "b=2"]);
    res.appendHeader("Set-Cookie", "c=3");
    res.appendHeader("Vary", "a");
    res.appendHeader("Vary", "b");
    json(res, [res.getHeaders(), res.getHeaderNames(), res.getRawHeaderNames()]);
  },
  sent: (_, res) => {
    const seen = [res.headersSent, res.writableEnded, res.finished];
    res.writeHead(200, { "X-A": "1" });
    seen.push(res.headersSent);
    res.flushHeaders();
    seen.push(res.headersSent);
    res.end(JSON.stringify(seen), () => tell("sent", [res.writableFinished, res.writableEnded]));
    tell("sent", [res.writableEnded, res.finished]);
  },
  codes: (_, res) => {
    const before = codesOf(
      () => res.setHeader("a b", "1"),
      () => res.setHeader("a", "1\r\nb: 2"),
      () => res.setHeader("a", "\u0100"),
      () => res.setHeader("a", undefined),
      () => res.setHeader("", "1"),
      () => res.writeHead(99),
      () => res.writeHead(1000),
      () => res.write(1),
      () => res.write(null),
      () => res.end(1),
      () => res.writeHead(200, ["odd"]),
    );
    res.writeHead(200);
    const after = codesOf(
      () => res.setHeader("a", "1"),
      () => res.appendHeader("a", "1"),
      () => res.removeHeader("a"),
      () => res.writeHead(200),
    );
    res.end(JSON.stringify([before, after]));
  },
  again: (_, res) => {
    res.on("error", (error) => tell("again", error.code));
    res.end("once");
    res.end();
    res.write("more", (error) => tell("again", `back ${error.code}`));
    res.end("more", (error) => tell("again", `ended ${error.code}`));
  },
  trailers: (_, res) => {
    res.writeHead(200, { Trailer: "X-Sum" });
    res.write("with ");
    res.addTrailers({ "X-Sum": "1" });
    res.end("trailers");
  },
  hints: (_, res) => {
    res.writeEarlyHints({ link: ["</a>; rel=preload", "</b>; rel=preload"], "x-hint": "1" });
    res.writeProcessing();
    res.end("hints");
  },
  "204": (_, res) => void res.writeHead(204).end("none"),
  "304": (_, res) => void res.writeHead(304, { ETag: '"e"' }).end("none"),
  length: (_, res) => {
    res.writeHead(200, { "Content-Length": "6" });
    res.write("len");
    res.end("gth");
  },
  parts: (_, res) => {
    res.cork();
    res.write("p");
    res.write(Buffer.from("ar"));
    res.uncork();
    res.write("dHM=", "base64");
    res.end("\xe9", "latin1");
  },
  closes: (_, res) => {
    res.setHeader("Connection", "close");
    res.end("closes");
  },
  drained: async (_, res) => {
    let waits = 0;
    for (let i = 0; i < 100; i++) {
      if (!res.write(Buffer.alloc(65_536, 65))) {
        waits++;
        await once(res, "drain");
      }
    }
    tell("drained", waits > 0);
    res.end();
  },
  destroyed: (_, res) => void res.destroy(),
  requestDestroyed: (req) => void req.destroy(),
  socketDestroyed: (req) => void req.socket.destroy(),
  broken: (_, res) => {
    res.write("broken");
    setTimeout(() => res.destroy(), 20);
  },
  get: (req, res) => {
    events("get", req, res);
    res.end("get");
  },
  read: (req, res) => {
    events("read", req, res);
    req.resume().on("end", () => res.end("read"));
  },
  left: (req, res) => {
    events("left", req, res);
    finished(res, (error) => tell("left", `finished ${error?.code}`));
    req.on("error", (error) => tell("left", `req error ${error.code}`));
    res.write("begun");
  },
  timeout: (_, res) => {
    res.setTimeout(30, () => res.writeHead(408).end("slow"));
  },
  socketTimeout: (req, res) => {
    req.socket.setTimeout(30);
    req.socket.on("timeout", () => res.end("slow"));
  },
  cut: (req) => void req.setTimeout(30),
  contexts: (req, res) => {
    contexts.run("kept", () => {
      const seen = [];
      req.on("data", () => seen.push(contexts.getStore()));
      setTimeout(() => {
        seen.push(contexts.getStore());
        res.end(String(contexts.getStore()));
        res.on("finish", () => tell("contexts", contexts.getStore()));
      }, 5);
    });
  },
  later: (_, res) => void setTimeout(() => res.end("later"), 50),
  channel: (req, res) => json(res, started.has(req)),
  own: (req, res) => json(res, [req.own(), res.own(), req instanceof OwnRequest]),
  connected: (req, res) => {
    req.socket.on("close", () => tell("connected", `socket close ${req.socket.destroyed}`));
    json(res, [connections.has(req.socket)]);
  },
  strict: (_, res) => {
    res.strictContentLength = true;
    res.setHeader("Content-Length", 4);
    res.write("ab");
    tell("strict", codesOf(() => res.write("cde"), () => res.end(), () => res.end("cd")));
  },
  strictEmpty: (_, res) => {
    res.strictContentLength = true;
    res.statusCode = 304;
    res.setHeader("Content-Length", 4);
    res.end();
  },
  late: (_, res) => {
    res.writeHead(201, "Made");
    res.statusCode = 500;
    res.statusMessage = "Not Made";
    res.end(`${res.statusCode} ${res.statusMessage}`);
  },
  state: async (_, res) => {
    const count = await new Promise((resolve) => server.getConnections((_, n) => resolve(n)));
    json(res, [server.listening, typeof server.address().port, count > 0, heard]);
  },
};

class OwnRequest extends http.IncomingMessage {
  field = "of request";

  own() {
    return this.field;
  }
}

class OwnResponse extends http.ServerResponse {
  field = "of response";

  own() {
    return this.field;
  }

  end(...args) {
    if (!this.headersSent) this.setHeader("X-Own", this.field);
    return super.end(...args);
  }
}

class OwnServer extends http.Server {}

const heard = [];
const options = { IncomingMessage: OwnRequest, ServerResponse: OwnResponse };
const server = new OwnServer(options, (req, res) => {
  const [, name, what] = req.url.split(/[/?]/);
  if (name === "told") json(res, told.get(what) ?? []);
  else if (Object.hasOwn(CASES, name)) CASES[name](req, res);
  else CASES.request(req, res);
});
const connections = new Set();
server.on("connection", (socket) => {
  connections.add(socket);
  socket.on("close", () => connections.delete(socket));
});
server.on("checkContinue", (req, res) => {
  if (req.url === "/refused") {
    res.writeHead(417).end("refused");
  } else {
    res.writeContinue();
    CASES.body(req, res);
  }
});
server.listen({ port: Number(process.env.PORT ?? 0), host: "127.0.0.1" }, () => heard.push("back"));
await once(server, "listening");
heard.push("listening");
console.log(`port ${server.address().port}`);
