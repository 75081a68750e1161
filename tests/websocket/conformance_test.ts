import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { closing, frame } from "../support/websocket.ts";
import { EchoConversation } from "../support/echo_conversation.ts";
import { CLOSE, FIN } from "../../src/websocket/codec/protocol.ts";
import type { SocketCase } from "./cases/case.ts";
import { CASES } from "./cases/cases.ts";

const APP = new URL("../fixtures/sockets.ts", import.meta.url).pathname;
/** Conversations at a time. */
const LANES = 8;
/** Cases whose frames are counted: there is no option for that. */
const isOfFragments = ({ limits, name }: SocketCase) => limits !== undefined && /frames/.test(name);

/** Answers by what gives them: pongs come from the gateway, and messages from the app. */
function bySource(answers: readonly string[]): { pongs: string[]; messages: string[] } {
  const isPong = (each: string) => each.startsWith("pong ");
  return {
    pongs: answers.filter(isPong),
    messages: answers.filter((each) => !isPong(each)),
  };
}

async function converse(port: number, { name, sends, answers, end }: SocketCase): Promise<void> {
  await using conversation = await EchoConversation.open(port, `/echo/${encodeURIComponent(name)}`);
  await conversation.send(sends);
  const seen = end === "open"
    ? await conversation.receive(answers.length)
    : await conversation.receiveAll();
  assertEquals(bySource(seen.answers), bySource(answers), name);
  if (end !== "open") {
    assertEquals(seen.end, end, name);
    return;
  }
  await conversation.send(frame(FIN | CLOSE, closing(1000)));
  assertEquals(await conversation.receiveAll(), { answers: [], end: 1000 }, name);
}

for (const workers of ["1", "0"]) {
  for (const limited of ["default", "small"] as const) {
    Deno.test(`sockets conform, with ${limited} limits (--workers ${workers})`, async () => {
      const cases = Object.values(CASES).flat().filter((each) =>
        !isOfFragments(each) && (each.limits !== undefined) === (limited === "small")
      );
      assert(cases.length >= (limited === "small" ? 5 : 200), `${cases.length} cases`);
      await using gateway = await startGateway([
        ...[APP, `--workers=${workers}`],
        ...(limited === "small" ? ["--max-message-bytes=1000"] : []),
      ]);
      const waiting = [...cases];
      const lane = async () => {
        for (let next; (next = waiting.pop()) !== undefined;) await converse(gateway.port, next);
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    });
  }
}
