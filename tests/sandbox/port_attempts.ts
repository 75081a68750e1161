/**
 * An app that tries to listen where its gateway does: `GET /WAY/API` makes one attempt, and says what comes
 * of it.
 */

import dgram from "node:dgram";
import * as dgramNames from "node:dgram";
import http from "node:http";
import * as httpNames from "node:http";
import http2 from "node:http2";
import * as http2Names from "node:http2";
import { createRequire } from "node:module";
import net from "node:net";
import * as netNames from "node:net";
import process from "node:process";
import threads from "node:worker_threads";
import * as threadsNames from "node:worker_threads";

// deno-lint-ignore no-explicit-any
type Any = any;

const require = createRequire("file:///app.js");
const defaults: Any = { net, dgram, http, http2, worker_threads: threads };
const names: Any = {
  net: netNames,
  dgram: dgramNames,
  http: httpNames,
  http2: http2Names,
  worker_threads: threadsNames,
};

/** What a thread of a class of `node:worker_threads` says that tries to listen. */
function threadListens(Thread: Any, port: number): Promise<unknown> {
  const code = `const { parentPort } = require("node:worker_threads");
    Deno.listen({ port: ${port}, reusePort: true }); parentPort.postMessage("LISTENS")`;
  return new Promise((resolve, reject) => {
    const thread = new Thread(code, { eval: true });
    thread.on("message", resolve);
    thread.on("error", reject);
  });
}

/** How an app can come by a module of Node. */
const ways: Record<string, (name: string) => Any> = {
  "default import": (name) => defaults[name],
  "named import": (name) => names[name],
  "import()": (name) => import(`node:${name}`),
  "require()": (name) => require(name),
  "getBuiltinModule()": (name) => (process as Any).getBuiltinModule(`node:${name}`),
};

/** An event of a server or socket that is to listen. */
function listens(emitter: Any): Promise<string> {
  return new Promise((resolve, reject) => {
    emitter.once("listening", () => resolve("LISTENS"));
    emitter.once("error", reject);
  });
}

async function listening(server: Any, ...args: unknown[]): Promise<string> {
  const outcome = listens(server);
  // What comes of it is told by an event, or thrown.
  outcome.catch(() => {});
  server.listen(...args);
  return await outcome;
}

/** A worker that posts what becomes of `expression`. */
function workerOf(expression: string): Worker {
  const code =
    `try { self.postMessage(await (${expression})) } catch (e) { self.postMessage(String(e)) }`;
  const blob = new Blob([code], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(blob), { type: "module" });
}

function saidBy(worker: Worker): Promise<string> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      resolve(event.message);
    };
  });
}

const handler = () => new Response("STOLEN");
const noListen = { onListen() {} };

