/**
 * Has servers of Node's kind answer requests: their listeners get objects of Node's kind.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { Members } from "../../sandbox/locks.ts";
import type { Context } from "../context.ts";
import { requestMaker } from "./node_request.ts";
import { responseMaker } from "./node_response.ts";
import { BridgedSocket } from "./node_socket.ts";

/** Answers a request with what the listeners of `server` make of it. */
export type NodeBridge = (
  server: Server,
  request: Request,
  context: Context,
) => Response | Promise<Response>;

const { Error } = globalThis;

/** Makes the bridge to the servers of `http`, with the streams of `stream`: the modules of Node. */
export function nodeBridge(http: Members, stream: Members): NodeBridge {
  const requests = requestMaker(
    stream.Readable as typeof Readable,
    http.IncomingMessage as typeof IncomingMessage,
  );
  const native = http.ServerResponse as typeof ServerResponse;
  const responses = responseMaker(EventEmitter, native, requests);
  return (server, request, context) => {
    const socket = new BridgedSocket(server, request, context);
    const req = requests.make(request, socket);
    const res = responses.make(req, socket);
    BridgedSocket.whenEnded(socket, (error, reason) => {
      requests.onSocketEnded(req, error);
      responses.onSocketEnded(res, reason);
    });
    const isHeard = server.emit(
      "request",
      req as unknown as IncomingMessage,
      res as unknown as ServerResponse,
    );
    if (!isHeard) throw new Error("the server of the app has no listener for requests");
    if (!responses.isDone(res)) BridgedSocket.endBy(socket, context.signal);
    return responses.responseOf(res);
  };
}
