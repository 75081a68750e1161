/**
 * Load for FastCGI servers: some kept connections, each with one request at a time, or several.
 *
 * @module
 */

import { ClientConnection } from "../../src/fastcgi/client_connection.ts";
import type { ReplyReceiver } from "../../src/fastcgi/client_connection.ts";
import { RESPONDER, STDIN } from "../../src/fastcgi/records.ts";
import { encodePairs } from "../../src/pairs.ts";

/** What a web server such as nginx sends along. */
function paramsOf(script: string): Uint8Array {
  return encodePairs({
    SCRIPT_FILENAME: script,
    QUERY_STRING: "",
    REQUEST_METHOD: "GET",
    CONTENT_TYPE: "",
    CONTENT_LENGTH: "",
    SCRIPT_NAME: "/",
    REQUEST_URI: "/",
    DOCUMENT_URI: "/",
    DOCUMENT_ROOT: "/usr/share/nginx/html",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_SCHEME: "http",
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "nginx/1.22.1",
    REMOTE_ADDR: "127.0.0.1",
    REMOTE_PORT: "52014",
    SERVER_ADDR: "127.0.0.1",
    SERVER_PORT: "8080",
    SERVER_NAME: "localhost",
    REDIRECT_STATUS: "200",
    HTTP_HOST: "127.0.0.1:8080",
    HTTP_USER_AGENT: "load",
    HTTP_ACCEPT: "*/*",
  });
}

/** A place for one request after another. */
class Lane implements ReplyReceiver {
  readonly #connection: ClientConnection;
  readonly #params: Uint8Array;
  readonly #onDone: () => void;
  #bytes = 0;

  constructor(connection: ClientConnection, params: Uint8Array, onDone: () => void) {
    this.#connection = connection;
    this.#params = params;
    this.#onDone = onDone;
  }

  begin(): void {
    this.#bytes = 0;
    const id = this.#connection.begin(RESPONDER, this.#params, "keep", this);
    this.#connection.endStream(STDIN, id);
  }

  onStdout(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
  }

  onStderr(chunk: Uint8Array): void {
    throw new Error(new TextDecoder().decode(chunk));
  }

  onEnd(appStatus: number, protocolStatus: number): void {
    if (appStatus !== 0 || protocolStatus !== 0 || this.#bytes < 5) {
      throw new Error(`a request failed: ${appStatus}, ${protocolStatus}, ${this.#bytes} bytes`);
    }
    this.#onDone();
    if (!over) this.begin();
  }

  onLost(error: Error): void {
    if (!over) throw error;
  }
}

let over = false;

/** Sends requests for `seconds`; returns how many were answered. */
export async function load(options: {
  readonly port: number;
  readonly script: string;
  readonly connections: number;
  readonly requestsPerConnection: number;
  readonly seconds: number;
}): Promise<number> {
  over = false;
  let answered = 0;
  const params = paramsOf(options.script);
  const connections: ClientConnection[] = [];
  for (let i = 0; i < options.connections; i++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: options.port });
    conn.setNoDelay(true);
    connections.push(new ClientConnection(conn, () => {}));
  }
  for (const connection of connections) {
    for (let i = 0; i < options.requestsPerConnection; i++) {
      new Lane(connection, params, () => answered++).begin();
    }
  }
  await new Promise((resolve) => setTimeout(resolve, options.seconds * 1_000));
  over = true;
  for (const connection of connections) connection.close();
  await Promise.all(connections.map(({ closed }) => closed));
  return answered;
}
