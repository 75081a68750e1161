/**
 * An app that tries to open the descriptors of its process: `GET /WAY/API` makes one attempt, and says at
 * which numbers it has succeeded.
 */

import dgram from "node:dgram";
import * as dgramNames from "node:dgram";
import fs from "node:fs";
import * as fsNames from "node:fs";
import http from "node:http";
import * as httpNames from "node:http";
import { createRequire } from "node:module";
import net from "node:net";
import * as netNames from "node:net";
import process from "node:process";
import tty from "node:tty";
import * as ttyNames from "node:tty";

// deno-lint-ignore no-explicit-any
type Any = any;

const require = createRequire("file:///app.js");

/** How an app can come by a module of Node. */
const ways: Record<string, (name: string) => Any> = {
  "default import": (name) => ({ net, dgram, fs, http, tty } as Any)[name],
  "named import": (name) =>
    ({ net: netNames, dgram: dgramNames, fs: fsNames, http: httpNames, tty: ttyNames } as Any)[
      name
    ],
  "import()": (name) => import(`node:${name}`),
  "require()": (name) => require(name),
  "require() of node:": (name) => require(`node:${name}`),
  "getBuiltinModule()": (name) => (process as Any).getBuiltinModule(name),
  "getBuiltinModule() of node:": (name) => (process as Any).getBuiltinModule(`node:${name}`),
};

/** Whether a server or socket begins to listen. */
function listens(emitter: Any): Promise<boolean> {
  return new Promise((resolve) => {
    emitter.once("listening", () => resolve(true));
    emitter.once("error", () => resolve(false));
  });
}

/** Whether a server listens at a descriptor. Older versions of Deno overlook it, and choose a port. */
async function listensAt(server: Any, fd: number): Promise<boolean> {
  const listening = listens(server);
  server.listen({ fd });
  const isOwn = await listening && [gatewayPort, undefined].includes(server.address()?.port);
  server.close();
  return isOwn;
}

/** Whether a handle says that it has opened what it was given. */
function opens(handle: Any, fd: number): boolean {
  return handle.open(fd) === 0;
}

function bindingOf(name: string): Any {
  return (process as Any).binding(name);
}

