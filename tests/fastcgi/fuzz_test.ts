import { assert, assertEquals } from "../support/assert.ts";
import type { Target } from "../support/fastcgi.ts";
import {
  ABORT_REQUEST,
  begin,
  concat,
  encodePairs,
  eventually,
  FILTER,
  GET_VALUES,
  opening,
  pieces,
  RawFastCgiClient,
  record,
  request,
  startFastCgi,
  STDIN,
  stream,
} from "../support/fastcgi.ts";
import { Random } from "../support/random.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const MAX_REQS = 300;

/** What web servers send: each with its own numbers, so that several can be put together. */
function seeds(id: number): Uint8Array[] {
  return [
    request(id, "/"),
    request(id, "/", { keepConn: false }),
    request(id, "/text", { body: "12345" }),
    request(id, "/text", { body: "x".repeat(3_000), params: { CONTENT_LENGTH: "" } }),
    request(id, "/stream"),
    request(id, "/large?n=70000"),
    request(id, "/throw"),
    request(id, "/break"),
    request(id, "/unread", { body: "y".repeat(2_000), pieceBytes: 100 }),
    request(id, "/filter", { role: FILTER, body: "b", data: "data" }),
    request(id, "/authorize", { role: 2, params: { HTTP_AUTHORIZATION: "right" } }),
    concat(opening(id, "/hang", { body: "12" }), pieces(STDIN, id, "1"), record(ABORT_REQUEST, id)),
    concat(
      opening(id, "/text", { body: "12" }),
      request(id + 1, "/"),
      stream(STDIN, id, "12"),
    ),
    record(GET_VALUES, 0, encodePairs({ FCGI_MAX_CONNS: "", FCGI_MPXS_CONNS: "" }), 4),
    record(99, 0, "unknown", 1),
    begin(id),
  ];
}

/** Changes `bytes` a little; few of the changes leave it whole. */
function mutated(random: Random, bytes: Uint8Array): Uint8Array {
  let result = bytes.slice();
  for (let changes = random.below(4); changes > 0; changes--) {
    const at = random.below(result.length);
    const end = Math.min(result.length, at + 1 + random.below(random.pick([4, 40, 400])));
    switch (random.below(7)) {
      case 0:
        result[at] = random.below(256);
        break;
      case 1:
        result[at] ^= 1 << random.below(8);
        break;
      case 2:
        result[at] = random.pick([0, 1, 2, 3, 4, 5, 8, 11, 127, 128, 255]);
        break;
      case 3:
        result = concat(result.subarray(0, at), result.subarray(end));
        break;
      case 4:
        result = concat(result.subarray(0, end), result.subarray(at));
        break;
      case 5:
        result = concat(
          result.subarray(0, at),
          Uint8Array.from({ length: random.below(20) }, () => random.below(256)),
          result.subarray(at),
        );
        break;
      default:
        result = result.slice(0, at);
    }
    if (result.length === 0) return result;
  }
  return result;
}

/** Sends `bytes` in pieces, and reads for a moment what comes of it. */
async function attack(random: Random, target: Target, bytes: Uint8Array): Promise<void> {
  using client = await RawFastCgiClient.connect(target);
  const leaves = random.below(3);
  try {
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + random.below(random.pick([10, 1_000, 100_000]));
      await client.send(bytes.slice(at, end));
      at = end;
    }
    if (leaves === 0) return;
    if (leaves === 1) await client.closeWrite();
  } catch {
    // The gateway has closed the connection.
  }
  const timer = setTimeout(() => client[Symbol.dispose](), 30);
  try {
    const chunk = new Uint8Array(65_536);
    while (await client.conn.read(chunk) !== null);
  } catch {
    // Closed, by either side.
  }
  clearTimeout(timer);
}

for (const workers of ["1", "0"]) {
  Deno.test(`1,000 mutated streams hurt nobody (--workers ${workers})`, async () => {
    await using gateway = await startFastCgi([
      APP,
      "--workers",
      workers,
      `--max-reqs=${MAX_REQS}`,
    ]);
    const { fastcgiPort } = gateway;
    const random = new Random(11);
    let left = 1_000;
    /** Requests that have to be answered meanwhile. */
    const enough = 100;
    let attacking = true;
    let checked = 0;
    const attackOn = async (): Promise<void> => {
      while (attacking && (left-- > 0 || checked < enough)) {
        const parts: Uint8Array[] = [];
        for (let i = 1 + random.below(4); i > 0; i--) {
          parts.push(random.pick(seeds(1 + random.below(random.pick([3, 65_000])))));
        }
        await attack(random, fastcgiPort, mutated(random, concat(...parts)));
      }
    };
    const check = async (): Promise<void> => {
      using client = await RawFastCgiClient.connect(fastcgiPort);
      while (attacking) {
        const tags = Array.from({ length: 5 }, () => `${checked++} ${random.next()}`);
        const ids = tags.map((_, i) => 1 + i * 1_000);
        await client.send(...ids.map((id, i) => request(id, "/text", { body: tags[i] })));
        for (const [i, id] of ids.entries()) {
          const reply = await client.reply(id);
          assertEquals([reply.status, reply.appStatus, reply.body], [200, 0, tags[i]]);
        }
      }
    };
    const checking = check().finally(() => attacking = false);
    try {
      await Promise.all(Array.from({ length: 8 }, attackOn));
    } finally {
      attacking = false;
      await checking;
    }
    await eventually("no request is left behind", async () => {
      using client = await RawFastCgiClient.connect(fastcgiPort);
      const ids = Array.from({ length: MAX_REQS }, (_, i) => i + 1);
      // None of them ends before the last one has begun.
      await client.send(concat(...ids.map((id) => opening(id, "/text", { body: "1" }))));
      await client.send(concat(...ids.map((id) => stream(STDIN, id, "1"))));
      const replies = await Promise.all(ids.map((id) => client.reply(id)));
      return replies.every(({ body }) => body === "1");
    });
    const faults = gateway.log.filter((line) => /died|uncaught|^error: fastcgi/i.test(line));
    assert(faults.length === 0, faults.join("\n"));
  });
}
