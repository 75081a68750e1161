import { assertEquals } from "../support/assert.ts";
import { ImportClient } from "../../src/worker/import_client.ts";
import type { ImportRequest } from "../../src/worker/protocol.ts";
import { MAX_PENDING_IMPORT_CHARS, MAX_PENDING_IMPORTS } from "../../src/worker/protocol.ts";

/** A client, and what it has asked for so far. */
function clientWith(): [ImportClient, [number, ImportRequest][]] {
  const asked: [number, ImportRequest][] = [];
  return [new ImportClient((id, request) => asked.push([id, request])), asked];
}

function requestFor(specifier: string): ImportRequest {
  return { specifier, referrer: "https://a/", type: "" };
}

function answerWith(message: string) {
  return { message };
}

Deno.test("no more imports are asked for at a time than the gateway takes; the others follow", async () => {
  const [client, asked] = clientWith();
  const total = 3 * MAX_PENDING_IMPORTS;
  const answers = Array.from({ length: total }, (_, i) => client.ask(requestFor(`${i}`)));
  assertEquals(asked.length, MAX_PENDING_IMPORTS);
  for (let i = 0; i < total; i++) {
    const [id, { specifier }] = asked[i];
    assertEquals(specifier, `${i}`, "in the order in which they were made");
    client.onAnswer(id, answerWith(specifier));
    assertEquals(asked.length, Math.min(total, MAX_PENDING_IMPORTS + i + 1));
  }
  assertEquals(
    await Promise.all(answers),
    Array.from({ length: total }, (_, i) => answerWith(`${i}`)),
  );
});

Deno.test("imports of long URLs are asked for one by one", () => {
  const [client, asked] = clientWith();
  const long = "x".repeat(MAX_PENDING_IMPORT_CHARS / 2 + 1);
  for (let i = 0; i < 3; i++) client.ask(requestFor(long));
  client.ask(requestFor("short"));
  assertEquals(asked.length, 1);
  client.onAnswer(asked[0][0], answerWith(""));
  assertEquals(asked.length, 2);
  client.onAnswer(asked[1][0], answerWith(""));
  assertEquals(asked.map(([, { specifier }]) => specifier.length), [
    long.length,
    long.length,
    long.length,
    5,
  ]);
});

Deno.test("an answer to nothing, or a second one, is no answer", async () => {
  const [client, asked] = clientWith();
  const answer = client.ask(requestFor("a"));
  client.onAnswer(99, answerWith("forged"));
  client.onAnswer(asked[0][0], answerWith("right"));
  client.onAnswer(asked[0][0], answerWith("late"));
  assertEquals(await answer, answerWith("right"));
});