/** Handles as the sockets and servers of Node have them. */
async function handleOf(kind: string, load: (name: string) => Any): Promise<Any> {
  const { createSocket } = await load("dgram");
  const { createServer, connect } = await load("net");
  if (kind === "udp") {
    const socket = createSocket("udp4").unref();
    const symbol = Object.getOwnPropertySymbols(socket)
      .find((each) => String(each).includes("state"))!;
    return socket[symbol].handle;
  }
  const server = createServer();
  const listening = listens(server);
  server.listen(0, "127.0.0.1");
  if (!await listening) return null;
  server.unref();
  if (kind === "server") return server._handle;
  const socket = connect(server.address().port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket._handle;
}

const TEXT = "INJECTED";

/** What an app can do with a number. Each says whether it has it open then. */
const apis: Record<string, (load: (name: string) => Any, fd: number) => Any> = {
  "net.Socket": async (load, fd) => {
    const socket = new (await load("net")).Socket({ fd, readable: true, writable: true });
    socket.on("error", () => {}).on("data", () => {});
    socket.write(TEXT);
    return true;
  },
  "net.Socket of a number": async (load, fd) => {
    new (await load("net")).Socket(fd).on("error", () => {}).write(TEXT);
    return true;
  },
  "net.Stream": async (load, fd) => {
    new (await load("net")).Stream({ fd }).on("error", () => {}).write(TEXT);
    return true;
  },
  "a net server": async (load, fd) => listensAt((await load("net")).createServer(), fd),
  "net._createServerHandle": async (load, fd) =>
    typeof (await load("net"))._createServerHandle(null, -1, -1, fd) === "object",
  "an http server": async (load, fd) => listensAt((await load("http")).createServer(), fd),
  "dgram": async (load, fd) => {
    const socket = (await load("dgram")).createSocket("udp4");
    const listening = listens(socket);
    socket.bind({ fd });
    // 0 stands for none there.
    return await listening && fd > 0;
  },
  "tty.ReadStream": async (load, fd) => {
    new (await load("tty")).ReadStream(fd).on("error", () => {});
    return fd > 2;
  },
  "tty.WriteStream": async (load, fd) => {
    new (await load("tty")).WriteStream(fd).on("error", () => {}).write(TEXT);
    return fd > 2;
  },
  "a class of a tty": async (load, fd) => {
    const stream = new (await load("tty")).WriteStream(2);
    new stream._handle.constructor(fd, {});
    return true;
  },
  "a tty of the binding": (_, fd) => {
    const context: Any = {};
    new (bindingOf("tty_wrap").TTY)(fd, context);
    return context.code === undefined;
  },
  "a TCP of the binding": (_, fd) => opens(new (bindingOf("tcp_wrap").TCP)(0), fd),
  "a Pipe of the binding": (_, fd) => opens(new (bindingOf("pipe_wrap").Pipe)(0), fd),
  "a UDP of the binding": (_, fd) => opens(new (bindingOf("udp_wrap").UDP)(), fd),
  "the handle of a socket": async (load, fd) => opens(await handleOf("tcp", load), fd),
  "the class of a socket's handle": async (load, fd) => {
    const handle = await handleOf("tcp", load);
    return opens(new handle.constructor(0), fd);
  },
  "the class of a server's handle": async (load, fd) => {
    const handle = await handleOf("server", load);
    return opens(new handle.constructor(0), fd);
  },
  "the class of a dgram handle": async (load, fd) => {
    const handle = await handleOf("udp", load);
    return opens(new handle.constructor(), fd);
  },
  "the prototype of a handle, made its own again": async (load, fd) => {
    const handle = await handleOf("tcp", load);
    let proto = handle;
    while (!Object.hasOwn(proto, "open")) proto = Object.getPrototypeOf(proto);
    delete proto.open;
    return opens(handle, fd);
  },
  "the runtime's workings": (_, fd) => {
    const { core } = (Deno as Any)[(Deno as Any).internal];
    core.writeSync(fd, new TextEncoder().encode(TEXT));
    return true;
  },
  "fs.writeSync": async (load, fd) => fd > 2 && (await load("fs")).writeSync(fd, TEXT) > 0,
  "fs.readSync": async (load, fd) =>
    fd > 2 && (await load("fs")).readSync(fd, new Uint8Array(9), 0, 9, null) > 0,
  "fs.closeSync": async (load, fd) => {
    if (fd <= 2) return false;
    (await load("fs")).closeSync(fd);
    // Its neighbours would notice. Older versions of Deno have numbers of their own here.
    return false;
  },
  "fs.fstatSync": async (load, fd) => fd > 2 && (await load("fs")).fstatSync(fd) !== null,
  "fs.createWriteStream": async (load, fd) => {
    if (fd <= 2) return false;
    const stream = (await load("fs")).createWriteStream("", { fd });
    return new Promise((resolve) => {
      stream.on("error", () => resolve(false));
      stream.write(TEXT, (error: unknown) => resolve(error == null));
    });
  },
};

const LAST_DESCRIPTOR = 48;
let gatewayPort = 0;

export default async (request: Request): Promise<Response> => {
  const { pathname, port } = new URL(request.url);
  gatewayPort = Number(port);
  const [way, api] = pathname.slice(1).split("/").map(decodeURIComponent);
  if (way === "names") return Response.json({ ways: Object.keys(ways), apis: Object.keys(apis) });
  const opened: number[] = [];
  let reason = "";
  for (let fd = 0; fd <= LAST_DESCRIPTOR; fd++) {
    try {
      if (await apis[api](ways[way], fd)) opened.push(fd);
    } catch (error) {
      reason = String(error);
    }
  }
  return new Response(opened.length === 0 ? "nothing" : `opened ${opened} (${reason})`);
};
