import { assertEquals } from "../support/assert.ts";
import { OutgoingBody } from "../../src/worker/serving/outgoing_body.ts";
import type { BodyTarget, PushedResponse } from "../../src/worker/response_parts.ts";

/** What comes of a body that was written before the response was taken. */
async function sent(
  write: (body: OutgoingBody) => void,
  length: number | undefined,
): Promise<string[]> {
  const told: string[] = [];
  const body = new OutgoingBody({
    onRoom: () => void told.push("room"),
    onDone: () => void told.push("done"),
    onUnwanted() {},
  }, length);
  write(body);
  const target: BodyTarget = {
    kept: null,
    respondFile: () => void told.push("file"),
    handBack: () => void told.push("back"),
    respondPlain: ({ body }) => void told.push(`plain ${body}`),
    respondPushed: () => told.push("pushed") > 0,
    push: (chunk) => told.push(new TextDecoder().decode(chunk)) > 0,
    endPushed: (trailerLines) => told.push(`end ${trailerLines}`) > 0,
    upgrade: () => told.push("upgrade") > 0,
    grant: (bytes) => void told.push(`grant ${bytes}`),
    failWith: (error) => void told.push(`${error}`),
    cut: () => void told.push("cut"),
  };
  const parts: PushedResponse = {
    status: 200,
    fieldLines: "",
    body: null,
    source: body,
    announcesTrailers: false,
  };
  body.pushTo(target, parts);
  await Promise.resolve();
  return told;
}

const ROWS: Readonly<
  Record<string, {
    readonly write: (body: OutgoingBody) => void;
    readonly length?: number;
    readonly told: readonly string[];
  }>
> = {
  "goes in one piece if it is complete, and as long as was said": {
    write: (body) => {
      body.write("äb");
      body.end("");
    },
    length: 3,
    told: ["plain äb", "done"],
  },
  "is pushed if it is not as long as was said": {
    write: (body) => {
      body.write("ab");
      body.end("");
    },
    length: 3,
    told: ["pushed", "ab", "end ", "done"],
  },
  "is pushed if nobody said how long it is": {
    write: (body) => {
      body.write("ab");
      body.end("");
    },
    told: ["pushed", "ab", "end ", "done"],
  },
  "is pushed with its trailers": {
    write: (body) => {
      body.write("ab");
      body.end("x-a: 1\r\n");
    },
    length: 2,
    told: ["pushed", "ab", "end x-a: 1\r\n", "done"],
  },
  "is pushed if more may come": {
    write: (body) => void body.write("ab"),
    length: 2,
    told: ["pushed", "ab", "room"],
  },
};

for (const [name, { write, length, told }] of Object.entries(ROWS)) {
  Deno.test(`a body that is written before its response is taken ${name}`, async () => {
    assertEquals(await sent(write, length), told);
  });
}
