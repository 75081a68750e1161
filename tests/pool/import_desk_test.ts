import { assertEquals } from "../support/assert.ts";
import { ImportDesk } from "../../src/pool/import_desk.ts";
import type { Imported, ImportRequest } from "../../src/worker/protocol.ts";
import { MAX_PENDING_IMPORT_CHARS, MAX_PENDING_IMPORTS } from "../../src/worker/protocol.ts";

const REQUEST: ImportRequest = { specifier: "./a.js", referrer: "https://a/", type: "" };
const ANSWER: Imported = { message: "there is none" };

/** A desk whose modules are found when `found` is resolved, and what it has answered. */
function deskWith(supply: () => Promise<Imported>): [ImportDesk, number[]] {
  const answered: number[] = [];
  const desk = new ImportDesk({
    supply,
    answer: (id) => answered.push(id),
    onBroken(error) {
      throw error;
    },
  });
  return [desk, answered];
}

const notImports: Record<string, [id: unknown, request: unknown]> = {
  "no number": ["1", REQUEST],
  "no request": [1, null],
  "a request that is text": [1, "import"],
  "no specifier": [1, { ...REQUEST, specifier: undefined }],
  "a specifier that is no text": [1, { ...REQUEST, specifier: { toString: () => "x" } }],
  "a specifier that is too long": [1, { ...REQUEST, specifier: "x".repeat(16_777_217) }],
  "no referrer": [1, { ...REQUEST, referrer: 5 }],
  "no type": [1, { ...REQUEST, type: null }],
  "a type with more in it": [1, { ...REQUEST, type: "json https://b/" }],
  "a type that is too long": [1, { ...REQUEST, type: "x".repeat(65) }],
  "a count that is no number": [1, { ...REQUEST, told: "1" }],
};
for (const [name, [id, request]] of Object.entries(notImports)) {
  Deno.test(`an import is none that has ${name}`, () => {
    const [desk] = deskWith(() => Promise.resolve(ANSWER));
    assertEquals(desk.take(id, request), false);
    desk.close();
  });
}

Deno.test("as many imports as may be are looked for, and one more is refused", async () => {
  const found = Promise.withResolvers<Imported>();
  const [desk, answered] = deskWith(() => found.promise);
  for (let id = 0; id < MAX_PENDING_IMPORTS; id++) assertEquals(desk.take(id, REQUEST), true);
  found.resolve(ANSWER);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(answered.length, MAX_PENDING_IMPORTS);
  for (let id = 0; id < MAX_PENDING_IMPORTS; id++) assertEquals(desk.take(id, REQUEST), true);

  const [busy] = deskWith(() => new Promise(() => {}));
  for (let id = 0; id < MAX_PENDING_IMPORTS; id++) assertEquals(busy.take(id, REQUEST), true);
  assertEquals(busy.take(MAX_PENDING_IMPORTS, REQUEST), false);
});

Deno.test("one import may be long, but not several at a time", () => {
  const [desk] = deskWith(() => new Promise(() => {}));
  const specifier = "x".repeat(MAX_PENDING_IMPORT_CHARS);
  assertEquals(desk.take(1, { ...REQUEST, specifier }), true);
  assertEquals(desk.take(2, REQUEST), false);
});

Deno.test("imports beyond the rate wait, and are all answered", async () => {
  let supplied = 0;
  const [desk, answered] = deskWith(() => {
    supplied++;
    return Promise.resolve(ANSWER);
  });
  const total = 1_000 + MAX_PENDING_IMPORTS / 2;
  for (let id = 0; id < total; id++) {
    assertEquals(desk.take(id, REQUEST), true);
    if (id % 10 === 0) await Promise.resolve().then(() => {});
  }
  while (answered.length < total) await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals([supplied, answered.length], [total, total]);
  assertEquals(answered, [...answered].sort((a, b) => a - b));
});

Deno.test("nobody is answered at a desk that is closed", async () => {
  const found = Promise.withResolvers<Imported>();
  const [desk, answered] = deskWith(() => found.promise);
  desk.take(1, REQUEST);
  desk.close();
  found.resolve(ANSWER);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(answered, []);
});
