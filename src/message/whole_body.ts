/**
 * Responses whose body is there as a whole, and may be larger than what can be sent at once.
 *
 * @module
 */

import type { Exchange, ResponseHead } from "./exchange.ts";
import { NOBODY } from "./exchange.ts";

/** Sends a response with `body`, the rest of it as its client takes it; to HEAD the head alone. */
export function respondWhole(
  exchange: Exchange,
  head: Omit<ResponseHead, "bodyLength">,
  body: Uint8Array,
): void {
  const { responseWindow, method } = exchange.head;
  const measured = { ...head, bodyLength: body.length };
  if (method === "HEAD" || body.length <= responseWindow) {
    exchange.respond(measured, method === "HEAD" ? null : body);
    return;
  }
  exchange.respond(measured, null);
  let at = 0;
  let window = responseWindow;
  const send = () => {
    while (at < body.length && window > 0 && !exchange.congested) {
      const end = Math.min(at + window, body.length);
      window -= end - at;
      const part = body.subarray(at, end);
      at = end;
      exchange.write(part);
    }
  };
  exchange.receiver = {
    ...NOBODY,
    onCredit(bytes) {
      window += bytes;
      send();
    },
  };
  send();
}
