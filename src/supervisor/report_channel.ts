/**
 * The supervisor's end of what one process reports: a socket of its own, in a folder that nobody else
 * can look into.
 *
 * @module
 */

import { LineSplitter } from "../base/line_splitter.ts";
import type { Report } from "./protocol.ts";
import { MAX_MESSAGE_CHARS, parseReport } from "./protocol.ts";

/** A socket's path has up to 103 bytes on some systems; what follows the folder's is as long as this. */
const MAX_FOLDER_CHARS = 70;
/** Time that a client has to send the token. */
const TOKEN_TIMEOUT_MS = 10_000;

/** Time until it is tried again when a connection cannot be accepted. */
const ACCEPT_PAUSE_MS = 50;

/** Takes what comes over the channel. */
export interface ReportReceiver {
  /** A report. */
  onReport(report: Report): void;
  /** Something other than a report came, so no more is read: the process cannot be trusted. */
  onFault(reason: string): void;
  /** Nothing more will come. */
  onEnd(): void;
}

/** The channel: one connection, which is the process's. */
export class ReportChannel implements Disposable {
  /** Path of the socket to connect to. */
  readonly path: string;
  readonly #folder: string;
  readonly #token: string;
  readonly #receiver: ReportReceiver;
  readonly #listener: Deno.UnixListener;
  readonly #conns = new Set<Deno.Conn>();
  #hasFolder = true;
  #closed = false;

  /**
   * Listens for a client that knows `token`, at a path in `tempFolder`.
   *
   * @throws the system's error if no socket can be made
   */
  constructor(tempFolder: string, token: string, receiver: ReportReceiver) {
    const parent = tempFolder.length > MAX_FOLDER_CHARS ? "/tmp" : tempFolder;
    this.#folder = Deno.makeTempDirSync({ dir: parent, prefix: "gatehouse-" });
    this.path = `${this.#folder}/reports`;
    this.#token = token;
    this.#receiver = receiver;
    try {
      this.#listener = Deno.listen({ transport: "unix", path: this.path });
    } catch (error) {
      this.#removeFolder();
      throw error;
    }
    this.#accept();
  }

  /** Closes the channel; no more is reported. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopListening();
    for (const conn of this.#conns) conn.close();
    this.#conns.clear();
  }

  async #accept(): Promise<void> {
    while (this.#hasFolder) {
      try {
        this.#serve(await this.#listener.accept());
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        // It was closed; or no descriptors are left, or the client is already gone.
        if (this.#hasFolder) await new Promise((wake) => setTimeout(wake, ACCEPT_PAUSE_MS));
      }
    }
  }

  /** Serves a connection. Never rejects. */
  async #serve(conn: Deno.Conn): Promise<void> {
    this.#conns.add(conn);
    let isKnown = false;
    const timer = setTimeout(() => isKnown || this.#drop(conn), TOKEN_TIMEOUT_MS);
    const lines = new LineSplitter(MAX_MESSAGE_CHARS, (line) => {
      if (!this.#conns.has(conn)) return;
      if (isKnown) this.#onReport(conn, line);
      else if (line !== this.#token) this.#drop(conn);
      else {
        isKnown = true;
        // One connection is all that it takes.
        this.#stopListening();
      }
    });
    const buffer = new Uint8Array(4_096);
    try {
      for (;;) {
        const count = await conn.read(buffer);
        if (count === null) break;
        lines.push(buffer.subarray(0, count));
      }
    } catch (error) {
      // The process is gone, or the connection was closed here.
      if (!(error instanceof Error)) throw error;
    } finally {
      clearTimeout(timer);
    }
    const wasOpen = this.#drop(conn);
    if (isKnown && wasOpen) this.#receiver.onEnd();
  }

  #onReport(conn: Deno.Conn, line: string): void {
    const report = parseReport(line);
    if (report !== null) {
      this.#receiver.onReport(report);
      return;
    }
    this.#drop(conn);
    this.#receiver.onFault("it sent a report of an unknown kind");
    this.#receiver.onEnd();
  }

  /** Closes a connection; `false` if it was closed already. */
  #drop(conn: Deno.Conn): boolean {
    if (!this.#conns.delete(conn)) return false;
    conn.close();
    return true;
  }

  #stopListening(): void {
    if (!this.#hasFolder) return;
    this.#listener.close();
    this.#removeFolder();
  }

  #removeFolder(): void {
    this.#hasFolder = false;
    try {
      Deno.removeSync(this.#folder, { recursive: true });
    } catch (error) {
      // A cleaner of temporary files was faster.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
