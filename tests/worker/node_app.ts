/** An app that serves itself with `node:http`: each path does one thing, and `/told/NAME` says what came of it. */

import { Buffer } from "node:buffer";
import http from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { finished, pipeline, Readable } from "node:stream";

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown;

/** What happened, by the names of what happened to. */
const told = new Map<string, string[]>();

function tell(name: string, what: string): void {
  told.set(name, [...told.get(name) ?? [], what]);
}

function listenTo(name: string, req: IncomingMessage, res: ServerResponse): void {
  for (const event of ["aborted", "end", "close"]) req.on(event, () => tell(name, `req ${event}`));
  req.on("error", (error: Error & { code?: string }) => tell(name, `req error ${error.code}`));
  for (const event of ["finish", "close"]) res.on(event, () => tell(name, `res ${event}`));
}

/** The codes of what `tries` throw. */
function codesOf(...tries: (() => unknown)[]): string {
  return tries.map((each) => {
    try {
      each();
      return "fine";
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }).join();
}

async function textOf(req: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of req) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}

const HANDLERS: Record<string, Handler> = {
  text: (_, res) => res.end("text"),
  bytes: (_, res) => res.end(Buffer.from([0, 255])),
  nothing: (_, res) => res.end(),
  latin1: (_, res) => res.end("\xe9", "latin1"),
  base64: (_, res) => {
    res.write("aGVs", "base64");
    res.end("bG8=", "base64");
  },
  later: (_, res) => void setTimeout(() => res.end("later"), 5),
  echo: (req, res) => void req.pipe(res),
  awaited: async (req, res) => res.end((await textOf(req)).toUpperCase()),
  asked: (req, res) => {
    const { method, url, httpVersion, headers, socket } = req;
    res.setHeader("content-type", "application/json");
    res.end(JSON.stringify([
      method,
      url,
      httpVersion,
      headers["x-a"],
      headers.cookie,
      typeof headers.host,
      socket.remoteAddress,
      typeof socket.remotePort,
      (socket as { encrypted?: boolean }).encrypted,
      req.rawHeaders.includes("x-a"),
    ]));
  },
  kinds: (req, res) =>
    res.end(String([
      req instanceof http.IncomingMessage,
      res instanceof http.ServerResponse,
      req instanceof Readable,
      res.req === req,
      res.headersSent,
      res.writableEnded,
    ])),
  swapped: (req, res) => {
    // As Express does.
    Object.setPrototypeOf(req, Object.create(http.IncomingMessage.prototype));
    Object.setPrototypeOf(res, Object.create(http.ServerResponse.prototype));
    res.setHeader("x-swapped", "yes");
    req.pipe(res);
  },
  cookies: (_, res) => {
    res.setHeader("Set-Cookie", ["a=1", "b=2"]);
    res.appendHeader("set-cookie", "c=3");
    res.writeHead(201, "Made", { "x-a": 1 });
    res.end(JSON.stringify([res.getHeader("x-a"), res.getHeaderNames(), res.hasHeader("X-A")]));
  },
  list: (_, res) => void res.writeHead(200, ["x-a", "1", "x-a", "2"]).end("list"),
  pairs: (_, res) => void res.writeHead(200, [["x-a", "1"], ["x-a", "2"]] as never).end("pairs"),
  connection: (_, res) => {
    res.setHeader("connection", "close");
    res.setHeader("transfer-encoding", "chunked");
    res.setHeader("trailer", "x-b");
    res.write("left ");
    res.addTrailers({ "x-b": "1" });
    res.end("out");
  },
  wrapped: (_, res) => {
    // As `on-headers` does.
    const native = res.writeHead;
    res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
      this.setHeader("x-wrapped", "yes");
      return native.apply(this, args as never);
    } as never;
    res.end("wrapped");
  },
  "204": (_, res) => void res.writeHead(204).end("none"),
  "304": (_, res) => void res.writeHead(304, { etag: '"e"' }).end("none"),
  length: (_, res) => {
    res.writeHead(200, { "content-length": "6" });
    res.write("len");
    res.end("gth");
  },
  flushed: (_, res) => {
    res.flushHeaders();
    setTimeout(() => res.end("flushed"), 5);
  },
  calls: (_, res) => {
    res.write("calls ", () => res.end("back", () => tell("calls", "ended")));
  },
  large: async (_, res) => {
    let waits = 0;
    for (let i = 0; i < 64; i++) {
      if (res.write(Buffer.alloc(65_536, 65))) continue;
      waits++;
      await new Promise((resolve) => res.once("drain", resolve));
    }
    tell("large", `${waits > 10}`);
    res.end();
  },
  piped: (_, res) => {
    pipeline(Readable.from(["p", "iped"]), res, (error) => tell("piped", `${error ?? "fine"}`));
  },
  finished: (_, res) => {
    finished(res, (error) => tell("finished", `${error ?? "fine"}`));
    res.end("finished");
  },
  thrown: () => {
    throw new Error("on purpose");
  },
  codes: (_, res) => {
    const before = codesOf(
      () => res.setHeader("a b", "1"),
      () => res.setHeader("a", "1\r\nb: 2"),
      () => res.setHeader("a", undefined as never),
      () => res.writeHead(99),
      () => res.write(1 as never),
      () => res.writeHead(200, ["odd"]),
    );
    res.write(before);
    res.end(`;${codesOf(() => res.setHeader("a", "1"), () => res.writeHead(200))}`);
    res.on("error", (error: Error & { code?: string }) => tell("codes", `${error.code}`));
    res.write("more");
  },
  unread: (req, res) => {
    listenTo("unread", req, res);
    res.end("unread");
  },
  read: (req, res) => {
    listenTo("read", req, res);
    req.resume().on("end", () => res.end("read"));
  },
  left: (req, res) => {
    listenTo("left", req, res);
    res.write("begun");
  },
  silent: (req, res) => listenTo("silent", req, res),
  upload: (req, res) => {
    listenTo("upload", req, res);
    req.once("data", () => res.write("got some"));
  },
  broken: (_, res) => {
    res.write("broken");
    setTimeout(() => res.destroy(new Error("broken off")), 5);
  },
  destroyed: (_, res) => void res.destroy(),
};

const server = http.createServer((req, res) => {
  const [, name, what] = (req.url ?? "").split(/[/?]/);
  if (name === "told") res.end(JSON.stringify(told.get(what) ?? []));
  else if (name === "address") {
    res.end(JSON.stringify([server.address(), server.listening, heard]));
  } else (HANDLERS[name] ?? HANDLERS.text)(req, res);
});
const heard: string[] = [];
server.on("listening", () => heard.push("listening"));
await new Promise<void>((resolve) =>
  server.setTimeout(60_000, () => {}).listen(27531, "0.0.0.0", resolve)
);
if (server.timeout === 60_000) heard.push("has a timeout");
heard.push("called back");
