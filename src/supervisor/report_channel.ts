/**
 * The supervisor's end of what one process reports: a socket of its own, in a folder that nobody else
 * can look into. The process's connection to the bus comes over it, too.
 *
 * @module
 */

import { LineSplitter } from "../base/line_splitter.ts";
import type { Report } from "./protocol.ts";
import { BUS_SUFFIX, MAX_MESSAGE_CHARS, parseReport } from "./protocol.ts";

/** A socket's path has up to 103 bytes on some systems; what follows the folder's is as long as this. */
const MAX_FOLDER_CHARS = 70;
/** Time that a client has to send the token. */
const TOKEN_TIMEOUT_MS = 10_000;

/** A first line is no longer than this, in bytes. */
const MAX_FIRST_LINE_BYTES = 128;
const LINE_END = 10;

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
  /** The process has connected to the bus by `conn`, of which `first` has been read; who takes it closes it. */
  onBus(conn: Deno.Conn, first: Uint8Array): void;
}

const decoder = new TextDecoder();

/** The channel: one connection for reports, which is the process's, and before it one to the bus. */
export class ReportChannel implements Disposable {
  /** Path of the socket to connect to. */
  readonly path: string;
  readonly #folder: string;
  readonly #token: string;
  readonly #receiver: ReportReceiver;
  readonly #listener: Deno.UnixListener;
  readonly #conns = new Set<Deno.Conn>();
  #hasFolder = true;
  #hasBus = false;
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
    const timer = setTimeout(() => this.#drop(conn), TOKEN_TIMEOUT_MS);
    const { line, rest } = await readFirstLine(conn);
    clearTimeout(timer);
    if (!this.#conns.has(conn)) return;
    if (line === this.#token) {
      // One connection is all that it takes.
      this.#stopListening();
      await this.#readReports(conn, rest);
    } else if (line === this.#token + BUS_SUFFIX && !this.#hasBus) {
      this.#hasBus = true;
      this.#conns.delete(conn);
      this.#receiver.onBus(conn, rest);
    } else {
      this.#drop(conn);
    }
  }

  async #readReports(conn: Deno.Conn, first: Uint8Array): Promise<void> {
    const lines = new LineSplitter(MAX_MESSAGE_CHARS, (line) => {
      if (this.#conns.has(conn)) this.#onReport(conn, line);
    });
    const buffer = new Uint8Array(4_096);
    for (let bytes: Uint8Array | null = first; bytes !== null; bytes = await read(conn, buffer)) {
      lines.push(bytes);
    }
    if (this.#drop(conn)) this.#receiver.onEnd();
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

/** What `conn` says first, up to the end of the line, and what of the rest has come with it. */
async function readFirstLine(conn: Deno.Conn): Promise<{ line: string | null; rest: Uint8Array }> {
  const buffer = new Uint8Array(MAX_FIRST_LINE_BYTES);
  let length = 0;
  while (length < buffer.length) {
    const bytes = await read(conn, buffer.subarray(length));
    if (bytes === null) break;
    length += bytes.length;
    const end = buffer.subarray(0, length).indexOf(LINE_END);
    if (end < 0) continue;
    return {
      line: decoder.decode(buffer.subarray(0, end)),
      rest: buffer.subarray(end + 1, length),
    };
  }
  return { line: null, rest: buffer };
}

/** What has come; `null` if nothing more will: the process is gone, or the connection was closed here. */
async function read(conn: Deno.Conn, buffer: Uint8Array): Promise<Uint8Array | null> {
  try {
    const count = await conn.read(buffer);
    return count === null ? null : buffer.subarray(0, count);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return null;
  }
}
