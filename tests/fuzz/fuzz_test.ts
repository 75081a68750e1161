import { Random } from "../support/random.ts";
import { TARGETS } from "./targets.ts";

/** Rounds of each target. */
const ROUNDS = 3;

for (const { name, run } of TARGETS) {
  Deno.test(`random input does no harm: ${name}`, async () => {
    for (let seed = 1; seed <= ROUNDS; seed++) await run(new Random(seed));
  });
}
