import { assertEquals } from "../support/assert.ts";
import { ClosingHandshake } from "../../src/websocket/codec/closing_handshake.ts";

/** What happens, what is to be sent then, and what the close event says in the end. */
type Step = readonly ["begin" | "receive" | "fail", number, string] | readonly ["end"];

const TABLE: readonly (readonly [string, readonly Step[], (string | null)[], string])[] = [
  ["we close, and the peer answers", [["begin", 1000, "a"], ["receive", 1000, ""]], [
    "1000 a",
    null,
  ], "clean 1000 "],
  ["the peer closes", [["receive", 1001, "bye"]], ["1001 bye"], "clean 1001 bye"],
  ["the peer closes without a code", [["receive", 1005, ""]], ["1005 "], "clean 1005 "],
  [
    "both close at once",
    [["begin", 1000, ""], ["receive", 4000, "b"]],
    ["1000 ", null],
    "clean 4000 b",
  ],
  ["we close twice", [["begin", 1000, ""], ["begin", 1001, ""]], ["1000 ", null], "closing"],
  ["we close without a code", [["begin", 1005, ""]], ["1005 "], "closing"],
  ["the peer does not answer", [["begin", 1000, ""], ["end"]], ["1000 ", null], "unclean 1006 "],
  ["the connection is lost", [["end"]], [null], "unclean 1006 "],
  ["the peer breaks the protocol", [["fail", 1002, "x"]], ["1002 x"], "unclean 1006 "],
  [
    "it does so after we closed",
    [["begin", 1000, ""], ["fail", 1002, ""]],
    ["1000 ", null],
    "unclean 1006 ",
  ],
  [
    "the connection ends after all was said",
    [["receive", 1000, ""], ["end"]],
    ["1000 ", null],
    "clean 1000 ",
  ],
  [
    "we close after the peer",
    [["receive", 1000, ""], ["begin", 1001, ""]],
    ["1000 ", null],
    "clean 1000 ",
  ],
  [
    "the peer closes twice",
    [["receive", 1000, "a"], ["receive", 1001, "b"]],
    ["1000 a", null],
    "clean 1000 a",
  ],
  [
    "the peer closes after a fault",
    [["fail", 1007, ""], ["receive", 1000, ""]],
    ["1007 ", null],
    "unclean 1006 ",
  ],
];

for (const [name, steps, sent, end] of TABLE) {
  Deno.test(`a connection closes: ${name}`, () => {
    const closing = new ClosingHandshake();
    assertEquals(closing.isOpen, true);
    const messages = steps.map(([what, ...rest]) => {
      if (what === "end") return closing.end() ?? null;
      const [code, reason] = rest as [number, string];
      const message = closing[what](code, reason);
      return message === null ? null : `${message.code} ${message.reason}`;
    });
    assertEquals(messages, sent);
    assertEquals(closing.isOpen, false);
    const { state, wasClean, code, reason } = closing;
    const seen = state === "closed" ? `${wasClean ? "clean" : "unclean"} ${code} ${reason}` : state;
    assertEquals(seen, end);
  });
}
