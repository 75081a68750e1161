/**
 * FastCGI 1.0 from the side of the web server, written from the specification and not from
 * `src/fastcgi`, so that the tests do not check the code with itself.
 */

import { Buffer } from "node:buffer";
import { startGateway } from "./gateway.ts";
import type { GatewayProcess } from "./gateway.ts";

/** Types of records. */
export const BEGIN_REQUEST = 1;
export const ABORT_REQUEST = 2;
export const END_REQUEST = 3;
export const PARAMS = 4;
export const STDIN = 5;
export const STDOUT = 6;
export const STDERR = 7;
export const DATA = 8;
export const GET_VALUES = 9;
export const GET_VALUES_RESULT = 10;
export const UNKNOWN_TYPE = 11;

/** Roles. */
export const RESPONDER = 1;
export const AUTHORIZER = 2;
export const FILTER = 3;

/** How END_REQUEST tells that a request has ended. */
export const REQUEST_COMPLETE = 0;
export const OVERLOADED = 2;
export const UNKNOWN_ROLE = 3;

/** Time after which a test stops to wait for something, in milliseconds. */
const PATIENCE_MS = 90_000;

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const encoder = new TextEncoder();

/** Bytes, or a text that is sent in UTF-8. */
export type Content = Uint8Array | string;
/** Names and values; entries may repeat a name. */
export type Pairs = Readonly<Record<string, string>> | readonly (readonly Content[])[];

function bytesOf(content: Content): Uint8Array {
  return typeof content === "string" ? encoder.encode(content) : content;
}

/** All `parts`, one after another. */
export function concat(...parts: readonly Content[]): Uint8Array<ArrayBuffer> {
  const pieces = parts.map(bytesOf);
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** One record. Its padding is not zero, as nothing demands that. */
export function record(
  type: number,
  id: number,
  content: Content = "",
  padding = 0,
  version = 1,
): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(content);
  const whole = new Uint8Array(8 + bytes.length + padding);
  const view = new DataView(whole.buffer);
  whole[0] = version;
  whole[1] = type;
  view.setUint16(2, id);
  view.setUint16(4, bytes.length);
  whole[6] = padding;
  whole[7] = 0xee;
  whole.set(bytes, 8);
  whole.fill(0xaa, 8 + bytes.length);
  return whole;
}

/** Records of a stream with `pieceBytes` of content at the most, without the one that ends it. */
export function pieces(
  type: number,
  id: number,
  content: Content,
  pieceBytes = 65_535,
): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(content);
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    records.push(record(type, id, piece, -piece.length & 7));
  }
  return concat(...records);
}

/** A stream with its end. */
export function stream(
  type: number,
  id: number,
  content: Content,
  pieceBytes?: number,
): Uint8Array<ArrayBuffer> {
  return concat(pieces(type, id, content, pieceBytes), record(type, id));
}

/** A name-value pair; lengths take 4 bytes where they must, or always if `long`. */
export function pair(name: Content, value: Content, long = false): Uint8Array<ArrayBuffer> {
  const parts = [bytesOf(name), bytesOf(value)];
  const lengths = parts.map(({ length }) => {
    if (length <= 127 && !long) return Uint8Array.of(length);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, 0x80000000 + length);
    return bytes;
  });
  return concat(...lengths, ...parts);
}

/** Name-value pairs. */
export function encodePairs(values: Pairs): Uint8Array<ArrayBuffer> {
  const entries = Array.isArray(values) ? values : Object.entries(values);
  return concat(...entries.map(([name, value]) => pair(name, value)));
}

/** BEGIN_REQUEST. */
export function begin(id: number, role = RESPONDER, keepConn = true): Uint8Array<ArrayBuffer> {
  const flags = keepConn ? 1 : 0;
  return record(BEGIN_REQUEST, id, Uint8Array.of(role >> 8, role & 255, flags, 0, 0, 0, 0, 0));
}

/** A whole PARAMS stream. */
export function params(id: number, values: Pairs): Uint8Array<ArrayBuffer> {
  return stream(PARAMS, id, encodePairs(values));
}

