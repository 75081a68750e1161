/**
 * Compresses the responses of a handler.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Exchange, ExchangeHandler, RequestHead } from "../message/exchange.ts";
import { decoded, isPossiblyBelow } from "../message/request_paths.ts";
import { normalPath, sentPathOf } from "../message/request_url.ts";
import { TermsReader } from "./codec/request_terms.ts";
import { ResponsePlans } from "./codec/response_plan.ts";
import type { CompressionSettings } from "./codec/settings.ts";
import type { CompressionParts } from "./compressed_exchange.ts";
import { CompressedExchange } from "./compressed_exchange.ts";
import { Compressor } from "./compressor.ts";
import { hasCoding } from "./engine.ts";

/** Cores for each thread that compresses, and threads at the most. */
const CORES_PER_THREAD = 4;
const MAX_THREADS = 4;

/** Stands before a handler, and compresses what it answers. */
export class CompressingHandler implements ExchangeHandler {
  readonly #handler: ExchangeHandler;
  readonly #terms: TermsReader;
  readonly #compressors: readonly Compressor[];
  readonly #parts: CompressionParts;
  readonly #exceptPaths: readonly string[];

  /** Starts what compresses, as `settings` say, and stands before `handler`. */
  constructor(handler: ExchangeHandler, settings: CompressionSettings, log: Log) {
    const codings = settings.codings.filter(({ coding }) => hasCoding(coding));
    if (codings.length === 0) {
      throw new ConfigError(
        "--compress names zstd alone, which this version of Deno does not have",
      );
    }
    const threads = Math.min(
      MAX_THREADS,
      Math.ceil(navigator.hardwareConcurrency / CORES_PER_THREAD),
    );
    const compressors = Array.from({ length: threads }, () => new Compressor(codings, log));
    this.#handler = handler;
    this.#exceptPaths = settings.exceptPaths.map(decoded);
    this.#compressors = compressors;
    this.#terms = new TermsReader(codings.map(({ coding }) => coding));
    this.#parts = {
      get encoder() {
        return leastBusy(compressors);
      },
      plans: new ResponsePlans(settings),
      minBytes: settings.minBytes,
      log,
    };
  }

  handle(exchange: Exchange): void {
    if (this.#exceptPaths.length > 0 && this.#isExcepted(exchange.head)) {
      this.#handler.handle(exchange);
      return;
    }
    const terms = this.#terms.read(exchange.head);
    this.#handler.handle(new CompressedExchange(exchange, terms, this.#parts));
  }

  #isExcepted(head: RequestHead): boolean {
    const path = sentPathOf(head);
    const normal = normalPath(path);
    return this.#exceptPaths.some((prefix) => isPossiblyBelow(path, normal, prefix));
  }

  /** Ends what compresses. */
  end(): void {
    for (const each of this.#compressors) each.end();
  }
}

function leastBusy(compressors: readonly Compressor[]): Compressor {
  let best = compressors[0];
  for (const each of compressors) if (each.load < best.load) best = each;
  return best;
}
