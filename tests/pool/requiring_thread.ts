/** A thread that requires what it is told to, and waits for it. */

import type { RequireLineStart } from "../../src/worker/protocol.ts";
import { RequireLine } from "../../src/worker/require_line.ts";

/** What the thread is told. */
export interface Errand {
  readonly start: RequireLineStart;
  readonly specifiers: readonly string[];
}

const scope = globalThis as unknown as {
  postMessage(message: unknown): void;
  onmessage: (event: MessageEvent<Errand>) => void;
};

scope.onmessage = ({ data: { start, specifiers } }) => {
  const line = new RequireLine(start, (id, request) => scope.postMessage({ id, request }));
  const ask = (specifier: string) => line.ask({ specifier, referrer: "", type: "" });
  scope.postMessage({ got: specifiers.map(ask) });
};
