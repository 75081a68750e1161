/** The cases against the gateway, whose app sends each message back. */

import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import type { SocketCase } from "./cases/case.ts";
import { CASES } from "./cases/cases.ts";
import { COMPRESSED_FRAMES, COMPRESSION } from "./cases/compression.ts";
import { drive, driveCompression } from "./cases/driver.ts";

const APP = new URL("../fixtures/echo_sockets.ts", import.meta.url).pathname;
/** Conversations at a time. */
const LANES = 8;

const ALL: readonly (SocketCase & { readonly offer?: string })[] = [
  ...Object.values(CASES).flat(),
  ...COMPRESSED_FRAMES,
];

/** Cases whose frames are counted: there is no option for that. */
const isOfFragments = ({ limits, name }: SocketCase) => limits !== undefined && /frames/.test(name);

async function inLanes<Item>(items: readonly Item[], run: (item: Item) => Promise<void>) {
  const waiting = [...items];
  const lane = async () => {
    for (let next; (next = waiting.pop()) !== undefined;) await run(next);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Answers by what gives them: pongs come from the gateway, and messages from the app. */
function bySource(answers: readonly string[]): { pongs: string[]; messages: string[] } {
  const isPong = (each: string) => each.startsWith("pong ");
  return {
    pongs: answers.filter(isPong),
    messages: answers.filter((each) => !isPong(each)),
  };
}

for (const workers of ["1", "0"]) {
  for (const limits of [...new Set(ALL.map((each) => JSON.stringify(each.limits ?? {})))]) {
    Deno.test(`sockets conform, with the limits ${limits} (--workers ${workers})`, async () => {
      const cases = ALL.filter((each) =>
        !isOfFragments(each) && JSON.stringify(each.limits ?? {}) === limits
      );
      const { maxMessageBytes = 16_777_216 } = JSON.parse(limits);
      await using gateway = await startGateway([
        ...[APP, `--workers=${workers}`, "--compress-messages=stream"],
        `--max-message-bytes=${maxMessageBytes}`,
      ]);
      await inLanes(cases, async (each) => {
        const { answers, end } = await drive({ port: gateway.port, path: "/" }, each);
        assertEquals(end, each.end, each.name);
        assertEquals(bySource(answers), bySource(each.answers), each.name);
      });
    });
  }
  for (const how of workers === "1" ? ["each", "stream"] : ["stream"]) {
    Deno.test(`compressed messages come back on all terms (--compress-messages ${how}, --workers ${workers})`, async () => {
      assert(COMPRESSION.length > 200);
      await using gateway = await startGateway([
        ...[APP, `--workers=${workers}`, `--compress-messages=${how}`],
      ]);
      await inLanes(COMPRESSION, async (each) => {
        const expected = { answers: [], end: "open" as const };
        assertEquals(
          await driveCompression({ port: gateway.port, path: "/" }, each),
          expected,
          each.name,
        );
      });
    });
  }
}
