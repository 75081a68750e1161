/**
 * `gatehouse fetch oneraw`: one exchange, byte for byte, with times.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { EMPTY } from "../base/empty.ts";
import { printable, printBytes, stdoutIsTerminal, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { escapedLines, RecordView } from "../client/exchange_text.ts";
import type { ExchangeWatcher } from "../client/one_exchange.ts";
import { exchangeOnce } from "../client/one_exchange.ts";
import type { PreparedRequest } from "../client/prepared_request.ts";
import type { Target } from "../client/target.ts";
import type { FetchSettings } from "../config/fetch_options.ts";
import { RecordReader, STDOUT } from "../fastcgi/codec/records.ts";
import { caCertsOf, conversationWith, partsOf, readFile, requestFor } from "./client_requests.ts";

/** Requests that are sent as they are may be so long. */
const MAX_RAW_BYTES = 268_435_456;

const encoder = new TextEncoder();

/** Sends one request; whether its answer came in full, and well-formed. */
export async function fetchOne(
  target: Target,
  settings: FetchSettings,
  { cwd }: Surroundings,
): Promise<boolean> {
  const { requestFile, timeoutMs } = settings;
  const isFastCgi = target.scheme === "fcgi";
  if (requestFile !== undefined && isFastCgi) {
    throw new ConfigError("--request is for HTTP: records are made of the other options");
  }
  const request = requestFile === undefined
    ? requestFor(target, partsOf(settings, cwd))
    : await rawRequest(requestFile, cwd);
  const view = settings.view ?? (stdoutIsTerminal() ? "annotated" : "raw");
  const output = view === "annotated" ? new OrderedOutput() : null;
  const show = (title: string, lines: readonly string[] = []): Promise<void> | void => {
    if (output !== null) return output.add([printable(title), ...lines]);
    for (const line of [title, ...lines]) tell(line);
  };
  const text = isFastCgi ? recordTexts() : byteTexts();
  const answer = isFastCgi ? stdoutOf() : (bytes: Uint8Array) => [bytes];
  const watcher: ExchangeWatcher = {
    note(atMs, note) {
      show(`* ${timeText(atMs)}  ${note}`);
    },
    sent: (atMs, bytes) =>
      show(`> ${timeText(atMs)}  sent ${bytes.length} bytes`, text.sent(bytes)),
    async received(atMs, bytes) {
      const title = `< ${timeText(atMs)}  received ${bytes.length} bytes`;
      await show(title, output === null ? [] : text.received(bytes));
      if (output === null) { for (const part of answer(bytes)) await printWhileRead(part); }
    },
  };
  const conversation = conversationWith(target);
  const caCerts = caCertsOf(settings, cwd);
  const plan = { target, request, conversation, timeoutMs, caCerts };
  const isGood = await exchangeOnce(plan, watcher);
  await output?.written;
  return isGood;
}

/** Standard output, to which what is sent and what is received comes at the same time. */
class OrderedOutput {
  /** Resolves when all that was added is written. */
  written: Promise<void> = Promise.resolve();

  /** Adds lines, byte for byte: not even passwords are left out. Resolves when they are written. */
  add(lines: readonly string[]): Promise<void> {
    const bytes = encoder.encode(lines.map((line) => `${line}\n`).join(""));
    this.written = this.written.then(() => printWhileRead(bytes));
    return this.written;
  }
}

/** Prints bytes. If nobody reads them any longer, the exchange is still checked to its end. */
async function printWhileRead(bytes: Uint8Array): Promise<void> {
  try {
    await printBytes(bytes);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** A request as it stands in a file; its first word is taken for its method. */
async function rawRequest(file: string, cwd: string): Promise<PreparedRequest> {
  const first = file === "-" ? await standardInput() : readFile("--request", file, cwd);
  const [, method] = /^([^\s]{1,32}) /.exec(new TextDecoder().decode(first.subarray(0, 64))) ?? [];
  return {
    method: method ?? "GET",
    first,
    piece: EMPTY,
    pieceCount: 0,
    last: EMPTY,
    bodyBytes: first.length,
  };
}

async function standardInput(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of Deno.stdin.readable) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_RAW_BYTES) throw new ConfigError("--request - is too long");
  }
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

function byteTexts() {
  return {
    sent: (bytes: Uint8Array) => escapedLines(">", bytes),
    received: (bytes: Uint8Array) => escapedLines("<", bytes),
  };
}

function recordTexts() {
  const sent = new RecordView(">");
  const received = new RecordView("<");
  return {
    sent: (bytes: Uint8Array) => sent.lines(bytes),
    received: (bytes: Uint8Array) => received.lines(bytes),
  };
}

/** Takes the content of STDOUT out of records. */
function stdoutOf(): (bytes: Uint8Array) => Uint8Array[] {
  const records = new RecordReader();
  return (bytes) => {
    const parts: Uint8Array[] = [];
    records.push(bytes);
    while (records.inRecord || records.readHeader()) {
      if (records.take(Infinity) > 0 && records.type === STDOUT) {
        parts.push(records.content.subarray(records.start, records.end));
      }
      if (records.inRecord) break;
    }
    return parts;
  };
}

/** A time since the beginning, as each line has it. */
export function timeText(ms: number): string {
  return `${ms.toFixed(3).padStart(9)} ms`;
}
