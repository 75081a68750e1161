/**
 * When what befalls which nodes.
 *
 * @module
 */

import type { Agenda } from "./agenda.ts";
import type { Fleet } from "./fleet.ts";
import type { RandomStream } from "./random.ts";
import type { FailureSpec } from "./scenario.ts";

/** Lets failures happen at their times. A node that something ails already is spared. */
export class FailurePlan {
  readonly #agenda: Agenda;
  readonly #specs: readonly FailureSpec[];
  readonly #fleet: Fleet;
  readonly #random: RandomStream;
  #isOver = false;

  constructor(
    agenda: Agenda,
    specs: readonly FailureSpec[],
    fleet: Fleet,
    random: RandomStream,
  ) {
    this.#agenda = agenda;
    this.#specs = specs;
    this.#fleet = fleet;
    this.#random = random;
  }

  /** Plans all. */
  begin(): void {
    for (const spec of this.#specs) {
      const { atMs, meanBetweenMs, node } = spec;
      if (atMs !== null) {
        this.#agenda.at(atMs, { happen: () => this.#happenOnce(spec) });
      } else if (meanBetweenMs !== null) {
        const nodes = node === null
          ? Array.from({ length: this.#fleet.size }, (_, at) => at)
          : [node];
        for (const index of nodes) this.#planNext(spec, index, meanBetweenMs);
      }
    }
  }

  /** No failure at random happens from now on: no requests come anymore. */
  end(): void {
    this.#isOver = true;
  }

  #happenOnce(spec: FailureSpec): void {
    for (const index of this.#chosen(spec)) {
      this.#fleet.befall(index, spec.kind, spec.forMs, () => {});
    }
  }

  #chosen({ kind, node, count }: FailureSpec): readonly number[] {
    if (kind === "join") return this.#fleet.missing.slice(0, count);
    if (node !== null) return this.#fleet.isWell(node) ? [node] : [];
    const well = Array.from({ length: this.#fleet.size }, (_, index) => index)
      .filter((index) => this.#fleet.isWell(index));
    const chosen: number[] = [];
    while (chosen.length < count && well.length > 0) {
      const at = this.#random.below(well.length);
      chosen.push(well[at]);
      well[at] = well[well.length - 1];
      well.pop();
    }
    return chosen;
  }

  #planNext(spec: FailureSpec, index: number, meanBetweenMs: number): void {
    this.#agenda.in(this.#random.exponential(meanBetweenMs), {
      happen: () => {
        if (this.#isOver) return;
        const again = () => this.#planNext(spec, index, meanBetweenMs);
        if (this.#fleet.isWell(index)) this.#fleet.befall(index, spec.kind, spec.forMs, again);
        else again();
      },
    });
  }
}
