/**
 * Answers requests with files: opens them, decides what is sent, and sends it.
 *
 * @module
 */

import { resolve } from "node:path";
import { errorResponse } from "../message/error_response.ts";
import type { Exchange, ExchangeReceiver } from "../message/exchange.ts";
import { NOBODY, WHOLE_BODY } from "../message/exchange.ts";
import type { FileField } from "../message/file_fields.ts";
import type { FileOrder } from "../message/file_order.ts";
import { liesIn } from "../base/paths.ts";
import type { Log } from "../base/log.ts";
import type { FileGrant } from "../loader/files/file_grant.ts";
import { openGranted } from "../loader/files/file_grant.ts";
import { FileFault } from "../loader/files/regular_file.ts";
import type { RegularFile } from "../loader/files/regular_file.ts";
import { descriptors } from "../net/descriptors.ts";
import { isCompressible, mediaTypeOf } from "./media_types.ts";
import type { FileReply, FileRequest, Representation } from "./reply.ts";
import { escapedPath, fileRequestOf, GivenFields, replyTo } from "./reply.ts";
import { FileTransfer, SMALL_PIECE_BYTES, TransferMemory } from "./transfer.ts";
import { openVariant } from "./variants.ts";

/** Files change in steps of the clock of their system: a second for some, a few ms for others. */
const FULL_SECOND_MS = 1_000;
const COARSE_STEP_MS = 2_000;
const FINE_STEP_MS = 20;

/** What a small file is read into. It is sent, or copied, before another one is read. */
const small = new Uint8Array(SMALL_PIECE_BYTES);

/** Lines about files that cannot be sent in a period: clients name some of them. */
const MAX_LOG_LINES = 20;
const LOG_PERIOD_MS = 10_000;

/** What a sender is made of. */
export interface FileSenderSettings {
  /** Where relative paths begin. */
  readonly cwd: string;
  /** Takes word of files that cannot be sent. */
  readonly log: Log;
  /** By which field a front server is told to send the files. Default `null`: they are sent here. */
  readonly front?: FileField | null;
  /** Memory for transfers. Default: some of its own. */
  readonly memory?: TransferMemory;
}

/** Sends files. */
export class FileSender {
  readonly #cwd: string;
  readonly #log: Log;
  readonly #front: FileField | null;
  readonly #memory: TransferMemory;
  #logLines = 0;
  #logPeriodEnd = 0;

  /** Makes a sender. */
  constructor({ cwd, log, front = null, memory = new TransferMemory() }: FileSenderSettings) {
    this.#cwd = cwd;
    this.#log = log;
    this.#front = front;
    this.#memory = memory;
  }

