/**
 * Answers requests with a response that is known beforehand.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import { errorResponse } from "../message/error_response.ts";
import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import { respondWhole } from "../message/whole_body.ts";
import type { CannedResponse } from "./canned_response.ts";
import type { MadeResponse } from "./canned_response.ts";
import type { RequestPlace } from "./request_values.ts";
import { RequestValues } from "./request_values.ts";

/** Answers all requests so. */
export class ResponseHandler implements ExchangeHandler {
  readonly #response: CannedResponse;
  readonly #place: RequestPlace;

  /** Answers with `response`, at `place`. */
  constructor(response: CannedResponse, place: RequestPlace) {
    this.#response = response;
    this.#place = place;
  }

  handle(exchange: Exchange): void {
    let made: MadeResponse;
    try {
      made = this.#response.make(new RequestValues(exchange.head, this.#place));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { head, body } = errorResponse(error.status, error.message);
      exchange.respond(head, body);
      return;
    }
    const { body, ...head } = made;
    respondWhole(exchange, head, body);
  }
}
