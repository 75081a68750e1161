/** What handlers do to exchanges, right and wrong, made at random. */

import type { Exchange } from "../../src/message/exchange.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { bytesOf } from "../support/parsing.ts";
import type { Random } from "../support/random.ts";

/** One thing that is done to an exchange. */
export type Step = (exchange: Exchange) => void;

/** What is done to an exchange, and what its client may come to see of it. */
export interface Plan {
  /** What is done, one thing after another. */
  readonly steps: Step[];
  /** Steps that come when all is said. */
  readonly lateSteps: number;
  /** The body, if the answer comes to its end. */
  readonly body: string;
  /** How the answer ends: the client can tell a broken one from a whole one, and gets an error if it can. */
  readonly ending: "whole" | "broken" | "error";
}

/** Fields, of which some are not the handler's to say. */
const FIELDS = ["", "connection: close\r\n", "transfer-encoding: gzip\r\n", "x: y\r\n"];

/** A plan whose answer tells the request that it belongs to, by `index`. */
export function planFor(random: Random, index: number): Plan {
  const tag = `<${index}>`.repeat(1 + random.below(30));
  const chunks = Array.from({ length: 1 + random.below(4) }, (_, i) => `${tag}${i}`);
  const all = chunks.join("");
  const fieldLines = random.pick(FIELDS);
  const begin = (bodyLength: number, body: string | null): Step => (exchange) =>
    exchange.respond({ status: 200, fieldLines, bodyLength }, body === null ? null : bytesOf(body));
  const writes = chunks.map((chunk): Step => (exchange) => exchange.write(bytesOf(chunk)));
  const end: Step = (exchange) => exchange.end();
  const fail: Step = (exchange) => exchange.fail(502);
  const grant: Step = (exchange) => exchange.grant(1 + random.below(200));
  const split: Step = (exchange) =>
    exchange.respond({ status: 200, fieldLines: "x: a\r\n\r\nb", bodyLength: WHOLE_BODY }, null);

  const before = Array.from({ length: random.below(3) }, () => grant);
  const late = random.below(3) === 0 ? [begin(WHOLE_BODY, "late"), ...writes, end, grant] : [];
  const again = random.below(4) === 0 ? [begin(WHOLE_BODY, "again")] : [];
  const plan = (ending: Plan["ending"], ...steps: Step[]): Plan => ({
    steps: [...before, ...steps, ...late],
    lateSteps: late.length,
    body: ending === "error" ? "" : all,
    ending,
  });
  switch (random.below(8)) {
    case 0:
      return plan("whole", ...writes, begin(UNKNOWN_LENGTH, null), ...again, ...writes, end);
    case 1:
      return plan("whole", begin(all.length, null), ...again, ...writes);
    case 2:
      return plan("broken", begin(all.length + 5, null), ...again, ...writes, end);
    case 3:
      return plan("broken", begin(UNKNOWN_LENGTH, null), ...again, ...writes, fail);
    case 4:
      return plan("error", fail);
    case 5:
      return plan("error", split);
    default:
      return plan("whole", begin(WHOLE_BODY, all));
  }
}
