/**
 * Connections that servers of Node's kind take over for another protocol: sockets for their listeners to
 * `upgrade`, such as those of the packages `ws` and `socket.io`, which write the response by themselves.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { IncomingMessage, Server } from "node:http";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import type { Deferred } from "../../base/captured.ts";
import { copyOf, deferred, lengthOf } from "../../base/captured.ts";
import type { AbortReason } from "../../message/exchange.ts";
import type { Context } from "../context.ts";
import { CONTEXT } from "../context.ts";
import type { BodySource, BodyTarget, PushedResponse, UpgradeTaker } from "../response_parts.ts";
import { lightResponse } from "../response.ts";
import type { AppTask } from "../task.ts";
import { nodeError } from "./node_members.ts";
import { familyOf, hostOf, portOf } from "./node_socket.ts";

const { Error, ReadableStream } = globalThis;

/** Bytes of a response's head at the most, and of the body of one that refuses. */
const MAX_HEAD_BYTES = 65_536;
const MAX_REFUSAL_BYTES = 1_048_576;
const SWITCHING_PROTOCOLS = 101;
const BAD_GATEWAY = 502;
const END_OF_HEAD = "\r\n\r\n";
const STATUS_LINE = /^HTTP\/1\.[01] ([1-5]\d{2})(?: .*)?$/;

/**
 * Gives a server's listeners a request to upgrade, which `makeRequest` makes around its socket; returns the
 * response that they write.
 */
export type UpgradeEmitter = (
  server: Server,
  task: AppTask,
  context: Context,
  makeRequest: (socket: Duplex) => IncomingMessage,
) => Promise<Response>;

