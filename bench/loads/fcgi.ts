/**
 * As many requests as a FastCGI server takes, by a client in C.
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";
import { encodePairs } from "../../src/message/pairs.ts";
import {
  KEEP_CONN,
  PARAMS,
  RESPONDER,
  STDIN,
  writeBeginRequest,
  writeEmptyRecord,
  writeStream,
} from "../../src/fastcgi/codec/records.ts";
import type { Load } from "../measuring/contest.ts";
import { run } from "../measuring/harness.ts";

/** What is asked of a server. */
export interface FastCgiLoad {
  readonly port: number;
  readonly connections: number;
  /** Requests at a time on each connection. */
  readonly requestsPerConnection: number;
  readonly seconds: number;
}

const SOURCE = new URL("./fcgi.c", import.meta.url).pathname;

/** A client that was compiled. */
export class FastCgiLoader {
  readonly #program: string;
  readonly #request: string;

  private constructor(program: string, request: string) {
    this.#program = program;
    this.#request = request;
  }

  /** Compiles the client into `folder`; it asks for `script`, where a server needs one. */
  static async make(folder: string, script: string): Promise<FastCgiLoader> {
    const [program, request] = [`${folder}/fcgi_load`, `${folder}/fcgi_request`];
    await run("cc", "-O2", "-o", program, SOURCE);
    await Deno.writeFile(request, requestFor(script));
    return new FastCgiLoader(program, request);
  }

  /** @throws {Error} A request failed. */
  async load(options: FastCgiLoad): Promise<Load> {
    const { port, connections, requestsPerConnection, seconds } = options;
    const numbers = [port, connections, requestsPerConnection, seconds].map(String);
    return { requests: Number(await run(this.#program, ...numbers, this.#request)), seconds };
  }
}

/** A request as a web server such as nginx makes it. */
function requestFor(script: string): Uint8Array {
  const out = new OutputBuffer(new BufferPool());
  writeBeginRequest(out, 1, RESPONDER, KEEP_CONN);
  const params = {
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
  };
  writeStream(out, PARAMS, 1, encodePairs(params));
  writeEmptyRecord(out, PARAMS, 1);
  writeEmptyRecord(out, STDIN, 1);
  return out.bytes.slice(0, out.length);
}
