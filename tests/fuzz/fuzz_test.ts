import { Random } from "../support/random.ts";
import { TARGETS } from "./targets.ts";

// One round of each target, always the same one: `deno task fuzz` has others.
for (const { name, run } of TARGETS) {
  Deno.test(`random input does no harm: ${name}`, () => run(new Random(1)));
}