/** What a request is made of. */
export interface RequestOptions {
  readonly method?: string;
  /** More parameters, or others. */
  readonly params?: Readonly<Record<string, string>>;
  readonly role?: number;
  readonly keepConn?: boolean;
  /** The body; its length is announced, unless `params` do so. */
  readonly body?: Content;
  readonly data?: Content;
  /** Content of each record of the body at the most. */
  readonly pieceBytes?: number;
}

/** The parameters of a request for `path`. */
export function paramsOf(path: string, options: RequestOptions = {}): Record<string, string> {
  const { body, method = body === undefined ? "GET" : "POST" } = options;
  const length: Record<string, string> = body === undefined
    ? {}
    : { CONTENT_LENGTH: String(bytesOf(body).length) };
  return {
    REQUEST_METHOD: method,
    REQUEST_URI: path,
    SERVER_PROTOCOL: "HTTP/1.1",
    HTTP_HOST: "localhost",
    ...length,
    ...options.params,
  };
}

/** The start of a request: BEGIN_REQUEST and PARAMS. */
export function opening(
  id: number,
  path: string,
  options: RequestOptions = {},
): Uint8Array<ArrayBuffer> {
  return concat(begin(id, options.role, options.keepConn), params(id, paramsOf(path, options)));
}

/** A whole request. */
export function request(
  id: number,
  path: string,
  options: RequestOptions = {},
): Uint8Array<ArrayBuffer> {
  const { body = "", data, pieceBytes } = options;
  return concat(
    opening(id, path, options),
    stream(STDIN, id, body, pieceBytes),
    data === undefined ? "" : stream(DATA, id, data, pieceBytes),
  );
}

/** A record as it came in. */
export interface Received {
  readonly type: number;
  readonly id: number;
  readonly content: Uint8Array;
}

/** Reads the records in `bytes`; what is left of them is part of one. */
export function parseRecords(bytes: Uint8Array): { records: Received[]; rest: Uint8Array } {
  const records: Received[] = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = view.getUint16(4);
    const end = at + 8 + length + bytes[at + 6];
    if (end > bytes.length) break;
    if (bytes[at] !== 1) throw new Error(`a record of version ${bytes[at]}`);
    if (bytes[at + 7] !== 0) throw new Error("the reserved byte is not 0");
    const content = bytes.slice(at + 8, at + 8 + length);
    records.push({ type: bytes[at + 1], id: view.getUint16(2), content });
    at = end;
  }
  return { records, rest: bytes.subarray(at) };
}

/** Reads name-value pairs. */
export function parsePairs(bytes: Uint8Array): [string, string][] {
  const pairs: [string, string][] = [];
  let at = 0;
  const length = () => {
    if (bytes[at] < 128) return bytes[at++];
    at += 4;
    return new DataView(bytes.buffer, bytes.byteOffset + at - 4).getUint32(0) - 0x80000000;
  };
  const text = (count: number) => latin1(bytes.subarray(at, at += count));
  while (at < bytes.length) {
    const [nameLength, valueLength] = [length(), length()];
    pairs.push([text(nameLength), text(valueLength)]);
  }
  return pairs;
}

/** Bytes as text, each byte one code unit. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** What came for one request, up to its END_REQUEST. */
export interface Reply {
  readonly stdout: string;
  readonly stderr: string;
  /** Whether the streams came to an end. */
  readonly stdoutEnded: boolean;
  readonly stderrEnded: boolean;
  readonly appStatus: number;
  readonly protocolStatus: number;
  /** What STDOUT says as a CGI response (RFC 3875 6). */
  readonly status: number;
  readonly fields: string[];
  readonly headers: Headers;
  readonly body: string;
}