/** Ways to listen at `port`; `load` gives a module of Node. */
const apis: Record<string, (port: number, load: (name: string) => Any) => Any> = {
  "Deno.listen": (port) => Deno.listen({ port }),
  "Deno.listen, shared": (port) => Deno.listen({ port, hostname: "127.0.0.1", reusePort: true }),
  "Deno.listen of text": (port) => Deno.listen({ port: `${port}`, reusePort: true } as Any),
  "Deno.listen of another host": (port) =>
    Deno.listen({ port, hostname: "127.0.0.2", reusePort: true }),
  "Deno.listen of options that change": (port) => {
    let count = 0;
    const options = { reusePort: true };
    Object.defineProperty(options, "port", {
      enumerable: true,
      get: () => count++ === 0 ? 0 : port,
    });
    return (Deno.listen(options as Any).addr as Deno.NetAddr).port === port
      ? "LISTENS"
      : "elsewhere";
  },
  "Deno.listen of an object for a port": (port) => {
    let count = 0;
    const value = { valueOf: () => count++ === 0 ? 0 : port };
    const listener = Deno.listen({ port: value, reusePort: true } as Any);
    return (listener.addr as Deno.NetAddr).port === port ? "LISTENS" : "elsewhere";
  },
  "Deno.listen of inherited options": (port) =>
    Deno.listen(Object.create({ port, reusePort: true })),
  "Deno.listenTls": (port) => Deno.listenTls({ port, reusePort: true, cert: "", key: "" } as Any),
  "Deno.listenDatagram": (port) =>
    (Deno as Any).listenDatagram({ port, transport: "udp", reusePort: true }),
  "Deno.serve": (port) => Deno.serve({ ...noListen, port, reusePort: true }, handler),
  "Deno.serve of one object": (port) => Deno.serve({ ...noListen, port, reusePort: true, handler }),
  "Deno.serve by the environment": (port) => {
    Deno.env.set("DENO_SERVE_ADDRESS", `tcp:127.0.0.1:${port}`);
    return Deno.serve({ ...noListen, port: 0 }, handler);
  },
  "Deno.serve by process.env": (port) => {
    process.env.DENO_SERVE_ADDRESS = `duplicate,tcp:127.0.0.1:${port}`;
    return Deno.serve({ ...noListen, port: 0 }, handler);
  },
  "net": async (port, load) => listening((await load("net")).createServer(), port),
  "net of options": async (port, load) =>
    listening((await load("net")).createServer(), { port, host: "127.0.0.1", reusePort: true }),
  "net over IPv6": async (port, load) =>
    listening((await load("net")).createServer(), { port, host: "::", reusePort: true }),
  "net._createServerHandle": async (port, load) => {
    const handle = (await load("net"))._createServerHandle("127.0.0.1", port, 4, null, 2);
    return typeof handle === "object" && handle.listen(1) === 0 ? "LISTENS" : "AddrInUse";
  },
  "http": async (port, load) => listening((await load("http")).createServer(), port),
  "http of options": async (port, load) =>
    listening((await load("http")).createServer(), { port: `${port}`, reusePort: true }),
  "new http.Server": async (port, load) => listening(new (await load("http")).Server(), port, "::"),
  "http2": async (port, load) => listening((await load("http2")).createServer(), port),
  "dgram": async (port, load) => {
    const socket = (await load("dgram")).createSocket({ type: "udp4", reuseAddr: true });
    const outcome = listens(socket);
    outcome.catch(() => {});
    socket.bind(port);
    return await outcome;
  },
  "a worker": (port) =>
    saidBy(workerOf(`Deno.listen({ port: ${port}, reusePort: true }) && "LISTENS"`)),
  "a worker's worker": (port) => {
    const inner = `self.postMessage(Deno.listen({ port: ${port}, reusePort: true }) && "LISTENS")`;
    const url = `data:text/javascript,${encodeURIComponent(inner)}`;
    return saidBy(workerOf(`new Promise((resolve) => {
      const worker = new Worker(${JSON.stringify(url)}, { type: "module" });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => { event.preventDefault(); resolve(event.message); };
    })`));
  },
  "a thread of node:worker_threads": async (port, load) => {
    const { Worker } = await load("worker_threads");
    return await threadListens(Worker, port);
  },
  "a thread of the runtime's own class": async (port, load) => {
    const { Worker } = await load("worker_threads");
    const { constructor } = Worker.prototype;
    // What it extends may be the class of all emitters, which makes no thread.
    const above = Object.getPrototypeOf(constructor);
    return await threadListens(
      "postMessage" in (above.prototype ?? {}) ? above : constructor,
      port,
    );
  },
  "a thread, once its data are removed": async (port, load) => {
    const { Worker, setEnvironmentData } = await load("worker_threads");
    const { delete: remove, set } = Map.prototype;
    const maps: Any[] = [];
    Map.prototype.set = function (...args: Any) {
      maps.push(this);
      return Reflect.apply(set, this, args);
    };
    setEnvironmentData("a", 1);
    Map.prototype.set = set;
    Map.prototype.delete = remove;
    for (const map of maps) map.clear();
    return await threadListens(Worker, port);
  },
  "a worker that may listen": () => saidBy(workerOf(`Deno.listen({ port: 0 }) && "done"`)),
  "a worker of the runtime's own class": async (port) => {
    const code = `Deno.listen({ port: ${port}, reusePort: true }); self.postMessage("LISTENS")`;
    const Native = Object.getPrototypeOf(Worker).prototype === undefined
      ? Worker.prototype.constructor as Any
      : Object.getPrototypeOf(Worker);
    const url = `data:text/javascript,${encodeURIComponent(code)}`;
    return await saidBy(new Native(url, { type: "module" }));
  },
  "a free port": () => Deno.listen({ port: 0 }).close(),
  "a free port of Node": async (_, load) => {
    const server = (await load("http")).createServer();
    await listening(server, 0, "127.0.0.1");
    const outcome = server.address().port > 0 ? "done" : "nowhere";
    server.close();
    return outcome;
  },
};

export default async (request: Request): Promise<Response> => {
  const { pathname, port } = new URL(request.url);
  const [way, api] = pathname.slice(1).split("/").map(decodeURIComponent);
  if (way === "names") return Response.json({ ways: Object.keys(ways), apis: Object.keys(apis) });
  try {
    const outcome = await apis[api](Number(port), ways[way]);
    return new Response(typeof outcome === "string" ? outcome : outcome ? "LISTENS" : "done");
  } catch (error) {
    return new Response(`${error}`);
  }
};
