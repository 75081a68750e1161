/**
 * Begins requests whose bodies Mongrel2 writes to files, or has written.
 *
 * @module
 */

import type { ExchangeHandler } from "../message/exchange.ts";
import { bodyTooLarge } from "../message/request_faults.ts";
import type { RequestLimits } from "../message/request_limits.ts";
import type { EarlyUpload } from "./early_upload.ts";
import { FileBody } from "./file_body.ts";
import type { ReadableFile } from "./file_body.ts";
import type { Mongrel2Exchange } from "./mongrel2_exchange.ts";
import type { UploadFolder } from "./upload.ts";

/** What is needed to begin such requests. */
export interface UploadHost {
  /** Takes the requests. */
  readonly handler: ExchangeHandler;
  /** Limits of requests. */
  readonly limits: RequestLimits;
  /** Where the server puts uploads. */
  readonly uploads: UploadFolder;
}

/**
 * Hands a request over whose body is in the file that Mongrel2 calls `path`, if it `isCurrent` still when that is
 * open.
 *
 * @throws {ProtocolError} if the file cannot be had, or is too large
 */
export async function beginWithFile(
  exchange: Mongrel2Exchange,
  path: string,
  { limits, uploads, handler }: UploadHost,
  isCurrent: () => boolean,
): Promise<void> {
  const { file, length } = await uploads.take(path);
  if (!isCurrent()) {
    file.close();
    return;
  }
  const body = new FileBody(file, length, exchange);
  exchange.source = body;
  if (length > limits.maxBodyBytes) throw bodyTooLarge(limits);
  exchange.head.bodyLength = length;
  handler.handle(exchange);
  if (!exchange.complete) body.start();
}

/**
 * Hands a request over whose body of `length` bytes Mongrel2 has begun to write, if it `isCurrent` still when the
 * file is open: that is read as it grows.
 *
 * @throws {ProtocolError} if the file cannot be had
 */
export async function beginEarly(
  exchange: Mongrel2Exchange,
  upload: EarlyUpload,
  length: number,
  { limits, uploads, handler }: UploadHost,
  isCurrent: () => boolean,
): Promise<void> {
  const { file } = await uploads.take(upload.path);
  if (!isCurrent()) {
    upload.watchRest(file, length);
    return;
  }
  const read: ReadableFile = {
    read: (buffer) => file.read(buffer),
    close: () => upload.watchRest(file, length),
  };
  const body = new FileBody(read, length, exchange, {
    size: () => file.size(),
    hasEnded: () => uploads.hasEnded(upload.path),
    maxBytes: limits.maxBodyBytes,
    onTooLarge: () => exchange.refuseBody(bodyTooLarge(limits)),
  });
  exchange.source = body;
  exchange.head.bodyLength = length;
  upload.attach(body);
  handler.handle(exchange);
  if (!exchange.complete) body.start();
}
