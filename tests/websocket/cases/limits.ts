/** Messages at, and beyond, what the server takes. */

import { BINARY, FIN, PING, TEXT } from "../../../src/websocket/codec/protocol.ts";
import { frame } from "../../support/websocket.ts";
import type { SocketCase } from "./case.ts";
import { answer, closed, served, someBytes } from "./case.ts";

const LIMITS = { maxMessageBytes: 1_000, maxFragments: 8 };

function within(each: SocketCase): SocketCase {
  return { ...each, limits: LIMITS };
}

function* sizes(): Generator<SocketCase> {
  for (const length of [999, 1_000]) {
    const bytes = someBytes(length);
    const whole = [frame(FIN | BINARY, bytes)];
    yield served(`${length} bytes where 1000 are taken`, whole, [answer("binary", bytes)]);
    const parts = [frame(BINARY, bytes.subarray(0, 500)), frame(FIN, bytes.subarray(500))];
    yield served(`${length} bytes in frames where 1000 are taken`, parts, [
      answer("binary", bytes),
    ]);
  }
  const bytes = someBytes(1_001);
  yield closed("1001 bytes where 1000 are taken", [frame(FIN | BINARY, bytes)], 1009);
  const head = frame(FIN | TEXT, "", { declared: 1_001n });
  yield closed("1001 bytes that are only declared", [head], 1009);
  const parts = [frame(BINARY, bytes.subarray(0, 999)), frame(0, bytes.subarray(999)), frame(FIN)];
  yield closed("1001 bytes in frames", parts, 1009);
  const spare = [frame(BINARY, bytes.subarray(0, 999)), frame(FIN | BINARY, bytes)];
  yield closed("a message within another that are too large together", spare, 1002);
  const two = [frame(FIN | BINARY, bytes.subarray(0, 999)), frame(FIN | BINARY, bytes.subarray(1))];
  const answers = [answer("binary", bytes.subarray(0, 999)), answer("binary", bytes.subarray(1))];
  yield served("two messages that are large together", two, answers);
}

function* fragments(): Generator<SocketCase> {
  const eight = [frame(TEXT), ...Array.from({ length: 6 }, () => frame(0)), frame(FIN, "a")];
  yield served("a message in 8 frames where 8 are taken", eight, [answer("text", "a")]);
  yield served("8 frames, twice", [...eight, ...eight], [answer("text", "a"), answer("text", "a")]);
  const nine = [frame(TEXT), ...Array.from({ length: 7 }, () => frame(0)), frame(FIN, "a")];
  yield closed("a message in 9 frames where 8 are taken", nine, 1009);
  const pinged = eight.flatMap((each) => [each, frame(FIN | PING)]);
  const pongs = Array.from({ length: 7 }, () => answer("pong", ""));
  yield served("8 frames with as many pings", pinged, [
    ...pongs,
    answer("text", "a"),
    answer("pong", ""),
  ]);
}

/** The cases. */
export const LIMITED: readonly SocketCase[] = [...sizes(), ...fragments()].map(within);