class PartialReply {
  readonly #streams: Record<number, { readonly parts: Uint8Array[]; ended: boolean }> = {
    [STDOUT]: { parts: [], ended: false },
    [STDERR]: { parts: [], ended: false },
  };

  add({ type, content }: Received): void {
    const stream = this.#streams[type];
    if (stream === undefined) throw new Error(`a record of type ${type}`);
    if (stream.ended) throw new Error(`a record of type ${type} after the end of its stream`);
    if (content.length === 0) stream.ended = true;
    else stream.parts.push(content);
  }

  end(content: Uint8Array): Reply {
    if (content.length !== 8) throw new Error(`END_REQUEST with ${content.length} bytes`);
    const stdout = latin1(concat(...this.#streams[STDOUT].parts));
    const headEnd = stdout.indexOf("\r\n\r\n");
    const fields = headEnd < 0 ? [] : stdout.slice(0, headEnd).split("\r\n");
    const headers = new Headers();
    for (const field of fields) {
      const colon = field.indexOf(":");
      headers.append(field.slice(0, colon), field.slice(colon + 1).trim());
    }
    return {
      stdout,
      stderr: latin1(concat(...this.#streams[STDERR].parts)),
      stdoutEnded: this.#streams[STDOUT].ended,
      stderrEnded: this.#streams[STDERR].ended,
      appStatus: new DataView(content.buffer, content.byteOffset).getUint32(0),
      protocolStatus: content[4],
      status: fields.length === 0 ? 0 : parseInt(headers.get("status") ?? "200"),
      fields,
      headers,
      body: headEnd < 0 ? "" : stdout.slice(headEnd + 4),
    };
  }
}

/** Where an endpoint listens. */
export type Target = number | { readonly path: string };

/** A connection to a FastCGI application, under full control. It reads only when something is asked for. */
export class RawFastCgiClient implements Disposable {
  readonly conn: Deno.Conn;
  /** Numbers of the requests in the order in which they ended. */
  readonly endings: number[] = [];
  /** Records with content of STDOUT and STDERR that have come: type and number of each. */
  readonly seen: [type: number, id: number][] = [];
  /** Ends of STDOUT and STDERR that have come. */
  readonly streamEnds: [type: number, id: number][] = [];

  readonly #partial = new Map<number, PartialReply>();
  readonly #replies = new Map<number, Reply[]>();
  readonly #management: Received[] = [];
  #bytes: Uint8Array = new Uint8Array(0);
  #filling: Promise<boolean> | null = null;
  #ended = false;

  constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  static async connect(target: Target): Promise<RawFastCgiClient> {
    return new RawFastCgiClient(
      typeof target === "number"
        ? await Deno.connect({ hostname: "127.0.0.1", port: target })
        : await Deno.connect({ transport: "unix", path: target.path }),
    );
  }

  async send(...parts: readonly Content[]): Promise<void> {
    let bytes: Uint8Array = concat(...parts);
    while (bytes.length > 0) bytes = bytes.subarray(await this.conn.write(bytes));
  }

  /** Sends a request, and waits for what it is answered. */
  async ask(id: number, path: string, options: RequestOptions = {}): Promise<Reply> {
    await this.send(request(id, path, options));
    return await this.reply(id);
  }

  /** The next reply to a request of this number. */
  async reply(id: number): Promise<Reply> {
    for (;;) {
      const reply = this.#replies.get(id)?.shift();
      if (reply !== undefined) return reply;
      if (!(await this.#fill())) throw new Error(`the connection ended without a reply to ${id}`);
    }
  }

  /** The next management record. */
  async management(): Promise<Received> {
    for (;;) {
      const next = this.#management.shift();
      if (next !== undefined) return next;
      if (!(await this.#fill())) {
        throw new Error("the connection ended without a management record");
      }
    }
  }

  /** Waits until a record of this type has come for the request. */
  async saw(type: number, id: number): Promise<void> {
    while (!this.seen.some(([seenType, seenId]) => seenType === type && seenId === id)) {
      if (!(await this.#fill())) throw new Error(`the connection ended without a record of ${id}`);
    }
  }

  /** Waits until the other side has closed; returns whether nobody was waiting for what still came. */
  async closed(): Promise<boolean> {
    while (await this.#fill());
    const replies = [...this.#replies.values()].some((list) => list.length > 0);
    return !replies && this.#management.length === 0;
  }

  async closeWrite(): Promise<void> {
    await (this.conn as Deno.TcpConn).closeWrite();
  }

  [Symbol.dispose](): void {
    try {
      this.conn.close();
    } catch {
      // It is closed already.
    }
  }

  #fill(): Promise<boolean> {
    return this.#filling ??= this.#read().finally(() => this.#filling = null);
  }

  async #read(): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = new Uint8Array(65_536);
    let bytes: number | null = null;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this[Symbol.dispose]();
    }, PATIENCE_MS);
    try {
      bytes = await this.conn.read(chunk);
    } catch (error) {
      if (late) throw new Error("nothing came for too long");
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    } finally {
      clearTimeout(timer);
    }
    if (bytes === null) {
      if (late) throw new Error("nothing came for too long");
      this.#ended = true;
      return false;
    }
    const { records, rest } = parseRecords(concat(this.#bytes, chunk.subarray(0, bytes)));
    this.#bytes = rest;
    for (const each of records) this.#take(each);
    return true;
  }

  #take(received: Received): void {
    const { type, id, content } = received;
    if (id === 0) {
      this.#management.push(received);
      return;
    }
    let partial = this.#partial.get(id);
    if (partial === undefined) this.#partial.set(id, partial = new PartialReply());
    if (type !== END_REQUEST) {
      (content.length > 0 ? this.seen : this.streamEnds).push([type, id]);
      partial.add(received);
      return;
    }
    this.#partial.delete(id);
    this.endings.push(id);
    const replies = this.#replies.get(id);
    if (replies === undefined) this.#replies.set(id, [partial.end(content)]);
    else replies.push(partial.end(content));
  }
}

/** Asks `question` until its answer is as `expected`, and fails if that does not come. */
export async function eventually(what: string, question: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    if (await question()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`it never came true that ${what}`);
}

/** A gateway with a FastCGI endpoint. */
export interface FastCgiGateway extends GatewayProcess {
  /** Port of the first FastCGI endpoint. */
  readonly fastcgiPort: number;
}

/** Starts gatehouse with `args`, and with a FastCGI endpoint on a free port if they name none. */
export async function startFastCgi(
  args: readonly string[],
  options: Parameters<typeof startGateway>[1] = {},
): Promise<FastCgiGateway> {
  const named = args.includes("--fastcgi");
  const gateway = await startGateway(
    [...args, ...(named ? [] : ["--fastcgi", "127.0.0.1:0"])],
    options,
  );
  const line = gateway.log.find((each) => each.startsWith("listening fastcgi://"));
  return { ...gateway, fastcgiPort: Number(/:(\d+)$/.exec(line ?? "")?.[1] ?? 0) };
}

/** Something that holds of a gateway, whatever it was asked before. */
interface Behaviour {
  readonly name: string;
  readonly body: (gateway: FastCgiGateway, test: Deno.TestContext) => Promise<void>;
}

/** What a file has to say of gateways, by their arguments. */
const behaviours = new Map<string, Behaviour[]>();

/**
 * Runs `body` against the app of the tests in a worker, and against it on the gateway's own thread. All that
 * a file has for the same arguments are steps of one test, with one gateway.
 */
export function bothWays(
  name: string,
  body: Behaviour["body"],
  args: readonly string[] = [],
): void {
  const key = args.join(" ");
  const steps = behaviours.get(key);
  if (steps !== undefined) {
    steps.push({ name, body });
    return;
  }
  const all = [{ name, body }];
  behaviours.set(key, all);
  for (const workers of [1, 0]) {
    Deno.test(`a FastCGI endpoint does what it should (--workers=${workers} ${key})`, async (test) => {
      await using gateway = await startFastCgi([APP, `--workers=${workers}`, ...args]);
      for (const { name, body } of all) await test.step(name, (step) => body(gateway, step));
    });
  }
}
