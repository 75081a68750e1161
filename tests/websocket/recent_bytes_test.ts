import { assert, assertEquals } from "../support/assert.ts";
import { RecentBytes } from "../../src/websocket/recent_bytes.ts";
import { Random } from "../support/random.ts";

Deno.test("the last bytes are kept, in whatever pieces they come", () => {
  for (const maxBytes of [1, 256, 1_000, 32_768]) {
    const random = new Random(maxBytes);
    const recent = new RecentBytes(maxBytes);
    let all: number[] = [];
    for (let i = 0; i < 300; i++) {
      const piece = Uint8Array.from({ length: random.below(700) }, () => random.below(256));
      recent.push(piece);
      all = [...all, ...piece].slice(-maxBytes);
      if (i % 20 === 0) assertEquals([...recent.copy], all);
    }
    assertEquals([...recent.copy], all);
    recent.clear();
    assert(recent.copy.length === 0);
  }
});
