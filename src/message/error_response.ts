/**
 * The responses that the gateway itself gives when an app cannot.
 *
 * @module
 */

// @ts-types="../types/std_status.d.ts"
import { STATUS_TEXT } from "@std/http/status";
import { utf8Length } from "../base/text.ts";
import type { EndpointAnswer, ResponseHead } from "./exchange.ts";
import { WHOLE_BODY } from "./exchange.ts";

/**
 * A plain response for `status`; `detail` tells the client what it did wrong, if anything.
 * `fieldLines` are added to its own.
 */
export function errorResponse(
  status: number,
  detail: string,
  fieldLines = "",
): { head: ResponseHead; body: string } {
  const reason = STATUS_TEXT[status] ?? "";
  const text = `${status} ${reason}`.trimEnd();
  return {
    head: {
      status,
      fieldLines: `content-type: text/plain; charset=utf-8\r\n${
        status === 503 ? "retry-after: 1\r\n" : ""
      }${fieldLines}`,
      bodyLength: WHOLE_BODY,
    },
    body: detail === "" ? `${text}\n` : `${text}: ${detail}\n`,
  };
}

/** Bytes of the body of such a response. */
export function errorBodyBytes({ status, message }: EndpointAnswer): number {
  return utf8Length(errorResponse(status, message).body);
}