  /**
   * Answers `exchange` as `order` says, if its file is among those `granted`. `listener` is told what else comes for
   * the exchange.
   */
  send(
    exchange: Exchange,
    order: FileOrder,
    granted: FileGrant,
    listener: ExchangeReceiver = NOBODY,
  ): void {
    const path = resolve(this.#cwd, order.path);
    let file: RegularFile;
    try {
      file = this.open(path, granted);
    } catch (error) {
      this.refuse(exchange, order, path, error, listener);
      return;
    }
    const pointer = order.status === 200 && exchange.head.peer.endpoint !== "mongrel2"
      ? pointerTo(path, this.#front)
      : null;
    if (pointer === null) {
      this.sendOpen(exchange, order, path, file, granted, listener);
    } else {
      file[Symbol.dispose]();
      this.#pointAt(exchange, order, path, pointer, listener);
    }
  }

  /** Tells the front server, by the field line `pointer`, to send the file. */
  #pointAt(
    exchange: Exchange,
    { reason, fieldLines }: FileOrder,
    path: string,
    pointer: string,
    listener: ExchangeReceiver,
  ): void {
    const given = new GivenFields(fieldLines);
    const type = given.get("content-type") === "" ? `content-type: ${mediaTypeOf(path)}\r\n` : "";
    exchange.receiver = listener;
    exchange.respond({
      status: 200,
      reason,
      fieldLines: given.without(/^(?:content-length|content-range|accept-ranges)$/) + type +
        pointer,
      bodyLength: WHOLE_BODY,
    }, null);
  }

  #warn(line: string): void {
    const now = performance.now();
    if (now >= this.#logPeriodEnd) {
      this.#logPeriodEnd = now + LOG_PERIOD_MS;
      this.#logLines = 0;
    }
    if (++this.#logLines <= MAX_LOG_LINES) this.#log("warning", line);
  }

  /**
   * Opens the file at `path`.
   *
   * @throws {FileFault} when it cannot be opened, or is not in `granted`
   */
  open(path: string, granted: FileGrant): RegularFile {
    try {
      return openGranted(path, granted);
    } catch (error) {
      const isExhausted = error instanceof FileFault && error.kind === "exhausted";
      // A connection that waits makes room.
      if (!isExhausted || !descriptors.onExhausted()) throw error;
      return openGranted(path, granted);
    }
  }

  /** Answers with `file`, or a neighbour of it, and closes it. */
  sendOpen(
    exchange: Exchange,
    order: FileOrder,
    path: string,
    file: RegularFile,
    granted: FileGrant,
    listener: ExchangeReceiver = NOBODY,
  ): void {
    const request = fileRequestOf(exchange.head.method, order.requestLines);
    const given = new GivenFields(order.fieldLines);
    const chosen = chosenFile(request, order, given, path, file, granted);
    const nowMs = Date.now();
    const reply = replyTo(request, representationOf(chosen, nowMs), order, given, nowMs);
    exchange.receiver = listener;
    if (reply.status === 412 || reply.status === 416) {
      chosen.file[Symbol.dispose]();
      const { head, body } = errorResponse(reply.status, "", reply.fieldLines);
      exchange.respond(head, body);
      return;
    }
    this.#respond(exchange, order, path, reply, chosen.file, listener);
  }

  /** Answers where the file cannot be sent; what clients need not know goes to the log. */
  refuse(
    exchange: Exchange,
    { fieldLines }: Pick<FileOrder, "fieldLines">,
    path: string,
    error: unknown,
    listener: ExchangeReceiver = NOBODY,
  ): void {
    const isFault = error instanceof FileFault;
    if (!isFault && !(error instanceof Error)) throw error;
    if (!isFault || (error.kind !== "missing" && error.kind !== "folder")) {
      this.#warn(`cannot send ${path}: ${error.message}`);
    }
    const status = isFault && error.kind === "exhausted" ? 503 : 404;
    const kept = new GivenFields(fieldLines).without(
      /^(?:content-|etag$|last-modified$|cache-control$|expires$)/,
    );
    const { head, body } = errorResponse(status, "", kept);
    exchange.receiver = listener;
    exchange.respond(head, body);
  }

  #respond(
    exchange: Exchange,
    { reason }: FileOrder,
    path: string,
    { status, fieldLines, parts, bodyLength }: FileReply,
    file: RegularFile,
    listener: ExchangeReceiver,
  ): void {
    const { method, responseWindow } = exchange.head;
    const [first] = parts;
    // Responses without a body say what its length would be, but for 304.
    if (method === "HEAD" || parts.length === 0) {
      file[Symbol.dispose]();
      exchange.respond({ status, reason: reasonFor(status, reason), fieldLines, bodyLength }, null);
      return;
    }
    const head = { status, reason: reasonFor(status, reason), fieldLines, bodyLength };
    const isSmall = parts.length === 1 && typeof first !== "string" &&
      bodyLength <= Math.min(SMALL_PIECE_BYTES, responseWindow);
    if (isSmall) {
      let count = 0;
      try {
        count = file.readAt(small, bodyLength, first.start);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        this.#log("error", `cannot read ${path}: ${error.message}`);
      } finally {
        file[Symbol.dispose]();
      }
      if (count === bodyLength) exchange.respond(head, small.subarray(0, count));
      else exchange.fail(500);
      if (count !== bodyLength) listener.onAbort("invalid-response");
      return;
    }
    descriptors.take();
    const transfer = new FileTransfer(exchange, file, parts, this.#memory, {
      onClosed: () => descriptors.give(),
      onBroken: (reason) => this.#log("error", `${path} was not sent in full: ${reason}`),
    }, listener);
    exchange.respond(head, null);
    transfer.start();
  }
}

/** The field line that leads a front server to `path`; `null` if it does not have the file. */
function pointerTo(path: string, front: FileField | null): string | null {
  if (front === null) return null;
  if (front.name !== "x-accel-redirect") return `${front.name}: ${escapedPath(path)}\r\n`;
  const { prefix, folder } = front;
  if (path === folder || !liesIn(path, folder)) return null;
  const inside = folder === "/" ? path : path.slice(folder.length);
  return `x-accel-redirect: ${escapedPath(prefix + inside)}\r\n`;
}

/** The reason phrase of the order, unless the status has become another one. */
function reasonFor(status: number, reason: string | undefined): string | undefined {
  return status === 206 || status === 304 ? undefined : reason;
}

interface ChosenFile {
  readonly path: string;
  readonly file: RegularFile;
  readonly coding: string;
  readonly varies: boolean;
}

function chosenFile(
  { acceptEncoding }: FileRequest,
  { precompressed }: FileOrder,
  given: GivenFields,
  path: string,
  file: RegularFile,
  granted: FileGrant,
): ChosenFile {
  const isFixed = precompressed === "ignore" || given.get("content-encoding") !== "" ||
    given.get("etag") !== "" || !isCompressible(mediaTypeOf(path));
  if (isFixed) return { path, file, coding: "", varies: false };
  const variant = openVariant(path, granted, acceptEncoding);
  if (variant.file === null) return { path, file, coding: "", varies: variant.varies };
  file[Symbol.dispose]();
  return { path, file: variant.file, coding: variant.coding, varies: true };
}

function representationOf(
  { path, file, coding, varies }: ChosenFile,
  nowMs: number,
): Representation {
  const { size, modifiedMs } = file;
  const type = mediaTypeOf(path);
  return {
    size,
    modifiedMs,
    type,
    coding,
    varies,
    etag: entityTag(size, modifiedMs, coding, nowMs),
  };
}

/**
 * The entity tag of a file: weak as long as it could change again without another time (RFC 9110 8.8.1).
 */
export function entityTag(
  size: number,
  modifiedMs: number,
  coding: string,
  nowMs: number,
): string {
  const stepMs = modifiedMs % FULL_SECOND_MS === 0 ? COARSE_STEP_MS : FINE_STEP_MS;
  const ageMs = nowMs - modifiedMs;
  const isSettled = ageMs < 0 || ageMs >= stepMs;
  const suffix = coding === "" ? "" : `-${coding}`;
  return `${isSettled ? "" : "W/"}"${Math.floor(modifiedMs).toString(16)}-${
    size.toString(16)
  }${suffix}"`;
}
