/**
 * `gatehouse fetch socket`: sends lines over a WebSocket, and shows what comes, with times.
 *
 * @module
 */

import { concatenated } from "../base/bytes.ts";
import { LineSplitter } from "../base/line_splitter.ts";
import { print, printBytes, stdoutIsTerminal, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { escapedLines } from "../client/exchange_text.ts";
import type { Direction } from "../client/exchange_text.ts";
import { talkOnce } from "../client/socket_exchange.ts";
import type { SocketWatcher } from "../client/socket_exchange.ts";
import type { Target } from "../client/target.ts";
import type { FetchSettings } from "../config/fetch_options.ts";
import { caCertsOf } from "./client_requests.ts";
import { timeText } from "./fetch_one.ts";
import { untilInterrupted } from "./interrupts.ts";

/** Characters of a line at the most; a longer one is several messages. */
const MAX_LINE_CHARS = 1_048_576;

const encoder = new TextEncoder();
const LINE_END = encoder.encode("\n");

/** Speaks with a server until one side closes; whether that was a proper end. */
export async function fetchSocket(
  target: Target,
  settings: FetchSettings,
  { cwd }: Surroundings,
): Promise<boolean> {
  const { fields, lingerMs, timeoutMs } = settings;
  const view = settings.view ?? (stdoutIsTerminal() ? "annotated" : "raw");
  // In one piece: something else may be shown at the same time.
  const show = async (line: string, direction: Direction, bytes: Uint8Array) => {
    const text = [line, ...escapedLines(direction, bytes)].join("\n");
    if (view === "annotated") await printBytes(encoder.encode(`${text}\n`));
    else tell(text);
  };
  const showNote = view === "annotated" ? print : tell;
  const watcher: SocketWatcher = {
    note: (atMs, note) => showNote(`* ${timeText(atMs)}  ${note}`),
    async sent(atMs, text) {
      const bytes = encoder.encode(text);
      await show(`> ${timeText(atMs)}  sent text, ${bytes.length} bytes`, ">", bytes);
    },
    async received(atMs, { type, bytes }) {
      const line = `< ${timeText(atMs)}  received ${type}, ${bytes.length} bytes`;
      if (view === "annotated") await show(line, "<", bytes);
      else {
        tell(line);
        await printBytes(concatenated([bytes, LINE_END]));
      }
    },
  };
  using interrupted = untilInterrupted();
  const input = Deno.stdin.readable.getReader();
  const { signal } = interrupted;
  const caCerts = caCertsOf(settings, cwd);
  const plan = { target, fields, lines: linesOf(input), lingerMs, timeoutMs, caCerts, signal };
  try {
    return await talkOnce(plan, watcher);
  } finally {
    input.cancel().catch(() => {});
  }
}

async function* linesOf(
  input: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<string, void, void> {
  let lines: string[] = [];
  const splitter = new LineSplitter(MAX_LINE_CHARS, (line) => lines.push(line));
  for (let isOver = false; !isOver;) {
    const { done, value } = await input.read();
    if (done) splitter.end();
    else splitter.push(value);
    isOver = done;
    const ready = lines;
    lines = [];
    yield* ready;
  }
}