/** Makes what gives servers such requests. `DuplexStream` is Node's class. */
export function upgradeEmitter(DuplexStream: typeof Duplex): UpgradeEmitter {
  /** A connection, as the listener for `upgrade` has it. */
  class UpgradedSocket extends DuplexStream implements BodySource, UpgradeTaker {
    /** The response, when its head was written. */
    readonly response: Deferred<Response> = deferred();
    readonly #task: AppTask;
    readonly #context: Context;
    /** What was written of the response, until it is clear what that is. */
    #written: Uint8Array[] = [];
    #writtenBytes = 0;
    #target: BodyTarget | null = null;
    /** Called when there is room for more. */
    #resume: (() => void) | null = null;
    /** Called when the end is on its way, which waits for the gateway to take the head. */
    #final: ((error?: Error) => void) | null = null;
    #isAnswered = false;
    #refusal: { readonly status: number; readonly fieldLines: string } | null = null;
    #owedBytes = 0;
    #isFlowing = false;

    constructor(task: AppTask, context: Context) {
      super({ allowHalfOpen: true });
      this.#task = task;
      this.#context = context;
      task.whenAborted((reason) => this.#onAborted(reason));
    }

    get [CONTEXT](): Context {
      return this.#context;
    }

    get connecting(): boolean {
      return false;
    }

    get encrypted(): boolean {
      return this.#task.head.peer.scheme === "https";
    }

    get remoteAddress(): string | undefined {
      return hostOf(this.#context.remoteAddr);
    }

    get remotePort(): number | undefined {
      return portOf(this.#context.remoteAddr);
    }

    get remoteFamily(): string | undefined {
      return familyOf(this.remoteAddress);
    }

    get localAddress(): string | undefined {
      return hostOf(this.#context.localAddr);
    }

    get localPort(): number | undefined {
      return portOf(this.#context.localAddr);
    }

    get localFamily(): string | undefined {
      return familyOf(this.localAddress);
    }

    /** Gateway and client have times of their own. */
    setTimeout(_timeoutMs: number, callback?: () => void): this {
      if (typeof callback === "function") this.once("timeout", callback);
      return this;
    }

    setNoDelay(): this {
      return this;
    }

    setKeepAlive(): this {
      return this;
    }

    ref(): this {
      return this;
    }

    unref(): this {
      return this;
    }

    destroySoon(): void {
      if (this.writableFinished) this.destroy();
      else this.end(() => this.destroy());
    }

    override _read(): void {
      this.#isFlowing = true;
      this.#grant();
    }

    override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
      if (this.#target !== null) {
        if (this.#target.push(chunk)) done();
        else this.#resume = done;
        return;
      }
      this.#written.push(copyOf(chunk, 0, lengthOf(chunk)));
      this.#writtenBytes += lengthOf(chunk);
      if (this.#isAnswered && this.#refusal === null) {
        // It goes on when the gateway has taken the head.
        this.#resume = done;
        return;
      }
      try {
        if (!this.#isAnswered) this.#readHead();
        if (this.#writtenBytes > MAX_REFUSAL_BYTES) throw new Error("the response is too large");
        done();
      } catch (error) {
        done(error as Error);
      }
    }

    override _final(done: (error?: Error) => void): void {
      if (this.#isAnswered && this.#refusal === null) {
        this.#final = done;
        if (this.#target !== null) this.#end(this.#target);
        return;
      }
      this.#refuse();
      this.onDone();
      done();
    }

    override _destroy(error: Error | null, done: (error: Error | null) => void): void {
      if (this.#target === null) this.#refuse();
      // What has ended goes on its way.
      else if (!this.writableFinished) this.#task.cut();
      // An error that nobody listens for costs this connection, not the whole worker.
      done(this.listenerCount("error") > 0 ? error : null);
    }

    pushTo(target: BodyTarget, { fieldLines }: PushedResponse): void {
      if (this.destroyed) {
        // Nobody would ever end the connection.
        this.#task.cut();
        return;
      }
      const head = {
        kind: "bytes",
        protocol: valueOf(fieldLines, "upgrade") ?? "",
        fieldLines,
        idleTimeoutMs: 0,
      } as const;
      if (!target.upgrade(head, this, this)) {
        this.destroy();
        return;
      }
      this.#target = target;
      const written = this.#written;
      this.#written = [];
      let hasRoom = true;
      for (let i = 0; i < written.length; i++) hasRoom = target.push(written[i]);
      if (hasRoom) this.onRoom();
      if (this.#final !== null) this.#end(target);
    }

    /** Calls `work`, which calls listeners of the app: what they throw fails this connection alone. */
    guard(work: () => void): void {
      try {
        work();
      } catch (error) {
        this.#task.failWith(error);
        this.destroy();
      }
    }

    /** There is no time that could run out. */
    touch(): void {}

    /** Nobody can read such a connection as a body. */
    stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
      return new ReadableStream({ start: (controller) => controller.close() });
    }

    onRoom(): void {
      const resume = this.#resume;
      this.#resume = null;
      if (resume !== null) this.guard(resume);
    }

    /** All has gone, and with it the connection: nothing comes any more either. */
    onDone(): void {
      this.guard(() => {
        if (!this.readableEnded) this.push(null);
      });
    }

    onBytes(chunk: Uint8Array): void {
      this.#owedBytes += lengthOf(chunk);
      const bytes = Buffer.from(copyOf(chunk, 0, lengthOf(chunk)).buffer);
      this.guard(() => {
        this.#isFlowing = this.push(bytes);
      });
      this.#grant();
    }

    onBytesEnd(): void {
      this.guard(() => this.push(null));
    }

    onClosed(reason: AbortReason): boolean {
      const isExpected = this.writableFinished || this.destroyed;
      if (!this.destroyed) this.#onAborted(reason);
      return isExpected;
    }

    /** Ends the connection after what was written. */
    #end(target: BodyTarget): void {
      const done = this.#final!;
      this.#final = null;
      if (target.endPushed("")) this.onDone();
      done();
    }

    #onAborted(reason: AbortReason): void {
      if (reason === "client-half-closed") return;
      this.destroy(isEnded(this) ? undefined : nodeError("ECONNRESET", "aborted"));
    }

    #grant(): void {
      if (!this.#isFlowing) return;
      this.#target?.grant(this.#owedBytes);
      this.#owedBytes = 0;
    }

    /** Looks for the end of the response's head, and gives the response if it grants the upgrade. */
    #readHead(): void {
      const text = Buffer.concat(this.#written).toString("latin1");
      const end = text.indexOf(END_OF_HEAD);
      if (end < 0) {
        if (text.length > MAX_HEAD_BYTES) throw new Error("the head of the response is too large");
        return;
      }
      const { status, fieldLines } = headOf(text.slice(0, end));
      this.#isAnswered = true;
      const rest = text.slice(end + END_OF_HEAD.length);
      this.#written = rest === "" ? [] : [Buffer.from(rest, "latin1")];
      if (status !== SWITCHING_PROTOCOLS) {
        this.#refusal = { status, fieldLines };
        return;
      }
      this.response.resolve(
        lightResponse({
          status,
          fieldLines,
          body: null,
          source: this,
          announcesTrailers: false,
        }),
      );
    }

    /** Gives the response that was written, which does not grant the upgrade; 502 without one. */
    #refuse(): void {
      const { status, fieldLines } = this.#refusal ?? { status: BAD_GATEWAY, fieldLines: "" };
      this.response.resolve(
        lightResponse({
          status: status < 200 ? BAD_GATEWAY : status,
          fieldLines,
          body: this.#refusal === null ? null : Buffer.concat(this.#written),
        }),
      );
    }
  }

  return (server, task, context, makeRequest) => {
    const socket = new UpgradedSocket(task, context);
    try {
      const req = makeRequest(socket);
      Object.assign(req, { upgrade: true });
      server.emit("upgrade", req, socket, Buffer.alloc(0));
    } catch (error) {
      nextTick(() => socket.destroy());
      throw error;
    }
    return socket.response.promise;
  };
}

function isEnded(socket: Duplex): boolean {
  return socket.readableEnded || socket.writableFinished;
}

/**
 * What the head of a response says.
 *
 * @throws {Error} if it is none
 */
function headOf(text: string): { status: number; fieldLines: string } {
  const [line, ...lines] = text.split("\r\n");
  const match = STATUS_LINE.exec(line);
  if (match === null) throw new Error("what is written to the socket does not begin as a response");
  return { status: +match[1], fieldLines: lines.map((each) => `${each}\r\n`).join("") };
}

/** The value of the field `name` in field lines. */
function valueOf(fieldLines: string, name: string): string | undefined {
  for (const line of fieldLines.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0 && line.slice(0, colon).toLowerCase() === name) {
      return line.slice(colon + 1).trim();
    }
  }
  return undefined;
}
